#!/usr/bin/env bash
# Pictures of new classes in, predictions out: a tiny model of drawn characters and one of drawn photographs, what they
# predict, what is kept, and each kind of wrong input.
set -uo pipefail
cd "$TMP" || exit 1
source "$ROOT/tests/e2e/refused.sh"
python3 "$ROOT/tests/e2e/draw_pictures.py" || exit 1

cat >characters.toml <<'TOML'
[model]
input = [28, 28, 1]
layers = ["conv2d 8 kernel=3 stride=2 padding=same", "batch_norm mode=transductive gamma=false", "relu", "flatten", "linear 3"]
loss = "cross_entropy"
[inner]
steps = 2
alpha = 0.1
[data]
domain = "images"
file = "omniglot.maml"
ways = 3
shots = 1
query_shots = 2
tasks = 4
test_ways = 2
[train]
iterations = 60
validate_every = 0
[eval]
tasks = 4
TOML
sed -e 's/28, 28, 1/20, 20, 3/; s/omniglot/leaves/' characters.toml >leaves.toml
holds '' "$MAML" data import omniglot b.zip e.zip --split 6/2/2 --quiet
holds '' "$MAML" data import images leaves --split 6/2/2 --quiet
holds '' "$MAML" train characters.toml --out runs/characters --quiet
holds '' "$MAML" train leaves.toml --out runs/leaves --quiet
holds '^preparation = "nearest inverted"' cat runs/characters/config.toml
holds '^preparation = "lanczos"' cat runs/leaves/config.toml
holds 'Prepared: nearest inverted' "$MAML" data info omniglot.maml

# The models adapt without the packs they were trained on.
rm omniglot.maml leaves.maml
python3 - <<'PY'
import os, shutil, zipfile
with zipfile.ZipFile("e.zip") as archive:
    for name in sorted(archive.namelist()):
        _, alphabet, character, drawing = name.split("/")
        kind = alphabet + "-" + character
        place = "letters" if drawing.endswith(("_01.png", "_02.png")) else "unknown"
        if kind == "e0-character01" and drawing.endswith("_02.png"): continue
        if kind == "e1-character01": continue
        os.makedirs(f"{place}/{kind}", exist_ok=True)
        with open(f"{place}/{kind}/{drawing}", "wb") as file:
            file.write(archive.read(name))
os.makedirs("loose")
shutil.copy("unknown/e0-character02/" + sorted(os.listdir("unknown/e0-character02"))[0], "loose/one.png")
PY
adapt() { "$MAML" adapt runs/characters --support letters "$@"; }
holds 'Accuracy: [0-9.]+ % of 12 queries' adapt --query unknown
holds 'loose/one.png +e[0-9]-character0[12] +[0-9.]+ %$' adapt --query loose/one.png
holds '3 classes, 5 inner steps, statistics support' adapt --query loose --steps 5
adapt --query unknown --json >all.json || failures=$((failures + 1))
adapt --query loose/one.png --json --out kept.safetensors >one.json || failures=$((failures + 1))
"$MAML" adapt kept.safetensors --query loose/one.png --json >again.json || failures=$((failures + 1))
"$MAML" adapt runs/leaves --support leaves/tree0 --query leaves/tree0 --json --steps 20 >five.txt 2>&1 && failures=$((failures + 1))
mkdir two && cp -r leaves/tree0/kind0 leaves/tree0/kind2 two
"$MAML" adapt runs/leaves --support two --query two --json --steps 20 >leaves.json || failures=$((failures + 1))
holds '' python3 - <<'PY'
import json
everything, one, again, leaves = (json.load(open(f"{name}.json")) for name in ("all", "one", "again", "leaves"))
assert everything["classes"] == sorted(everything["support"]) and len(everything["classes"]) == 3
assert everything["support"]["e0-character01"] == 1 and everything["support"]["e0-character02"] == 2
assert everything["steps"] == 2 and everything["statistics"] == "support"
rows = everything["predictions"]
assert len(rows) == 12 and [row["file"] for row in rows] == sorted(row["file"] for row in rows)
for row in rows:
    p = row["probabilities"]
    assert abs(sum(p.values()) - 1) < 1e-9 and p[row["class"]] == row["probability"] == max(p.values())
    assert row["truth"] in row["file"] and row["right"] == (row["truth"] == row["class"])
assert everything["accuracy"] == sum(row["right"] for row in rows) / 12 > 0.4
# Alone, among others, and from the file: the same numbers.
alone = one["predictions"][0]
assert "truth" not in alone and one["accuracy"] is None
assert any(row["probabilities"] == alone["probabilities"] for row in rows)
assert again["predictions"] == one["predictions"] and again["classes"] == one["classes"]
# Two classes for a model of three; the very pictures it adapted to.
assert leaves["accuracy"] == 1 and len(leaves["predictions"][0]["probabilities"]) == 2
PY
rm -f five.txt
if command -v gnuplot >nothing.txt; then
  holds 'Pictures of it: board.png, .svg' adapt --query unknown --picture board.png
  holds '' test -s board.png -a -s board.svg
  refused 'board.png.*exists already.*--overwrite' adapt --query unknown --picture board
