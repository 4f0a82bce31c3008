"""The Python blocks of the pages run, in order, each page in one namespace; those that need torch or jax only where it
is."""

import re
from pathlib import Path

import pytest

from peers import peer

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page):
    text = (DOCS / page).read_text()
    for found in re.finditer(r"^```python\n(.*?)^```$", text, re.M | re.S):
        yield text[:found.start()].count("\n") + 1, found[1]


def run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = {"__name__": "page"}
    count = 0
    for line, source in blocks(page):
        needs = re.search(r"# needs (\w+)", source)
        if needs:
            try:
                peer(needs[1])
            except pytest.skip.Exception:
                continue
        # Lines of messages are those of the page.
        exec(compile("\n" * line + source, str(DOCS / page), "exec"), space)
        count += 1
    space.clear()
    return count


def test_python_page(tmp_path, monkeypatch):
    assert run("python.md", tmp_path, monkeypatch) >= 4


def test_tutorial(tmp_path, monkeypatch, capsys):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    assert run("tutorial.md", tmp_path, monkeypatch) >= 7
    for name in ("tasks.png", "learning.png", "adapted.png"):
        assert (tmp_path / name).stat().st_size > 5000
    assert "trained:" in capsys.readouterr().out
