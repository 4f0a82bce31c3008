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
# What cannot be kept is told all the same.
cp -r run spoilt
echo '{' >spoilt/eval.json
status=0
"$MAML" eval spoilt --json >spoilt.txt 2>complaint.txt || status=$?
test "$status" = 2
cmp own.txt spoilt.txt
grep -q '\[spoilt/eval.json\] holds no evaluations (remove it)' complaint.txt
# As CSV: the same numbers, to the bit; a comma in a name is quoted.
cp -r run 'a, "run"'
"$MAML" eval 'a, "run"' --csv >eval.csv
python3 - <<'PY'
import csv, json
rows = list(csv.DictReader(open("eval.csv", newline="")))
own, = json.load(open("own.txt"))["evaluations"]
assert [(int(r["step"]), float(r["mean"]), float(r["ci95"])) for r in rows] == \
    [(s["step"], s["mean"], s["ci95"]) for s in own["steps"]], rows
for r in rows:
    assert r["run"] == 'a, "run"' and r["metric"] == own["metric"] and int(r["iteration"]) == own["iteration"], r
    assert r["statistics"] == r["alpha"] == "" and None not in r, r
    for key in ("name", "split", "tasks", "ways", "shots", "query_shots", "seed"):
        assert r["protocol" if key == "name" else key] == str(own["protocol"][key]), (key, r)
PY
# Published values stand beside their own protocol alone; strict has 15 query examples whatever the shots.
"$MAML" train sinusoid-5shot --set data.shots=15 --set train.iterations=2 --quiet --out published
"$MAML" eval published --tasks 20 | grep 'published' >/dev/null
for other in '--protocol strict' '--query-shots 3' '--statistics support' '--shots 5'; do
  "$MAML" eval published --tasks 20 $other >table.txt
  if grep ' published' table.txt; then echo "eval $other shows published values"; exit 1; fi
done
"$MAML" eval published --protocol strict --shots 5 --tasks 20 | grep '5 shots, 15 queries' >/dev/null
"$MAML" eval run --tasks 20 --shots 5 --alpha 0.002 --seed 3 | grep 'step' >/dev/null
if command -v gnuplot >/dev/null; then
  "$MAML" plot run
  test "$(ls run/plots/*.png | wc -l)" -ge 3
  test "$(ls run/plots/*.svg | wc -l)" -ge 3

  # A run on drawn pictures: predictions and filters too; packed for keeping, only into another folder.
  python3 "$ROOT/tests/e2e/draw_pictures.py"
  "$MAML" data import images leaves --split 6/2/2 --quiet
  cat - "$ROOT/tests/e2e/leaves_tasks.toml" >leaves.toml <<'TOML'
[model]
input = [20, 20, 3]
layers = ["conv2d 10 stride=2", "batch_norm", "relu", "global_mean", "linear 2"]
loss = "cross_entropy"
[train]
iterations = 20
log_every = 5
validate_every = 10
[eval]
tasks = 20
steps = 2
TOML
  "$MAML" train leaves.toml --out images --quiet
  "$MAML" plot images --tasks 20
  for name in learning steps gallery filters; do test -s "images/plots/$name.png" && test -s "images/plots/$name.svg"; done
  grep -q 'query images right' images/plots/gallery.svg
  grep -q 'All 10 filters of conv1, 3 x 3' images/plots/filters.svg
  mkdir packed
  cp images/config.toml packed/
  cp images/best.safetensors packed/parameters.safetensors
  if "$MAML" plot packed 2>refused.txt; then exit 1; fi
  grep -q 'name a folder with --out' refused.txt
  "$MAML" plot packed --tasks 20 --out pictures | grep -q 'left out: learning'
  cmp pictures/gallery.png images/plots/gallery.png
  test ! -e packed/plots
else
  echo "SKIPPED maml plot: gnuplot is not installed (apt install gnuplot-nox)"
fi
"$MAML" info run | grep 'linear1.weight' >/dev/null
"$MAML" info sinusoid-10shot | grep 'alpha' >/dev/null
"$MAML" presets | grep 'sinusoid-5shot' >/dev/null
"$MAML" version | grep '[0-9]\.[0-9]' >/dev/null
"$MAML" train --resume run --set train.iterations=80 --quiet
test "$(tail -n 1 run/metrics.csv | cut -d, -f1)" = 80
# Logged for TensorBoard from now on: all rows from the beginning.
"$MAML" train --resume run --set train.iterations=100 --tensorboard --quiet
test "$(ls run | grep -c '^events.out.tfevents.[0-9]*.maml$')" = 1
test "$(grep -ao 'train/mse_after' run/events.* | wc -l)" = "$(tail -n +2 run/metrics.csv | wc -l)"
