#!/usr/bin/env bash
# `maml meta-gradient` against the golden values of another framework, and what it says of files that do not fit.
set -euo pipefail
: "${ROOT:=$(cd "$(dirname "$0")/../.." && pwd)}"
cd "$TMP"
cat >tensors.py <<'PY'
import json, struct

FORMATS = {"F32": "f", "F64": "d", "I64": "q", "I32": "i", "U8": "B"}

def load(path):
    """{name: (type, shape, values)}"""
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    out = {}
    for name, entry in header.items():
        begin, end = (8 + size + at for at in entry["data_offsets"])
        letter = FORMATS[entry["dtype"]]
        count = (end - begin) // struct.calcsize("<" + letter)
        out[name] = (entry["dtype"], entry["shape"], struct.unpack(f"<{count}{letter}", data[begin:end]))
    return out

def save(path, tensors):
    header, body = {}, b""
    for name, (dtype, shape, values) in tensors.items():
        raw = struct.pack(f"<{len(values)}{FORMATS[dtype]}", *values)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + body)
PY
cat >compare.py <<'PY'
import sys
from tensors import load

ours, theirs, bound = load(sys.argv[1]), load(sys.argv[2]), float(sys.argv[3])
wanted = {name for name in theirs if name == "loss" or name.startswith("gradient.")}
assert set(ours) == wanted, (set(ours) ^ wanted)
for kind in ("loss", "gradient.alpha.", "gradient."):
    difference = scale = 0.0
    for name in wanted:
        if not name.startswith(kind) or (kind == "gradient." and name.startswith("gradient.alpha.")):
            continue
        assert ours[name][1] == theirs[name][1], (name, ours[name][1], theirs[name][1])
        difference += sum((a - b) ** 2 for a, b in zip(ours[name][2], theirs[name][2]))
        scale += sum(b * b for b in theirs[name][2])
    assert difference ** 0.5 <= bound * scale ** 0.5, (kind, difference, scale)
PY
cases=0
for config in "$ROOT"/tests/golden/*.toml; do
  golden=${config%.toml}.safetensors
  "$MAML" meta-gradient "$config" --params "$golden" --tasks "$golden" --double --out double.safetensors >/dev/null
  python3 compare.py double.safetensors "$golden" 1e-9
  "$MAML" meta-gradient "$config" --params "$golden" --tasks "$golden" --out single.safetensors >/dev/null
  python3 compare.py single.safetensors "$golden" 1e-4
  cases=$((cases + 1))
done
echo "$cases cases agree with the golden values"

# The settings of the command line count.
config=$ROOT/tests/golden/sinusoid-1step.toml golden=$ROOT/tests/golden/sinusoid-1step.safetensors
gradient() { "$MAML" meta-gradient "$config" --params "$golden" --tasks "$golden" --double "$@" >/dev/null; }
gradient --out as-it-is.safetensors
gradient --algorithm fomaml --out first-order.safetensors
gradient --steps 3 --alpha 0.02 --out three.safetensors
for other in first-order three; do
  if cmp -s as-it-is.safetensors $other.safetensors; then echo "$other changed nothing"; exit 1; fi
done

# What does not fit is refused in one line that names it, and nothing is written.
refused() { # PATTERN PYTHON: the statement changes the tensors t
  local status=0
  python3 -c "
from tensors import *
t = load('$golden')
$2
save('changed.safetensors', t)"
  "$MAML" meta-gradient "$config" --params changed.safetensors --tasks changed.safetensors --out not.safetensors \
    >out.txt 2>err.txt || status=$?
  if [ "$status" != 2 ] || [ "$(wc -l <err.txt)" != 1 ] || [ -s out.txt ] || [ -e not.safetensors ] ||
    ! grep -Eq "$1" err.txt; then
    echo "wanted exit 2 and: $1; got exit $status and:"
    cat err.txt
    exit 1
  fi
}
refused 'support.x' "del t['support.x']"
refused 'query.y' "t['query.z'] = t.pop('query.y')"
refused 'linear2.weight' "del t['linear2.weight']"
refused 'linear1.bias.*shape' "d, s, v = t['linear1.bias']; t['linear1.bias'] = (d, [s[0], 1], v)"
refused 'support.y.*i64' "d, s, v = t['support.y']; t['support.y'] = ('I64', s, [1 for _ in v])"
refused 'support.x.*shape' "d, s, v = t['support.x']; t['support.x'] = (d, s[:2], v)"
refused 'query.x.*shape' "d, s, v = t['query.x']; t['query.x'] = (d, [s[1], s[0], 1], v)"
config=$ROOT/tests/golden/classifier.toml golden=$ROOT/tests/golden/classifier.safetensors
refused 'support.y.*labels' "d, s, v = t['support.y']; t['support.y'] = ('F64', s, [float(x) for x in v])"
refused 'query.y.*label 7.*3 classes' "d, s, v = t['query.y']; t['query.y'] = (d, s, [7] + list(v[1:]))"
