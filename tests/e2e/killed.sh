#!/usr/bin/env bash
# Killed at each injected point (between write, fsync, rename and the metrics' append) and resumed, a run ends with the
# bytes of one never killed.
set -euo pipefail
cd "$TMP"
settings=(--set train.iterations=40 --set train.checkpoint_every=10 --set train.validate_every=20 --set train.log_every=5
  --threads 2 --quiet)
"$MAML" train sinusoid-10shot "${settings[@]}" --out whole
killed=0
for point in checkpoint.before_write checkpoint.after_write checkpoint.after_fsync checkpoint.after_rename \
  metrics.append best.before_write best.after_write best.after_fsync best.after_rename; do
  for count in 1 2; do
    rm -rf run
    status=0
    MAML_KILL_AT="$point:$count" "$MAML" train sinusoid-10shot "${settings[@]}" --out run >/dev/null 2>&1 || status=$?
    if [ "$status" = 137 ]; then killed=$((killed + 1)); else echo "$point:$count did not kill (exit $status)"; exit 1; fi
    if [ -e run/checkpoint.safetensors ]; then "$MAML" train --resume run --quiet
    else "$MAML" train sinusoid-10shot "${settings[@]}" --out run --overwrite; fi
    for file in checkpoint.safetensors best.safetensors metrics.csv eval.json; do
      cmp "whole/$file" "run/$file" || { echo "$point:$count: $file differs"; exit 1; }
    done
    test -z "$(find run -name '*.tmp*')" || { echo "$point:$count left a temporary file"; exit 1; }
  done
done
echo "killed $killed times"
