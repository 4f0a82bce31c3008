"""Where jax and torch come from: this environment, or that of scripts/bench-peers (build/peers/venv, or the folder of
site-packages that MAML_PEERS names). Tests that need what is not there are skipped."""

import glob
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLACES = [os.environ["MAML_PEERS"]] if os.environ.get("MAML_PEERS") else glob.glob(
    str(ROOT / f"build/peers/venv/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"))


def peer(name):
    sys.path.extend(place for place in PLACES if place not in sys.path)
    try:
        return pytest.importorskip(name, exc_type=ImportError)
    except TypeError:  # an older pytest
        return pytest.importorskip(name)