else
  echo "SKIPPED maml adapt --picture: gnuplot is not installed (apt install gnuplot-nox)"
fi
mkdir bin && ln -s "$(command -v env)" bin/env
cases=$((cases + 1))
status=0
PATH=$PWD/bin adapt --query loose/one.png --picture none >stdout.txt 2>stderr.txt || status=$?
if [ "$status" != 2 ] || [ "$(wc -l <stderr.txt)" != 1 ] || ! grep -q gnuplot stderr.txt || ! grep -q one.png stdout.txt; then
  failures=$((failures + 1))
  echo "FAILED: without gnuplot: exit $status"; cat stdout.txt stderr.txt
fi
rm -f stdout.txt stderr.txt

# Wrong input.
refused '\[adapt\] name the folder of a run' "$MAML" adapt
refused '\[nothing\].*does not exist' "$MAML" adapt nothing --support letters --query loose
refused '\[letters\].*is no run' "$MAML" adapt letters --support letters --query loose
refused '\[adapt\] --support is missing' "$MAML" adapt runs/characters --query loose
refused '\[adapt\] --query is missing' adapt
refused '\[--steps\] is -1' adapt --query loose --steps -1
refused '\[nowhere.png\] does not exist' adapt --query nowhere.png
mkdir nothing_in_it && refused 'nothing_in_it.*holds no PNG and no JPEG .name a picture' adapt --query nothing_in_it
refused 'kept.safetensors.*exists already.*--overwrite' adapt --query loose --out kept.safetensors
refused '\[kept.bin\] could not be read again.*\.safetensors' adapt --query loose --out kept.bin
refused '\[kept\] could not be read again' adapt --query loose --out kept
holds 'Adapted to e[0-9a-z, -]*: 2 inner steps, statistics support \([a-z0-9]+\)' "$MAML" info kept.safetensors
refused 'is adapted already' "$MAML" adapt kept.safetensors --support letters --query loose
mkdir several && cp -r runs/characters several/seed-0 && cp -r runs/characters several/seed-1
refused 'several.*holds 2 runs .*several/seed-0, several/seed-1' "$MAML" adapt several --support letters --query loose
refused '\[nowhere\] is no folder' "$MAML" adapt runs/characters --support nowhere --query loose
refused 'has 5 classes, but the model tells 3 apart.*data.ways=5' "$MAML" adapt runs/leaves --support leaves/tree0 --query loose
bad() {
  local pattern=$1; shift
  refused "$pattern" "$MAML" adapt runs/characters --support bad --query loose --out new.safetensors --picture new
  rm -rf bad
}
mkdir bad; bad '\[bad\] holds no folders'
mkdir -p bad/a; cp loose/one.png bad/a; bad '\[bad\] holds one class only, a'
cp -r letters bad; mkdir bad/empty; bad 'no PNG and no JPEG in its class empty'
cp -r letters bad; cp loose/one.png bad; bad 'holds one.png beside its classes'
cp -r letters bad; head -c 100 loose/one.png >bad/e0-character01/cut.png; bad 'bad/e0-character01/cut.png'
cp -r letters bad; cp "$ROOT/tests/fuzz/corpus/import_fuzz/cmyk.jpg" bad/e0-character01; bad 'cmyk.jpg.*CMYK'
cp -r letters bad; python3 - <<'PY'
import sys
sys.argv = [""]
import struct, zlib
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
with open("bad/e0-character01/deep.png", "wb") as file:
    file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 0, 0, 0, 0))
               + chunk(b"IDAT", zlib.compress(b"\0" + b"\1" * 4 + b"\0" + b"\1" * 4)) + chunk(b"IEND", b""))
PY
bad 'deep.png.*16 bits'
"$MAML" train sinusoid-5shot --set train.iterations=2 --set train.validate_every=0 --set eval.tasks=2 --quiet --out waves || exit 1
refused '\[waves\] is no classifier of pictures' "$MAML" adapt waves --support letters --query loose

# A model that an earlier version trained.
cp -r runs/characters old && sed -i '/^preparation/d' old/config.toml
refused '\[old\] does not say how its pictures were prepared.*--set data.preparation' "$MAML" adapt old --support letters --query loose
refused 'data.preparation.*did you mean nearest' "$MAML" adapt old --support letters --query loose --set data.preparation=nearst
refused '--set.*data.preparation alone' "$MAML" adapt old --support letters --query loose --set data.ways=3
"$MAML" adapt old --support letters --query unknown --json --set 'data.preparation=nearest inverted' >old.json
holds '' python3 -c 'import json; assert json.load(open("old.json"))["predictions"] == json.load(open("all.json"))["predictions"]'

echo "$cases cases, $failures failed"
[ "$failures" = 0 ]
