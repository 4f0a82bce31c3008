#!/usr/bin/env bash
# The queue of models: stopped and gone on with, it ends with the bytes of a plain run; a finished one can be evaluated
# and looked at; a folder that is being trained is refused to others.
set -euo pipefail
python3 -c 'import tomllib' 2>/dev/null || { echo "left out: python3 has no tomllib"; exit 0; }
cd "$TMP"
mkdir zoo
cat >zoo/queue.toml <<'TOML'
[[run]]
preset = "sinusoid-5shot"
seed = 3
set = ["train.iterations=6000", "train.checkpoint_every=500", "train.validate_every=500"]
TOML
zoo=("$ROOT/scripts/zoo" --zoo "$PWD/zoo" --maml "$MAML")
name=sinusoid-5shot-seed-3
"$MAML" train sinusoid-5shot --seed 3 --set train.iterations=6000 --set train.checkpoint_every=500 \
  --set train.validate_every=500 --quiet --out plain

"${zoo[@]}" >out.txt 2>err.txt &
pid=$!
until [ -e zoo/inflight/$name/best.safetensors ]; do sleep 0.01; done
status=0
"$MAML" train --resume zoo/inflight/$name --quiet 2>second.txt || status=$?
test "$status" = 2
grep -q "inflight/$name\] is being trained by another process" second.txt
if "${zoo[@]}" 2>second.txt; then echo "a second zoo ran"; exit 1; fi
grep -q "process $pid works through it already" second.txt
"${zoo[@]}" --stop | grep "asked process $pid" >/dev/null
status=0
wait $pid || status=$?
test "$status" = 130 || { echo "exit status $status"; cat out.txt err.txt; exit 1; }
grep -q 'can be gone on with: [0-9]* bytes' out.txt
test ! -e zoo/$name
for file in config.toml checkpoint.safetensors best.safetensors metrics.csv; do test -s zoo/inflight/$name/$file; done

# Elsewhere, it goes on from what was committed.
git init -q . && git add zoo/queue.toml zoo/inflight
git checkout-index -a --prefix=elsewhere/
"$ROOT/scripts/zoo" --zoo "$PWD/elsewhere/zoo" --maml "$MAML" >out.txt 2>err.txt || { cat out.txt err.txt; exit 1; }
cd elsewhere/zoo
test ! -e inflight/$name
cmp $name/parameters.safetensors "$TMP/plain/best.safetensors"
python3 - $name <<'PY'
import json, sys
folder = sys.argv[1]
names = [entry["protocol"]["name"] for entry in json.load(open(folder + "/eval.json"))["evaluations"]]
assert names == ["own", "validation", "paper", "strict", "reached"], names
record = json.load(open(folder + "/record.json"))
assert record["seconds"] > 0 and record["threads"] > 0 and record["isa"], record
PY
test ! -e $name/LICENCE
grep -q "| $name |" ../docs/results.md
before=$(md5sum $name/*)
"$MAML" eval $name --tasks 20 | grep 'own: 20 test tasks' >/dev/null
"$MAML" eval $name >/dev/null
"$MAML" info ../zoo/$name | grep 'Trained for' >/dev/null
test "$before" = "$(md5sum $name/*)"
"${zoo[@]}" --stop | grep 'none is running' >/dev/null
