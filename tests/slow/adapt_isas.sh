#!/usr/bin/env bash
# maml_adapt built for one instruction set alone adapts to the bytes of the build that chooses at run time, on each set
# that this CPU has; on one that it lacks it says so. None has instructions beyond those that it asks the CPU for.
set -euo pipefail
python3 - <<'PY'
import os, random, struct
random.seed(1)
with open(os.environ["TMP"] + "/support.f32", "wb") as support, open(os.environ["TMP"] + "/query.f32", "wb") as query:
    for label in range(5):
        picture = struct.pack("<784f", *(random.random() for _ in range(784)))
        support.write(picture + struct.pack("<f", label))
        query.write(picture)
PY
cd "$TMP"
for run in omniglot-5way-1shot omniglot-mlp-5way-1shot; do
  "$MAML" export "$ROOT/zoo/$run" --format embed --out "$run.maml-adapt"
done
adapt() { python3 "$ROOT/examples/embed/adapt.py" "$1" "$2.maml-adapt" support.f32 query.f32 "$3"; }
while read -r isa has; do
  cmake -G Ninja -S "$ROOT/embed" -B "$isa" -DCMAKE_BUILD_TYPE=Release -DMAML_ADAPT_ISA="$isa" >/dev/null
  cmake --build "$isa" --target maml_adapt_shared
  # A virtual machine may mask what engine() (embed/passes.cpp) does not ask for.
  objdump -d --no-show-raw-insn "$isa/libmaml_adapt.so" >instructions.txt
  if grep -E '\s(v?aes|v?pclmul|vcvtph2ps|vcvtps2ph)' instructions.txt; then exit 1; fi
  for run in omniglot-5way-1shot omniglot-mlp-5way-1shot; do
    if [ "$has" = no ]; then
      if adapt "$isa/libmaml_adapt.so" "$run" one 2>err.txt; then exit 1; fi
      grep -q 'this CPU lacks the instruction set' err.txt
      continue
    fi
    adapt "$isa/libmaml_adapt.so" "$run" one >one.txt
    MAML_ISA=$isa adapt "$BUILD/embed/libmaml_adapt.so" "$run" two >two.txt
    cmp one two
    cmp one.txt two.txt
  done
  echo "$isa: $has"
done < <("$BUILD/maml_tests" --isas)
