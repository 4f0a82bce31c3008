#!/usr/bin/env bash
# An adapted conv4, read by PyTorch from our safetensors, gives the answers of `maml adapt`, and a file that PyTorch
# saves gives the same evaluation in maml: names, layouts, flatten order and the uneven SAME padding are as
# docs/files.md says. MAML_PYTORCH is a Python that has torch, safetensors and NumPy; without it that of
# scripts/bench-peers is tried (torch is a download of gigabytes).
set -euo pipefail
cd "$TMP"
python=${MAML_PYTORCH:-$ROOT/build/peers/venv/bin/python}
if ! "$python" -c 'import torch, safetensors, numpy'; then
  [ -z "${MAML_PYTORCH:-}" ] || exit 1
  echo "no torch, safetensors and numpy in $python (name a Python that has them: MAML_PYTORCH=...)"
  exit 77
fi
python3 "$ROOT/tests/e2e/draw_pictures.py"
# 28, 14, 7, 4: padding before and after differs at the even sizes, and 2 x 2 is left for the flatten to order.
cat - "$ROOT/tests/e2e/leaves_tasks.toml" >leaves.toml <<'TOML'
[model]
input = [28, 28, 3]
layers = [
  "conv2d 8 kernel=3 stride=2 padding=same", "batch_norm", "relu",
  "conv2d 8 kernel=3 stride=2 padding=same", "batch_norm", "relu",
  "conv2d 8 kernel=3 stride=2 padding=same", "batch_norm", "relu",
  "conv2d 8 kernel=3 stride=2 padding=same", "batch_norm", "relu",
  "flatten", "linear 2"]
loss = "cross_entropy"
[inner]
steps = 5
alpha = 0.1
[train]
iterations = 20
validate_every = 0
[eval]
tasks = 4
TOML
"$MAML" data import images leaves --size 28 --split 6/2/2 --quiet
"$MAML" train leaves.toml --out run --quiet
mkdir two && cp -r leaves/tree0/kind0 leaves/tree0/kind2 two
"$MAML" adapt run --support two --out adapted.safetensors
"$MAML" adapt adapted.safetensors --query two --json >answers.json
"$python" "$ROOT/tests/slow/pytorch_conv4.py" adapted.safetensors answers.json back.safetensors
# PyTorch's file in maml again: the same evaluation.
"$MAML" eval leaves.toml --weights adapted.safetensors --protocol own --json >before.json
"$MAML" eval leaves.toml --weights back.safetensors --protocol own --json >after.json
cmp before.json after.json
