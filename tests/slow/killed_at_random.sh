#!/usr/bin/env bash
# 20 SIGKILLs at random moments, resumed after each, in as many runs as it takes: the bytes of a run never killed.
set -euo pipefail
cd "$TMP"
settings=(--set train.iterations=12000 --set train.checkpoint_every=500 --set train.validate_every=1000 --threads 2 --quiet)
start=$(date +%s.%N)
"$MAML" train sinusoid-10shot "${settings[@]}" --out whole
seconds=$(echo "$(date +%s.%N) - $start" | bc)
compare() {
  for file in checkpoint.safetensors best.safetensors metrics.csv eval.json; do
    cmp "whole/$file" "run/$file" || { echo "$file differs after $kills kills"; exit 1; }
  done
}
go_on() {
  if [ -e run/checkpoint.safetensors ]; then "$MAML" train --resume run --quiet &
  else "$MAML" train sinusoid-10shot "${settings[@]}" --out run --overwrite & fi
  pid=$!
}
kills=0
go_on
while [ "$kills" -lt 20 ]; do
  sleep "$(echo "scale=4; $seconds * (0.02 + 0.2 * $RANDOM / 32768)" | bc)"
  if kill -9 "$pid" 2>/dev/null; then
    kills=$((kills + 1))
    wait "$pid" 2>/dev/null || true
  else  # it came to its end first
    wait "$pid"
    compare
    rm -rf run
  fi
  go_on
done
wait "$pid"
compare
echo "$kills kills"
