#!/usr/bin/env bash
# A short run from config to plots: every file of the run folder, JSON that parses, a resume of a finished run.
set -euo pipefail
cd "$TMP"
"$MAML" train sinusoid-10shot --set train.iterations=60 --set train.validate_every=30 --set train.checkpoint_every=20 \
  --out run --quiet
for file in config.toml metrics.csv timing.csv checkpoint.safetensors best.safetensors; do test -s "run/$file"; done
test "$(head -n 1 run/metrics.csv | cut -d, -f1)" = iteration
"$MAML" eval run --tasks 50 --steps 10 --json >eval.txt
python3 - <<'PY'
import json
result, = json.load(open("eval.txt"))["evaluations"]
assert result["metric"] == "mse" and result["protocol"]["tasks"] == 50, result
assert [row["step"] for row in result["steps"]] == list(range(11)), result
assert all(row["mean"] > 0 and row["ci95"] > 0 for row in result["steps"]), result
PY
"$MAML" eval run --json >own.txt
cmp own.txt run/eval.json
"$MAML" eval run --tasks 20 --shots 5 --alpha 0.002 --seed 3 | grep 'step' >/dev/null
if command -v gnuplot >/dev/null; then
  "$MAML" plot run
  test "$(ls run/plots/*.png | wc -l)" -ge 3
  test "$(ls run/plots/*.svg | wc -l)" -ge 3
fi
"$MAML" info run | grep 'linear1.weight' >/dev/null
"$MAML" info sinusoid-10shot | grep 'alpha' >/dev/null
"$MAML" presets | grep 'sinusoid-5shot' >/dev/null
"$MAML" version | grep '[0-9]\.[0-9]' >/dev/null
"$MAML" train --resume run --set train.iterations=80 --quiet
test "$(tail -n 1 run/metrics.csv | cut -d, -f1)" = 80
