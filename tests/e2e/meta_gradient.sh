#!/usr/bin/env bash
# `maml meta-gradient` against the golden values of another framework, and what it says of files that do not fit.
set -euo pipefail
: "${ROOT:=$(cd "$(dirname "$0")/../.." && pwd)}"
cd "$TMP"
export PYTHONPATH=$ROOT/tests/e2e PYTHONDONTWRITEBYTECODE=1
compare() { python3 "$ROOT/tests/e2e/tensors.py" "$@"; }
cases=0
for config in "$ROOT"/tests/golden/*.toml; do
  golden=${config%.toml}.safetensors
  "$MAML" meta-gradient "$config" --params "$golden" --tasks "$golden" --double --out double.safetensors >/dev/null
  compare double.safetensors "$golden" 1e-9
  "$MAML" meta-gradient "$config" --params "$golden" --tasks "$golden" --out single.safetensors >/dev/null
  compare single.safetensors "$golden" 1e-4
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
