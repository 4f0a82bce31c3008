#!/usr/bin/env bash
# The package safetensors reads the weights of a run and an adapted model as NumPy reads their .npz, and what it writes
# gives the same evaluation in maml.
set -euo pipefail
cd "$TMP"
source "$ROOT/tests/slow/packages.sh"
source "$ROOT/tests/e2e/leaves.sh"
adapted_leaves 'batch_norm mode=running'
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
