"""Keyword arguments as the keys of a config: inner_steps=3 is inner.steps = 3."""

import json
from collections.abc import Mapping
from typing import Any

from . import _maml
from ._maml import Error

ALIASES = {"algorithm": "outer.algorithm", "inner_lr": "inner.alpha", "outer_lr": "outer.rate",
           "iterations": "train.iterations", "seed": "train.seed", "threads": "train.threads"}


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml, value)) + "]"
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, (int, float)):
        return repr(value)
    raise Error(f"[options] {value!r} is neither a number, a text, a list nor a table")


def key_of(keyword: str) -> str:
    return ALIASES.get(keyword) or keyword.replace("_", ".", 1)


def apply(options: Any, keywords: Mapping[str, Any]) -> Any:
    """The options with these keywords set; the library names unknown ones and the nearest known."""
    for keyword, value in keywords.items():
        if value is not None:
            options.set(f"{key_of(keyword)}={toml(value)}")
    return options


def make(keywords: Mapping[str, Any]) -> Any:
    return apply(_maml.Options(), keywords)
