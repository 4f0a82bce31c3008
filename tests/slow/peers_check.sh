#!/usr/bin/env bash
# bench-peers' check of meta-gradients: each way in which a system may compute something else is found, by files that we
# made up. NumPy and safetensors are needed, the systems compared with are not.
set -euo pipefail
cd "$TMP"
source "$ROOT/tests/slow/packages.sh"
PYTHONPATH=$ROOT/bench/peers "$python" -B - <<'PY'
import numpy as np
from safetensors.numpy import save_file

import checks, plan

rng = np.random.default_rng(0)
GRADIENT = {f"gradient.{name}": rng.standard_normal(shape) for name, shape in (("weight", (40, 3)), ("bias", (40,)))}
MOMENT = {f"moment.{name}": rng.standard_normal(shape) for name, shape in (("weight", (40, 3)), ("bias", (40,)))}
EXACT = GRADIENT | MOMENT


def scaled(what, factor):
    return lambda arrays: {k: v * (factor if k.startswith(what) else 1) for k, v in arrays.items()}


def without(name):
    return lambda arrays: {k: v for k, v in arrays.items() if k != name}


def noisy(relative):
    return lambda arrays: {k: v * (1 + relative * rng.choice((-1, 1), v.shape)) for k, v in arrays.items()}


same = lambda arrays: arrays
# What a system does to (float64, float32), by the name of its form.
RIGHT = {"same": (same, same), "rounds": (noisy(1e-12), noisy(1e-6))}
WRONG = {
    "too_large": (scaled("gradient", 1.00001), scaled("gradient", 1.00001)),
    "nothing": (scaled("gradient", 0), scaled("gradient", 0)),
    "opposite": (scaled("gradient", -1), scaled("gradient", -1)),
    "half_precision": (same, noisy(1e-3)),
    "other_batch": (scaled("moment", 1.05), same),
    "one_lacks": (without("gradient.bias"), without("gradient.bias")),
    "turned": (lambda arrays: {k: v.T for k, v in arrays.items()},) * 2,
    "not_a_number": (scaled("gradient", float("nan")),) * 2,
}


class MadeUp:
    """Runner's part in a check."""

    def export(self, workload):
        pass

    def check(self, system, form, workload, dtype):
        if form == "fails":
            return {"error": "no such form"}
        if system == "maml":
            change = noisy(1e-7) if dtype == "float32" else same
        else:
            change = (RIGHT | WRONG)[form][dtype == "float32"]
        arrays = {k: np.ascontiguousarray(v.astype(dtype)) for k, v in change(EXACT).items()}
        save_file(arrays, f"{system}.{form}.{dtype}.safetensors")
        return {"file": f"{system}.{form}.{dtype}.safetensors"}


for workload in ("sinusoid", *plan.SMOOTH.values()):
    pairs = [("jax", form) for form in (*RIGHT, *WRONG, "fails")]
    ((name, rows),) = checks.check_equal(MadeUp(), {workload: pairs})
    assert name == workload and len(rows) == len(pairs) + 1, rows
    found = {row["form"] for row in checks.disagreeing(rows)}
    assert found == set(WRONG), (workload, found ^ set(WRONG), rows)
    assert checks.broken(rows) == {(workload, "jax", "fails")}, rows
PY
