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
    cpu = next(
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
        "cpu": cpu,
        "instruction_sets": sets,
        "processors": len(os.sched_getaffinity(0)),
        "commit": commit,
    }


def made_by(program, document):
    """For each system what its results belong to: machine, versions, and for maml.cpp the very program."""
    machine = [document["cpu"], *document["instruction_sets"], document["processors"]]
    found = document["versions"]
    needs = {system: ("numpy", *modules) for system, modules in plan.MODULES.items()}
    made = {
        system: json.dumps([*machine, document["python"], *(f"{name} {found[name]}" for name in names)])
        for system, names in needs.items()
    }
    digest = hashlib.sha256(program.read_bytes()).hexdigest() if program.exists() else "absent"
    return made | {"maml": json.dumps([*machine, digest])}
