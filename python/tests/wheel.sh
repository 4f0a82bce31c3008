#!/usr/bin/env bash
# wheel.sh VENV WHEELS OUT: repairs the wheel in WHEELS to a manylinux tag with VENV's auditwheel, installs it in a fresh
# environment, OUT/venv, and imports it there: with its own libraries and not this system's.
set -euo pipefail
venv=$1 wheels=$2 out=$3
PATH=$venv/bin:$PATH auditwheel repair "$wheels"/maml-*.whl -w "$out"
wheel=$(echo "$out"/maml-*manylinux*.whl)
[ -f "$wheel" ] || { echo "no wheel with a manylinux tag in $out"; exit 1; }
"$venv/bin/python" -m venv "$out/venv"
"$out/venv/bin/pip" install -q "$wheel"
cd /
env -i PATH=/usr/bin:/bin "$out/venv/bin/python" - <<'PY'
import bz2, ctypes, hashlib, lzma, zlib  # Python's own modules that bring along libraries of the system
import os
import re
import sys
from importlib.metadata import version

import numpy as np


def libraries():
    """Shared libraries in this process, by path."""
    return {line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}


before = libraries()
import maml

model = maml.Model(input=[1], layers=["linear 8", "relu", "linear 1"])
x = np.ones((2, 5, 1), "f4")
print(maml.__version__, maml.isa(), maml.meta_gradient(model, model.init(0), (x, x), (x, x)).loss)
assert maml.__version__ == version("maml"), maml.__version__
# Of the system come Python's own modules and what every manylinux system has.
everywhere = re.compile(r"(ld-linux.*|lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+|z))[.-].*")
own = (sys.prefix + "/", sys.base_prefix + "/lib/python")
new = [path for path in libraries() - before if not path.startswith(own)]
of_system = [path for path in new if not everywhere.fullmatch(os.path.basename(path))]
assert any("_maml" in path for path in libraries()) and not of_system, of_system
assert "sinusoid-10shot" in maml.presets(), maml.presets()
assert {"_maml.pyi", "py.typed"} <= set(os.listdir(os.path.dirname(maml.__file__))), "no types beside maml"
PY
