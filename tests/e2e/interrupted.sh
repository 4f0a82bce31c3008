#!/usr/bin/env bash
# Ctrl-C and SIGTERM: the iteration is finished, all is saved, one line says how to go on, exit status 130; and the
# resumed run ends with the bytes of one that was never stopped.
set -euo pipefail
cd "$TMP"
settings=(--set train.iterations=3000 --set train.checkpoint_every=1000 --set train.validate_every=500 --quiet)
"$MAML" train sinusoid-5shot "${settings[@]}" --out whole
for signal in INT TERM; do
  rm -rf run
  "$MAML" train sinusoid-5shot "${settings[@]}" --out run 2>err.txt &
  pid=$!
  until [ -e run/checkpoint.safetensors ]; do sleep 0.01; done
  kill -$signal $pid
  status=0
  wait $pid || status=$?
  test "$status" = 130 || { echo "SIG$signal: exit status $status"; cat err.txt; exit 1; }
  test "$(wc -l <err.txt)" = 1
  grep -q 'go on with: maml train --resume run$' err.txt
  "$MAML" train --resume run --quiet
  for file in checkpoint.safetensors best.safetensors metrics.csv eval.json; do
    cmp "whole/$file" "run/$file" || { echo "SIG$signal: $file differs"; exit 1; }
  done
done

# Several seeds: those that had not begun are found by the resume, and the folder ends like runs of one seed each.
"$MAML" train sinusoid-5shot "${settings[@]}" --seeds 0..1 --out seeds 2>err.txt &
pid=$!
until [ -e seeds/seed-0/checkpoint.safetensors ]; do sleep 0.01; done
kill -INT $pid
wait $pid || true
"$MAML" train --resume seeds --quiet
cmp whole/checkpoint.safetensors seeds/seed-0/checkpoint.safetensors
"$MAML" train sinusoid-5shot "${settings[@]}" --seed 1 --out one
cmp one/checkpoint.safetensors seeds/seed-1/checkpoint.safetensors
"$MAML" eval seeds --tasks 20 --json >seeds.json
python3 -c 'import json; spread, = json.load(open("seeds.json"))["evaluations"]; assert spread["runs"] == 2, spread'
