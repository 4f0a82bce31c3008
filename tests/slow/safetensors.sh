#!/usr/bin/env bash
# The package safetensors reads the weights of a run and an adapted model as NumPy reads their .npz, and what it writes
# gives the same evaluation in maml.
set -euo pipefail
cd "$TMP"
source "$ROOT/tests/slow/packages.sh"
python3 "$ROOT/tests/e2e/draw_pictures.py"
cat - "$ROOT/tests/e2e/leaves_tasks.toml" >leaves.toml <<'TOML'
[model]
input = [20, 20, 3]
layers = ["conv2d 4 kernel=3 stride=2 padding=same", "batch_norm mode=running", "relu", "flatten", "linear 2"]
loss = "cross_entropy"
[inner]
learned = "layer"
[train]
iterations = 4
validate_every = 0
[eval]
tasks = 4
TOML
"$MAML" data import images leaves --split 6/2/2 --quiet
"$MAML" train leaves.toml --out runs/leaves --quiet
mkdir two && cp -r leaves/tree0/kind0 leaves/tree0/kind2 two
"$MAML" adapt runs/leaves --support two --out adapted.safetensors
"$MAML" export runs/leaves --format safetensors --out run.safetensors
"$MAML" export runs/leaves --format npz --out run.npz
"$MAML" export adapted.safetensors --format npz
evaluate() { "$MAML" eval leaves.toml --weights "$1.safetensors" --protocol own --json; }
for name in run adapted; do
  "$python" -B "$ROOT/tests/slow/safetensors_again.py" "$name.safetensors" "$name.npz" "again_$name.safetensors"
  evaluate "$name" >before.json
  evaluate "again_$name" >after.json
  cmp before.json after.json
done
# An adapted model is one with its checksum.
if "$MAML" adapt again_adapted.safetensors --query two 2>refused.txt; then exit 1; fi
grep -q 'checksum' refused.txt
