#!/usr/bin/env bash
# The queue of models: stopped and gone on with, it ends with the bytes of a plain run; a finished one can be evaluated
# and looked at; a folder that is being trained is refused to others. What fails does not hold up what follows.
set -euo pipefail
cd "$TMP"
mkdir old && echo 'raise ImportError' >old/tomllib.py
if PYTHONPATH=$PWD/old "$ROOT/scripts/zoo" --stop 2>old.txt; then echo "an old Python was accepted"; exit 1; fi
grep -q 'needs Python 3.11 or later' old.txt
python3 -c 'import tomllib' 2>/dev/null || { echo "left out: python3 has no tomllib"; exit 77; }
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
# Nothing is timed beside it.
timed() { bash -c 'source "$ROOT/scripts/lib.sh" && cd "$1" && no_training' timed "$PWD"; }
if timed 2>second.txt; then echo "timings beside a zoo"; exit 1; fi
grep -q "make zoo is training here" second.txt
"${zoo[@]}" --stop | grep "asked process $pid" >/dev/null
status=0
wait $pid || status=$?
test "$status" = 130 || { echo "exit status $status"; cat out.txt err.txt; exit 1; }
grep -q 'can be gone on with: [0-9]* bytes' out.txt
timed
test ! -e zoo/$name
for file in config.toml checkpoint.safetensors best.safetensors metrics.csv; do test -s zoo/inflight/$name/$file; done

# Someone looks at it in mid-run. Elsewhere, it goes on from what was committed.
"$MAML" eval zoo/inflight/$name --json >/dev/null
git init -q . && git add zoo/queue.toml zoo/inflight
git checkout-index -a --prefix=elsewhere/
"$ROOT/scripts/zoo" --zoo "$PWD/elsewhere/zoo" --maml "$MAML" >out.txt 2>err.txt || { cat out.txt err.txt; exit 1; }
cd elsewhere/zoo
test ! -e inflight/$name
cmp $name/parameters.safetensors "$TMP/plain/best.safetensors"
python3 - $name <<'PY'
import json, os, sys
folder = sys.argv[1]
evaluations = json.load(open(folder + "/eval.json"))["evaluations"]
names = [entry["protocol"]["name"] for entry in evaluations]
assert names == ["own", "validation", "paper", "strict", "reached"], names
record = json.load(open(folder + "/record.json"))
assert record["iteration"] > 500, record
assert all(entry["iteration"] == record["iteration"] for entry in evaluations), (evaluations, record)
assert evaluations[0] == json.load(open(os.environ["TMP"] + "/plain/eval.json"))["evaluations"][0], evaluations[0]
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

# Killed as soon as it was packed: the copy goes and the page comes. A run of other weights is not touched.
leftover() { rm -rf inflight && mkdir inflight && cp -r "$TMP/plain" inflight/$name; }
here=("$ROOT/scripts/zoo" --zoo "$PWD" --maml "$MAML")
leftover
mkdir other.tmp inflight/other.tmp
rm -r ../docs
"${here[@]}"
test ! -e inflight/$name && test ! -e other.tmp && test ! -e inflight/other.tmp
grep -q "| $name |" ../docs/results.md
leftover
cp inflight/$name/checkpoint.safetensors inflight/$name/best.safetensors
"${here[@]}" 2>err.txt
grep -q "inflight/$name is left alone" err.txt
cmp inflight/$name/checkpoint.safetensors "$TMP/plain/checkpoint.safetensors"
test "$before" = "$(md5sum $name/*)"

# Killed between its last checkpoint and its evaluation, with evaluations of earlier weights beside it: they are remade.
leftover
mv $name "$TMP/first"
sed -i -E 's/"iteration": [0-9]+/"iteration": 500/; s/"mean": [0-9.e-]+/"mean": 99/' inflight/$name/eval.json
grep -q '"mean": 99' inflight/$name/eval.json
"${here[@]}"
cmp $name/parameters.safetensors "$TMP/first/parameters.safetensors"
cmp $name/eval.json "$TMP/first/eval.json"

# A run that diverges stays where it is and the queue goes on; without a validation the last weights are kept.
mkdir -p "$TMP/failing/zoo" && cd "$TMP/failing"
touch mini-imagenet.maml  # only looked for: these tasks are waves
cat >zoo/queue.toml <<'TOML'
[[run]]
preset = "sinusoid-5shot"
set = ["train.iterations=20", "inner.alpha=1e30", "data.file=mini-imagenet.maml"]

[[run]]
preset = "sinusoid-10shot"
set = ["train.iterations=20", "data.file=mini-imagenet.maml"]
TOML
status=0
"$ROOT/scripts/zoo" --zoo "$PWD/zoo" --maml "$MAML" 2>err.txt || status=$?
test "$status" = 1 || { echo "exit status $status"; cat err.txt; exit 1; }
grep -q 'ceased to be finite' err.txt
tail -n 1 err.txt | grep -q 'sinusoid-5shot: maml train .* ended with exit status'
test -s zoo/inflight/sinusoid-5shot/checkpoint.safetensors
test ! -e zoo/sinusoid-5shot
grep -q '"iteration": 20,' zoo/sinusoid-10shot/record.json
grep -q '| sinusoid-10shot |.*| 20 |' docs/results.md
"$MAML" eval zoo/sinusoid-10shot --tasks 20 >/dev/null
for licence in zoo/inflight/sinusoid-5shot/LICENCE zoo/sinusoid-10shot/LICENCE; do
  grep -q 'non-commercial' $licence
done

# The project's own queue has each of its image presets once.
python3 - "$ROOT" <<'PY'
import os, sys, tomllib
root = sys.argv[1]
queue = [run["preset"] for run in tomllib.load(open(root + "/zoo/queue.toml", "rb"))["run"]]
images = [file[:-len(".toml")] for file in os.listdir(root + "/presets") if not file.startswith(("sinusoid", "sensors"))]
assert sorted(queue) == sorted(images), set(queue) ^ set(images)
PY
