"""The Python blocks of the pages run, in order, each page in one namespace; those that need torch or jax in a test of
their own, with what stands before them."""

import re
from pathlib import Path

import pytest

from peers import peer

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page):
    text = (DOCS / page).read_text()
    for found in re.finditer(r"^```python\n(.*?)^```$", text, re.M | re.S):
        yield text[:found.start()].count("\n") + 1, found[1]


def run(page, tmp_path, monkeypatch, framework=None):
    """Runs the blocks that need nothing or `framework`; gives their number."""
    if framework:
        peer(framework)
    monkeypatch.chdir(tmp_path)
    space = {"__name__": "page"}
    count = 0
    for line, source in blocks(page):
        needs = re.search(r"# needs (\w+)", source)
        if needs and needs[1] != framework:
            continue
        # Lines of messages are those of the page.
        exec(compile("\n" * line + source, str(DOCS / page), "exec"), space)
        count += 1
    space.clear()
    return count


def test_readme():
    lines = re.findall("^    >>> (.*)$", (DOCS.parent / "README.md").read_text(), re.M)
    assert len(lines) == 3
    exec("\n".join(lines), {})


def test_python_page(tmp_path, monkeypatch):
    assert run("python.md", tmp_path, monkeypatch) >= 4


@pytest.mark.parametrize("framework", ["jax", pytest.param("torch", marks=pytest.mark.torch)])
def test_python_page_with(framework, tmp_path, monkeypatch):
    assert run("python.md", tmp_path, monkeypatch, framework) >= 5


def test_tutorial(tmp_path, monkeypatch, capsys):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    assert run("tutorial.md", tmp_path, monkeypatch) >= 7
    for name in ("tasks.png", "learning.png", "adapted.png"):
        assert (tmp_path / name).stat().st_size > 5000
    assert "trained:" in capsys.readouterr().out
