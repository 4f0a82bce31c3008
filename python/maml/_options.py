"""Keyword arguments as the keys of a config: inner_steps=3 is inner.steps = 3."""

import difflib
import functools
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from . import _maml
from ._maml import Error

ALIASES = {"algorithm": "outer.algorithm", "inner_lr": "inner.alpha", "outer_lr": "outer.rate",
           "iterations": "train.iterations", "seed": "train.seed", "threads": "train.threads"}


class Option(NamedTuple):
    """A key of a config."""

    keyword: str
    """What MetaLearner calls it: inner_steps."""
    key: str
    """What a config calls it: inner.steps."""
    type: str
    default: str
    """As in TOML; without a preset MetaLearner begins with inner_alpha 0.01 and data_domain "given"."""
    help: str


def options() -> list[Option]:
    """Every key of a config, in its order."""
    return [Option(key.replace(".", "_", 1), key, *rest) for key, *rest in _maml.describe_options()]


def toml(value: Any, keyword: str) -> str:
    """keyword: stands in messages."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {toml(item, keyword)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(item, keyword) for item in value) + "]"
    if hasattr(value, "tolist"):  # NumPy's
        return toml(value.tolist(), keyword)
    if isinstance(value, (int, float)):
        return repr(value)
    raise Error(f"[{keyword}] is {value!r}, which is neither a number, a text, a list nor a table")


def key_of(keyword: str) -> str:
    return ALIASES.get(keyword) or keyword.replace("_", ".", 1)


@functools.cache
def _known() -> frozenset[str]:
    return frozenset(ALIASES) | {option.keyword for option in options()}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """To be put behind an error's text."""
    near = difflib.get_close_matches(word, known, 1)
    return f"; did you mean {near[0]}?" if near else ""


def apply(options: Any, keywords: Mapping[str, Any]) -> Any:
    """The options with these keywords set, but those that are None."""
    named: dict[str, str] = {}
    for keyword, value in keywords.items():
        if keyword not in _known():
            raise Error(f"[{keyword}] is no option{did_you_mean(keyword, _known())} (they are a config's keys with _ "
                        "for the first dot)")
        if value is None:
            continue
        other = named.setdefault(key_of(keyword), keyword)
        if other != keyword:
            raise Error(f"[{keyword}] is {other} by another name (give one of them)")
        options.set(f"{key_of(keyword)}={toml(value, keyword)}")
    return options


def make(keywords: Mapping[str, Any]) -> Any:
    return apply(_maml.Options(), keywords)
