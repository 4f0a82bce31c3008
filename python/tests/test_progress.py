"""The progress bar of fit: in a terminal, in a notebook, and where nobody looks."""

import json
import os
import pty
import select
import sys
import termios
import types

import pytest

from conftest import regressor, sine


def test_a_progress_bar(capsys):
    regressor().fit(sine, iterations=3, progress=True)
    shown = capsys.readouterr().err
    assert "3/3" in shown and "mse" in shown
    regressor().fit(sine, iterations=3)  # nobody looks
    assert capsys.readouterr().err == ""


def test_a_progress_bar_in_a_terminal(monkeypatch):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))

    def shown():
        text = b""
        while select.select([ours], [], [], 0.2)[0]:
            text += os.read(ours, 4096)
        return text.decode()
    with open(theirs, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        regressor().fit(sine, iterations=3)
        assert "3/3" in shown()
        regressor().fit(sine, iterations=3, progress=False)
        assert shown() == ""
    os.close(ours)


def test_a_progress_bar_in_a_notebook(capsys, monkeypatch):
    shell = types.SimpleNamespace(config={"IPKernelApp": {}})
    for now, shown in ((shell, "3/3"), (types.SimpleNamespace(config={}), ""), (None, "")):
        monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: now))
        regressor().fit(sine, iterations=3)
        assert shown in (err := capsys.readouterr().err) and bool(shown) == bool(err)


def test_a_progress_bar_in_jupyter():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel"), pytest.importorskip("ipywidgets")
    cell = nbformat.v4.new_code_cell("import maml\nlearner = maml.MetaLearner('sinusoid-10shot').fit(iterations=30)")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(notebook, timeout=120, startup_timeout=120, kernel_name="python3").execute()
    assert any("widget-view" in json.dumps(output) for output in cell.outputs), cell.outputs
    assert "30/30" in json.dumps(notebook.metadata)
