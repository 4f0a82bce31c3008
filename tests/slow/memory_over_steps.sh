#!/usr/bin/env bash
# Under a low budget, peak resident memory with K = 100 inner steps is at most 1.2 times that with K = 5, and an inner
# step takes at most twice the time it takes with all tapes kept. One thread: where a budget is too low for two workers,
# one works, and times would not compare.
set -euo pipefail
cd "$TMP"
cat >wide.toml <<'TOML'
[model]
input = [1]
layers = ["linear 400", "tanh", "linear 400", "tanh", "linear 1"]
loss = "mse"
[inner]
steps = 5
alpha = 0.0001
[data]
domain = "sinusoid"
shots = 400
tasks = 1
[train]
iterations = 12
TOML
bench() { "$MAML" bench wide.toml --threads 1 --json --set "inner.steps=$1" --set "train.memory_mib=$2"; }
bench 5 48 >low5.json
bench 100 48 >low100.json
bench 100 2000 >high100.json
python3 - <<'PY'
import json
low5, low100, high100 = (json.load(open(f + ".json")) for f in ("low5", "low100", "high100"))
print({k: (v["peak_rss_mb"], v["seconds_per_iteration"]) for k, v in
       {"low5": low5, "low100": low100, "high100": high100}.items()}, low100["isa"])
assert low100["peak_rss_mb"] <= 1.2 * low5["peak_rss_mb"]
assert high100["peak_rss_mb"] > 2 * low100["peak_rss_mb"], "the budget was not low"
assert low100["seconds_per_iteration"] <= 2 * high100["seconds_per_iteration"]
assert low100["seconds_per_iteration"] / 100 <= 2 * low5["seconds_per_iteration"] / 5
PY
