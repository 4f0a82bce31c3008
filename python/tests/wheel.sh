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
import os

import maml
import numpy as np
model = maml.Model(input=[1], layers=["linear 8", "relu", "linear 1"])
x = np.ones((2, 5, 1), "f4")
print(maml.__version__, maml.isa(), maml.meta_gradient(model, model.init(0), (x, x), (x, x)).loss)
loaded = {line.split()[-1] for line in open("/proc/self/maps") if "/" in line}
of_system = sorted(path for path in loaded if "libhwy" in path and "maml.libs" not in path)
assert not of_system, of_system
assert "sinusoid-10shot" in maml.presets(), maml.presets()
assert {"_maml.pyi", "py.typed"} <= set(os.listdir(os.path.dirname(maml.__file__))), "no types beside maml"
PY
