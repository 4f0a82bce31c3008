#!/usr/bin/env bash
# Data sets: imported, looked at, trained on; each kind of bad one refused. On drawn pictures, and on the whole Omniglot
# and mini-ImageNet where they lie beside the repository.
set -uo pipefail
cd "$TMP" || exit 1
source "$ROOT/tests/e2e/refused.sh"
python3 "$ROOT/tests/e2e/draw_pictures.py" || exit 1

data() { "$MAML" data "$@"; }

# Each kind, once.
holds '60 images of 28 x 28 x 1 in 10 classes' data import omniglot b.zip e.zip --split 6/2/2
holds 'train +6 +5 +36 +6' data info omniglot.maml
holds 'agree with their checksums' data info omniglot.maml
holds 'test +4 ' data import omniglot b.zip e.zip --split background/evaluation --filter lanczos --out lanczos.maml
holds 'split 8/2, seed 7' data import omniglot b.zip e.zip --split 8/2 --split-seed 7 --out without.maml
holds '112 images of 84 x 84 x 3 in 14 classes' data import mini-imagenet train.zip val.zip test.zip
holds 'for non-commercial research' data info mini-imagenet.maml
holds '50 images of 20 x 20 x 3 in 10 classes' data import images leaves
holds '50 images of 12 x 14 x 1 in 10 classes' data import images leaves.tar.gz --size 12x14 --grey --overwrite
mv leaves.maml first.maml
holds '50 images' data import images leaves.tar.gz --size 12x14 --grey
holds '' cmp leaves.maml first.maml
# From within: the pack is called like the folder.
holds '50 images' bash -c 'cd leaves && "$MAML" data import images .'
holds '' rm leaves/leaves.maml
holds ' 2 +b0/character02 +[a-z]+ +6' data show omniglot.maml --classes 9 --out sheet.png
holds 'tree[01]/kind. +test' data show leaves.maml --split test
holds '' python3 - <<'PY'
for name in "sheet.png", "omniglot.maml":
    start = open(name, "rb").read(8)
    assert start in (b"\x89PNG\r\n\x1a\n", b"MAMLPACK"), name
PY
holds 'Usage: maml data import' "$MAML" data import

# Trained on: the smallest classifier.
cat >small.toml <<'TOML'
[model]
input = [28, 28, 1]
layers = ["flatten", "linear 3"]
loss = "cross_entropy"
[data]
domain = "images"
file = "omniglot.maml"
rotations = "task"
ways = 3
shots = 1
query_shots = 2
tasks = 4
test_ways = 2
[inner]
alpha = 0.1
[train]
iterations = 40
validate_every = 20
[eval]
tasks = 20
TOML
holds 'train --resume runs' "$MAML" train small.toml --out runs/small

# Broken pictures.
mkdir broken && cp -r leaves/tree0 leaves/tree1 broken/
: >broken/tree0/kind0/empty.png
head -c 300 broken/tree1/kind1/0.png >broken/tree1/kind1/cut.png
holds '2 broken pictures were skipped' data import images broken --on-broken skip --out skipped.maml
refused 'broken: tree0/kind0/empty.png\] is an empty file' data import images broken
rm broken/tree0/kind0/empty.png
refused 'broken: tree1/kind1/cut.png\] is a broken PNG' data import images broken
cp leaves/tree1/kind1/0.png broken/tree1/kind1/cut.png

