#!/usr/bin/env bash
# 20 SIGKILLs at random moments of one run, resumed after each: the bytes of a run never killed.
set -euo pipefail
cd "$TMP"
settings=(--set train.iterations=12000 --set train.checkpoint_every=500 --set train.validate_every=1000 --threads 2 --quiet)
start=$(date +%s.%N)
"$MAML" train sinusoid-10shot "${settings[@]}" --out whole
seconds=$(echo "$(date +%s.%N) - $start" | bc)
"$MAML" eval whole --tasks 100 --json >/dev/null
"$MAML" train sinusoid-10shot "${settings[@]}" --out run &
pid=$!
kills=0
for i in $(seq 1 20); do
  sleep "$(echo "scale=4; $seconds * (0.02 + 0.08 * $RANDOM / 32768)" | bc)"
  if kill -9 "$pid" 2>/dev/null; then kills=$((kills + 1)); fi
  wait "$pid" 2>/dev/null || true
  if [ -e run/checkpoint.safetensors ]; then "$MAML" train --resume run --quiet &
  else "$MAML" train sinusoid-10shot "${settings[@]}" --out run --overwrite & fi
  pid=$!
done
wait "$pid"
"$MAML" eval run --tasks 100 --json >/dev/null
for file in checkpoint.safetensors best.safetensors metrics.csv eval.json; do
  cmp "whole/$file" "run/$file" || { echo "$file differs after $kills kills"; exit 1; }
done
test "$kills" -ge 10 || { echo "only $kills kills fell into the run"; exit 1; }
echo "$kills kills"
