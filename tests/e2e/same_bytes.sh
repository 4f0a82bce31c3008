#!/usr/bin/env bash
# The same bytes whatever the threads, the group of tasks a pass takes, and whether tapes fit in memory.
set -euo pipefail
cd "$TMP"
train() { # NAME ARGUMENTS...
  local name=$1
  shift
  "$MAML" train sinusoid-5shot --set train.iterations=20 --set train.checkpoint_every=10 --set train.validate_every=10 \
    --set inner.steps=120 --set 'inner.learned="layer"' --out "$name" --quiet "$@"
}
same() { # NAME: its results are those of `one`
  for file in checkpoint.safetensors best.safetensors metrics.csv eval.json; do
    cmp "one/$file" "$1/$file" || { echo "$1/$file differs"; exit 1; }
  done
}
train one --threads 1
train two --threads 2
same two
train all --threads 1 --set train.group=25
same all
train some --threads 2 --set train.group=4
same some
# 120 inner steps do not fit in 1 MiB: theta_k are kept for some steps only, and no tapes.
train lean --threads 1 --set train.memory_mib=1
same lean
