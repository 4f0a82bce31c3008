#!/usr/bin/env bash
# The same bytes whatever the threads, the group of tasks a pass takes, and whether tapes fit in memory.
set -euo pipefail
cd "$TMP"
train() { # NAME ARGUMENTS...: a run of $preset
  local name=$1
  shift
  "$MAML" train "$preset" "${settings[@]}" --out "$name" --quiet "$@" 2>"$name.txt" || { cat "$name.txt"; return 1; }
}
same() { # NAME: its results are those of `one`
  for file in checkpoint.safetensors best.safetensors metrics.csv eval.json; do
    cmp "one/$file" "$1/$file" || { echo "$preset: $1/$file differs"; exit 1; }
  done
}

preset=sinusoid-5shot
settings=(--set train.iterations=20 --set train.checkpoint_every=10 --set train.validate_every=10 --set inner.steps=120
  --set 'inner.learned="layer"')
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

# The image networks at their full width, of drawn pictures. With all five tapes a worker holds 15 MiB (strided) or
# 111 MiB (pooled); the lean budgets leave each less.
python3 "$ROOT/tests/e2e/draw_pictures.py"
"$MAML" data import omniglot b.zip e.zip --split 4/3/3 --quiet
"$MAML" data import mini-imagenet train.zip val.zip test.zip --quiet
image_run() { # PRESET WAYS QUERY_SHOTS MIB_FOR_ONE MIB_FOR_TWO ARGUMENTS...
  preset=$1
  local ways=$2 query_shots=$3 for_one=$4 for_two=$5
  settings=(--set "data.ways=$ways" --set "data.query_shots=$query_shots" --set data.tasks=3 --set inner.steps=5
    --set train.iterations=2 --set train.validate_every=1 --set train.validation_tasks=2 --set eval.tasks=2 --set eval.steps=2)
  shift 5
  settings+=("$@")
  rm -rf one two lean lean2 all
  train one --threads 1
  train two --threads 2
  same two
  train all --threads 2 --set train.group=3
  same all
  train lean --threads 1 --set "train.memory_mib=$for_one"
  same lean
  train lean2 --threads 2 --set "train.memory_mib=$for_two"
  same lean2
  ! grep -q "threads work" lean2.txt || { echo "$preset: the budget is not for two workers"; exit 1; }
}
stride='model.layers=["backbone conv4-64 down=stride", "linear 3"]'
pool='model.layers=["backbone conv4-32 down=pool", "linear 4"]'
image_run omniglot-5way-1shot 3 1 12 20 --set "$stride"
image_run mini-imagenet-5way-1shot 4 7 60 120 --set "$pool"