# Bad inputs.
refused 'exists already' data import images leaves.tar.gz
refused '\[omniglot\] needs its archives' data import omniglot
refused 'has 10 classes, but --split deals out 1100' data import omniglot b.zip e.zip --out x.maml
refused 'more than one input holds' data import omniglot b.zip b.zip --out x.maml
refused 'unknown filter .lanzcos.; did you mean lanczos' data import omniglot b.zip --filter lanzcos --out x.maml
refused 'needs three inputs' data import mini-imagenet train.zip val.zip --out x.maml
refused 'is to be the pictures for' data import mini-imagenet train.zip test.zip val.zip --out x.maml
refused "\-\-size cannot be '12y14'|--size.*12y14" data import images leaves --size 12y14 --out x.maml
refused 'fail or skip' data import images leaves --on-broken maybe --out x.maml
refused 'not both' data import images leaves --grey --colour --out x.maml
refused 'does not have train, val and test' data import images leaves --split folders --out x.maml
printf 'tree0/kind0,train\n' >list.csv
refused 'list.csv\] does not list class tree0/kind2' data import images leaves --split list.csv --out x.maml
refused 'nowhere.csv' data import images leaves --split nowhere.csv --out x.maml
refused "--size\\] cannot be '0x1'" data import images leaves --size 0x1 --out x.maml
mkdir -p one/only && cp leaves/tree0/kind0/*.png one/only/
refused 'has one class only, only' data import images one --out x.maml
mkdir none && touch none/readme.txt
refused 'holds no PNG and no JPEG' data import images none --out x.maml
cp -r leaves mixed && cp "$(find one -name '0.png')" mixed/tree0/kind0/9.png
python3 -c 'import zipfile; open("mixed/tree0/kind0/9.png", "wb").write(zipfile.ZipFile("train.zip").read("train/train0/0.png"))'
refused 'is 84 x 84 pixels, but .* is 20 x 20' data import images mixed --out x.maml
head -c 4000 b.zip >cut.zip
refused '\[cut.zip\] is a zip that is cut short' data import omniglot cut.zip --out x.maml
head -c 20000 leaves.tar.gz >cut.tar.gz
refused '\[cut.tar.gz\].*truncated gzip input' data import images cut.tar.gz --out x.maml
refused 'nowhere.zip\] cannot be read: No such file' data import omniglot nowhere.zip --out x.maml
refused 'nowhere/x.maml\] cannot be written' data import images leaves --out nowhere/x.maml
python3 - <<'PY'
import io, tarfile, zipfile
with zipfile.ZipFile("hostile.zip", "w") as archive:
    archive.writestr("../../a/b.png", b"x")
with zipfile.ZipFile("bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("a/b.png", bytes(120 << 20))
    archive.writestr("b/b.png", b"")
with tarfile.open("link.tar", "w") as archive:
    entry = tarfile.TarInfo("a/b.png")
    entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
    archive.addfile(entry)
PY
refused 'leads out of it' data import images hostile.zip --out x.maml
refused 'decompression bomb' data import images bomb.zip --split 1/1 --out x.maml
refused 'holds a link or a device' data import images link.tar --out x.maml

# Bad packs.
refused 'name a pack' data info
refused '\[b.zip\] is not an image pack' data info b.zip
head -c 30000 omniglot.maml >cut.maml
refused '\[cut.maml\] is truncated' data info cut.maml
cp omniglot.maml flipped.maml
printf '\007' | dd of=flipped.maml bs=1 seek=10000 conv=notrunc status=none
refused '\[flipped.maml\] is damaged: the images of class' data info flipped.maml
refused 'cut.maml\] is truncated' "$MAML" train small.toml --set data.file=cut.maml --out runs/cut
refused 'has no classes in its split validation' data show without.maml --split validation
refused "\[--split\] cannot be 'tset'" data show omniglot.maml --split tset
refused 'unknown verb; did you mean import' data imprt
refused 'unknown verb; did you mean omniglot' data import omniglott

# Fetching, with programs that stand for curl.
mkdir bin
fetch() { PATH=$PWD/bin:$PATH "$MAML" data fetch "$@"; }
curl_is() { printf '#!/bin/sh\n%s\n' "$1" >bin/curl; chmod +x bin/curl; }
fails() {  # fails PATTERN COMMAND...: exit status 2, and the last line on stderr says that
  local pattern=$1 status=0; shift
  cases=$((cases + 1))
  "$@" >/dev/null 2>fails.txt || status=$?
  if [ "$status" != 2 ] || ! tail -n 1 fails.txt | grep -Eq -e "$pattern"; then
    failures=$((failures + 1)); echo "FAILED: $*: exit $status"; cat fails.txt
  fi
}
refused 'name what to fetch \(it knows omniglot' data fetch
refused 'cannot fetch mini-imagenet' data fetch mini-imagenet
curl_is 'exit 6'
fails 'is there a network\?.*by hand: download https://github.com/brendenlake/omniglot/raw' fetch omniglot --out new
holds '' test ! -e new
curl_is 'while [ "$1" != --output ]; do shift; done; echo wrong >"$2"'
fails 'its MD5 is not 68d2efa1b9178cc56df9314c21c6e718' fetch omniglot --out new
holds '' test ! -e new
curl_is 'while [ "$1" != --output ]; do shift; done; echo part >"$2"; exit 28'
fails 'goes on where it stopped' fetch omniglot --out new
holds '' test -s new/images_background.zip.part
fails 'curl.*cannot be run' env PATH=/nowhere "$MAML" data fetch omniglot --out new

# The real ones.
real=$ROOT/../shared/data
if [ -e "$real/omniglot/images_background.zip" ]; then
  holds '32,460 images of 28 x 28 x 1 in 1,623 classes' data import omniglot "$real"/omniglot/*.zip --out whole.maml
  holds 'train +1,100 +50 +22,000 +20' data info whole.maml
else
  echo "left out: Omniglot is not beside the repository"
fi
if [ -e "$real/mini-imagenet/train.zip" ]; then
  "$MAML" data import mini-imagenet "$real"/mini-imagenet/{train,val,test}.zip --out interrupted.maml --quiet &
  pid=$!
  sleep 0.5
  kill -INT $pid
  status=0
  wait $pid || status=$?
  holds '' test "$status" = 130
  holds '' test -z "$(find . -name 'interrupted*')"
else
  echo "left out: mini-ImageNet is not beside the repository"
fi

echo "$cases cases, $failures failed"
[ "$failures" = 0 ]
