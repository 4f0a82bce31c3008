#!/usr/bin/env bash
# An adapted conv4, read by PyTorch from our safetensors, gives the answers of `maml adapt`, and a file that PyTorch
# saves gives the same evaluation in maml: names, layouts, flatten order and the uneven SAME padding are as
# docs/files.md says. PyTorch is that of scripts/pytorch; safetensors and NumPy are those of packages.sh.
set -euo pipefail
cd "$TMP"
source "$ROOT/tests/slow/packages.sh"
with_torch() { "$ROOT/python/tests/with_torch.sh" "$python" "$@"; }
with_torch -c 'import safetensors, numpy'
python3 "$ROOT/tests/e2e/draw_pictures.py"
mkdir two && cp -r leaves/tree0/kind0 leaves/tree0/kind2 two

# round_trip FORM SIZE LAYER...: trains a little on pictures of that size, adapts, compares; then PyTorch's file in maml
# again gives the same evaluation.
round_trip() {
  local form=$1 size=$2 layers; shift 2
  layers=$(printf '"%s", ' "$@")
  cat - "$ROOT/tests/e2e/leaves_tasks.toml" >"$form.toml" <<TOML
[model]
input = [$size, $size, 3]
layers = [$layers]
loss = "cross_entropy"
[inner]
steps = 5
alpha = 0.01
[train]
iterations = 20
validate_every = 0
[eval]
tasks = 4
TOML
  "$MAML" data import images leaves --size "$size" --split 6/2/2 --overwrite --quiet
  "$MAML" train "$form.toml" --out "runs/$form" --quiet
  "$MAML" adapt "runs/$form" --support two --out "$form.safetensors"
  "$MAML" adapt "$form.safetensors" --query two --json >answers.json
  with_torch "$ROOT/tests/slow/pytorch_conv4.py" "$form" "$form.safetensors" answers.json back.safetensors
  "$MAML" eval "$form.toml" --weights "$form.safetensors" --protocol own --json >before.json
  "$MAML" eval "$form.toml" --weights back.safetensors --protocol own --json >after.json
  cmp before.json after.json
}

# 28, 14, 7, 4: padding before and after differs at the even sizes, and 2 x 2 is left for the flatten to order.
block=('conv2d 64 kernel=3 stride=2 padding=same' batch_norm relu)
round_trip stride 28 "${block[@]}" "${block[@]}" "${block[@]}" "${block[@]}" flatten 'linear 2'
# The network of the mini-ImageNet presets. 84, 42, 21, 10: at 21 pooling leaves out the last row and column; 5 x 5.
round_trip pool 84 'backbone conv4-32 down=pool' 'linear 2'
