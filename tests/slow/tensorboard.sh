#!/usr/bin/env bash
# TensorBoard's own package reads what we write: a run killed and resumed, its pictures, and `maml export --format
# tensorboard` of a finished one, give the numbers of metrics.csv, timing.csv and eval.json, and its HPARAMS page.
set -euo pipefail
cd "$TMP"
source "$ROOT/tests/slow/packages.sh"
settings=(--set train.iterations=40 --set train.checkpoint_every=10 --set train.validate_every=20
  --set train.log_every=5 --quiet)
"$MAML" train sinusoid-10shot "${settings[@]}" --out runs/whole
status=0
MAML_KILL_AT=checkpoint.before_write:4 "$MAML" train sinusoid-10shot "${settings[@]}" --tensorboard --out runs/killed ||
  status=$?
test "$status" = 137
cp -r runs/killed torn
"$MAML" train --resume runs/killed --quiet
for file in checkpoint.safetensors best.safetensors metrics.csv eval.json; do cmp "runs/whole/$file" "runs/killed/$file"; done
# A record that was being written when the power went.
printf '\x20\0\0\0\0\0' >>"$(ls torn/events*)"
mkdir exported
"$MAML" export runs/whole --format tensorboard --out exported/whole.tfevents
if command -v gnuplot >/dev/null; then
  "$MAML" plot runs/killed --tasks 20
else
  echo "SKIPPED a run's pictures in TensorBoard: gnuplot is not installed (apt install gnuplot-nox)"
fi
"$python" "$ROOT/tests/slow/tensorboard_read.py" runs/killed torn exported runs/whole
