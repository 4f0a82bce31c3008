"""What was measured on, and of what: the machine, the systems' versions, and the program of maml.cpp."""

import hashlib
import json
import os
import pathlib
import platform
import subprocess
import sys

import plan
import workloads

sys.path.insert(1, str(workloads.ROOT / "bench"))
import guard


def versions():
    """What the tables' readers need to know of this machine and these systems."""
    from importlib import metadata

    def version(package):
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return ""

    found = {name: version(name) for name in ("jax", "torch", "higher", "numpy")}
    site = pathlib.Path(sys.prefix).glob("lib/python*/site-packages/learn2learn/_version.py")
    found["learn2learn"] = next((path.read_text().split("'")[1] for path in site), "")
    name = next(
        (line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    flags = next((line.split(":", 1)[1].split() for line in open("/proc/cpuinfo") if line.startswith("flags")), [])
    sets = [name for name in ("avx2", "fma", "avx512f", "amx_tile") if name in flags]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=workloads.ROOT, capture_output=True, text=True
    ).stdout.strip()
    return {
        "versions": found,
        "python": platform.python_version(),
        "cpu": f"{name} ({guard.processor()})",
        "instruction_sets": sets,
        "processors": len(os.sched_getaffinity(0)),
        "commit": commit,
    }


def identity(program, document):
    """What results must have in common to stand in one table: machine, versions, the very program of maml.cpp, and what
    decides what is measured and how. As text."""
    here = pathlib.Path(__file__).resolve().parent
    measuring = ("peer.py", *(f"{system}_peer.py" for system in plan.MODULES), "runner.py", "workloads.py")
    files = [*(here / name for name in measuring), *sorted((workloads.ROOT / "presets").glob("*.toml")), program]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes() if file.exists() else b"absent")
    return json.dumps(
        [guard.processor(), document["instruction_sets"], document["processors"], document["python"]]
        + [document["versions"], digest.hexdigest()]
    )
