#!/usr/bin/env bash
# maml_adapt, the small library: a model exported for it, adapted by programs in C and C++ and by Python through ctypes,
# to the bytes of `maml adapt`; what its library exports and asks for; each kind of wrong input.
set -uo pipefail
cd "$TMP" || exit 1
source "$ROOT/tests/e2e/refused.sh"
source "$ROOT/tests/e2e/leaves.sh"
holds '' adapted_leaves batch_norm --set inner.steps=3
holds '^Written: leaves.maml-adapt$' "$MAML" export runs/leaves --format embed
holds '^Written: adapted.maml-adapt$' "$MAML" export adapted.safetensors --format embed

# The support set, as `maml adapt` read it, with its labels.
holds '' python3 - <<'PY'
import json, os, struct
data = open("adapted.safetensors", "rb").read()
length, = struct.unpack("<Q", data[:8])
begin, end = json.loads(data[8:8 + length])["support.x"]["data_offsets"]
x = data[8 + length:][begin:end]
labels = [i for i, kind in enumerate(sorted(os.listdir("two"))) for _ in os.listdir("two/" + kind)]
row = 4 * 20 * 20 * 3
assert len(x) == row * len(labels)
open("query.f32", "wb").write(x)
with open("support.f32", "wb") as file:
    for i, label in enumerate(labels):
        file.write(x[i * row:(i + 1) * row] + struct.pack("<f", label))
PY
holds '' "$BUILD/adapt_c" leaves.maml-adapt support.f32 query.f32 kept.maml-adapt
holds '' cmp kept.maml-adapt adapted.maml-adapt
"$BUILD/adapt_c" leaves.maml-adapt support.f32 query.f32 >first.txt 2>/dev/null
"$BUILD/adapt_c" kept.maml-adapt - query.f32 >second.txt 2>/dev/null
holds '' cmp first.txt second.txt
holds '[0-9] -?[0-9]' cat first.txt

# The same through ctypes.
library=$BUILD/embed/libmaml_adapt.so
in_python() { python3 "$ROOT/examples/embed/adapt.py" "$library" "$@"; }
holds '' in_python leaves.maml-adapt support.f32 query.f32 python.maml-adapt
holds '' cmp python.maml-adapt adapted.maml-adapt
in_python python.maml-adapt - query.f32 >third.txt
holds '' cmp first.txt third.txt

# A regressor in C++.
cat >wave.toml <<'TOML'
base = "sinusoid-10shot"
[train]
iterations = 300
validate_every = 0
TOML
holds '' "$MAML" train wave.toml --out runs/wave --quiet
holds '' "$MAML" export runs/wave --format embed
holds '^  5\.0 .*\(' "$BUILD/adapt_cpp" wave.maml-adapt

# What is exported are the functions of the header; what is asked for, the C library without its heap, and nothing of
# C++'s. The shared library's name has the header's ABI.
nm -D --defined-only "$library" | awk '{print $3}' | sort >exported.txt
grep -oE '\bmaml_adapt_[a-z_]+\(' "$ROOT/embed/maml_adapt.h" | tr -d '(' | sort -u >declared.txt
grep -Fxf declared.txt exported.txt >both.txt
holds '' cmp exported.txt both.txt
holds '^maml_adapt_run$' cat exported.txt
nm -u "$BUILD/embed/libmaml_adapt.a" | grep -E ' U (_Z(St|N[0-9]*St|N3hwy|n|d)|__cxa|__gxx|_Unwind)' >asked.txt
nm -u "$BUILD/embed/libmaml_adapt.a" | grep -wE 'malloc|calloc|realloc|free|aligned_alloc|posix_memalign' >>asked.txt
holds '' test ! -s asked.txt
readelf -d "$library" | grep NEEDED | grep -vE 'libc\.so|libm\.so|libgcc' >needed.txt
holds '' test ! -s needed.txt
abi=$(sed -nE 's/^#define MAML_ADAPT_ABI ([0-9]+)$/\1/p' "$ROOT/embed/maml_adapt.h")
holds "SONAME.*\[libmaml_adapt\.so\.$abi\]" readelf -d "$library"

# What this program makes of its own export.
refused '\[leaves.maml-adapt\] is a model for maml_adapt.*name the run' "$MAML" info leaves.maml-adapt
refused '\[leaves.maml-adapt\] is a model for maml_adapt.*name the run' "$MAML" train leaves.maml-adapt
refused '\[leaves.maml-adapt\] is no adapted model .name the folder of a run, or a .safetensors' \
  "$MAML" adapt leaves.maml-adapt --support two --query two

# Wrong input: exit status 1 and a sentence.
says() {
  local pattern=$1; shift
  cases=$((cases + 1))
  if "$@" >out.txt 2>err.txt || ! grep -Eq -e "$pattern" err.txt; then
    failures=$((failures + 1))
    echo "FAILED: $*: wanted: $pattern"
    sed 's/^/  > /' err.txt
  fi
}
head -c 3000 leaves.maml-adapt >cut.maml-adapt
says 'cut.maml-adapt: the file is damaged .export or copy' "$BUILD/adapt_c" cut.maml-adapt support.f32 query.f32
head -c 37 query.f32 >part.f32
says 'part.f32: has 37 bytes, but must have rows of [0-9]+ floats' "$BUILD/adapt_c" leaves.maml-adapt support.f32 part.f32
says 'part.f32: has 37 bytes, but must have rows of [0-9]+ float32' in_python leaves.maml-adapt support.f32 part.f32
says 'part.f32: has 37 bytes, but must have rows of [0-9]+ floats' "$BUILD/adapt_c" leaves.maml-adapt part.f32 query.f32
says 'nowhere.maml-adapt: cannot be read' "$BUILD/adapt_cpp" nowhere.maml-adapt
says 'is no model of maml_adapt' "$BUILD/adapt_c" adapted.safetensors support.f32 query.f32
says 'can only predict' "$BUILD/adapt_c" adapted.maml-adapt support.f32 query.f32
says 'not adapted yet|cannot be' "$BUILD/adapt_c" leaves.maml-adapt - query.f32
# A library of another ABI than the header that a program was compiled with.
mkdir later
sed "s/^\(#define MAML_ADAPT_ABI\) $abi\$/\1 99/" "$ROOT/embed/maml_adapt.h" >later/maml_adapt.h
holds '' cc -Ilater "$ROOT/examples/embed/adapt.c" "$BUILD/embed/libmaml_adapt.a" -lm -o later/adapt_c
holds '' c++ -Ilater "$ROOT/examples/embed/adapt.cpp" "$BUILD/embed/libmaml_adapt.a" -lm -o later/adapt_cpp
says "^adapt_c: library has ABI $abi, header 99: rebuild\$" later/adapt_c leaves.maml-adapt support.f32 query.f32
says "^adapt_cpp: library has ABI $abi, header 99: rebuild\$" later/adapt_cpp wave.maml-adapt
echo 'unsigned maml_adapt_abi(void) { return 99; }' >later/other.c
holds '' cc -shared -fPIC later/other.c -o later/libother.so
says "library has ABI 99, header $abi: rebuild\$" \
  python3 "$ROOT/examples/embed/adapt.py" later/libother.so leaves.maml-adapt support.f32 query.f32
sed 's/"relu"/"tanh"/' leaves.toml >tanh.toml
holds '' "$MAML" train tanh.toml --out runs/tanh --quiet
refused 'tanh1.*maml_adapt does not have' "$MAML" export runs/tanh --format embed

echo "$cases cases, $failures failed"
[ "$failures" = 0 ]
