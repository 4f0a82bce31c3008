"""The Python of docs/coming-from.md: what is ours runs, in order, and means what the page says."""

import pathlib
import re

import numpy as np
import pytest

import maml

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "coming-from.md"
THEIRS = re.compile(r"\b(l2l|torch|torchopt|higher)\.")


def blocks():
    if not PAGE.exists():
        pytest.skip(f"{PAGE} is not beside these tests")
    return re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)


def test_snippets_of_coming_from(rng):
    x = lambda rows: rng.random((2, rows, 28, 28, 1)).astype("f4")
    labels = lambda rows: np.tile(np.arange(rows) % 5, (2, 1))
    names = {"maml": maml, "support_x": x(5), "support_y": labels(5), "query_x": x(10), "query_y": labels(10)}
    ours = [block for block in blocks() if not THEIRS.search(block)]
    assert len(ours) == 3
    learner, outer_loop, adaptation = ours
    for block in blocks():
        compile(block, str(PAGE), "exec")

    kinds = np.repeat(["a", "b", "c", "d", "e", "f", "g"], 3)
    names |= {"pictures": x(len(kinds))[0], "labels": kinds, "new_pictures": x(5)[0], "new_labels": kinds[::3][2:],
              "more_pictures": x(4)[0]}
    assert "iterations=60000" in learner
    exec(learner.replace("iterations=60000", "iterations=2"), names)
    assert names["learner"].iteration == 2
    assert list(names["adapted"].classes) == list("cdefg")

    exec(outer_loop, names)
    model, start = names["model"], names["model"].init(seed=0)
    assert set(names["params"]) == set(model.shapes)
    for name, value in names["params"].items():
        np.testing.assert_array_equal(value, start[name] - 1e-3 * names["found"].gradient[name])
    assert any(np.any(value != start[name]) for name, value in names["params"].items())

    exec(adaptation, names)
    support, query = (names["support_x"], names["support_y"]), (names["query_x"], names["query_y"])
    whole = maml.meta_gradient(model, names["params"], support, query, inner_lr=0.1, inner_steps=5)
    np.testing.assert_allclose(names["losses"], whole.losses, rtol=1e-6)
    for name, each in names["gradient"].items():
        assert each.shape == (2, *model.shapes[name])
        np.testing.assert_allclose(each.mean(0), whole.gradient[name], rtol=1e-4, atol=1e-6)
