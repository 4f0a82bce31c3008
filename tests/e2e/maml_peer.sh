#!/usr/bin/env bash
# Our side of `make bench-peers` (bench/peers/maml_peer.cpp) on workloads of a few numbers: the meta-gradient is that of
# `maml meta-gradient`, in float64 and float32, and Adam's first moments are a tenth of it; times and adaptation say what
# the page is made of, as many times as asked; wrong input is refused.
set -euo pipefail
cd "$TMP"
export PYTHONPATH=$ROOT/tests/e2e PYTHONDONTWRITEBYTECODE=1
peer=$BUILD/maml_peer
cat >waves.toml <<'TOML'
base = "sinusoid-10shot"
[model]
layers = ["linear 4", "tanh", "linear 1"]
[inner]
steps = 2
alpha = 0.05
[data]
shots = 3
query_shots = 3
tasks = 2
TOML
cat >pictures.toml <<'TOML'
base = "omniglot-5way-1shot"
[model]
input = [4, 4, 1]
layers = ["conv2d 2 kernel=3 padding=same", "batch_norm mode=transductive gamma=false", "relu", "flatten", "linear 3"]
[inner]
steps = 2
alpha = 0.05
adapt = ["*", "!norm*"]
[outer]
clip = 0
[data]
ways = 3
shots = 2
query_shots = 1
tasks = 2
TOML

# NAME.safetensors holds two meta-batches of two tasks; NAME.first.safetensors the first of them.
python3 - <<'PY'
import math, random
from tensors import save
random.seed(1)

def write(name, parameters, inputs, rows, targets):
    tensors = {}
    for parameter, shape in parameters.items():
        tensors[parameter] = ("F32", shape, [random.gauss(0, 0.5) for _ in range(math.prod(shape))])
    data = {}
    for part, count in rows.items():
        x = [random.uniform(-1, 1) for _ in range(4 * count * math.prod(inputs))]
        data[part + ".x"] = ("F32", [4, count, *inputs], x)
        data[part + ".y"] = targets(count, x)
    save(name + ".safetensors", tensors | data)
    half = {key: (dtype, [2, *shape[1:]], values[: len(values) // 2]) for key, (dtype, shape, values) in data.items()}
    save(name + ".first.safetensors", tensors | half)

write("waves", {"linear1.weight": [4, 1], "linear1.bias": [4], "linear2.weight": [1, 4], "linear2.bias": [1]},
      [1], {"support": 3, "query": 3}, lambda count, x: ("F32", [4, count, 1], [math.sin(3 * value) for value in x]))
write("pictures", {"conv1.weight": [2, 1, 3, 3], "conv1.bias": [2], "norm1.bias": [2],
                   "linear1.weight": [3, 32], "linear1.bias": [3]},
      [4, 4, 1], {"support": 6, "query": 3},
      lambda count, x: ("I64", [4, count], 4 * [label for label in range(3) for _ in range(count // 3)]))
PY

on() { local name=$1; shift; "$peer" --config "$name.toml" --data "$name.safetensors" "$@"; }
for name in waves pictures; do
  "$MAML" meta-gradient $name.toml --params $name.first.safetensors --tasks $name.first.safetensors --double \
    --out exact.safetensors >/dev/null
  for dtype in float64 float32; do on $name --mode check --dtype $dtype --threads 2 --out $dtype.safetensors; done
  on $name --mode check --dtype float64 --iterations 3 --out later.safetensors
  python3 - <<'PY'
from tensors import load, save

exact = load("exact.safetensors")
gradients = {name: tensor for name, tensor in exact.items() if name.startswith("gradient.")}
names = {name.removeprefix("gradient.") for name in gradients}
assert gradients and set(exact) == {"loss", *gradients}, set(exact)
save("exact.safetensors", gradients)
for dtype, bound in (("float64", 1e-12), ("float32", 1e-5)):
    made = load(dtype + ".safetensors")
    assert set(made) == {*gradients, *("moment." + name for name in names)}, set(made)
    for name in names:
        moment, gradient = (made[what + name][2] for what in ("moment.", "gradient."))
        largest = max(map(abs, gradient))
        assert largest > 0 and all(abs(10 * m - g) <= bound * largest for m, g in zip(moment, gradient)), name
    save(dtype + ".safetensors", {name: made[name] for name in gradients})
# After three iterations the gradient is still the first one's, the moments are others.
later = load("later.safetensors")
for name in names:
    exact, gradient, moment = gradients["gradient." + name][2], *(later[what + name][2] for what in ("gradient.", "moment."))
    largest = max(map(abs, exact))
    assert all(abs(a - b) <= 1e-12 * largest for a, b in zip(gradient, exact)), name
    assert max(abs(10 * m - g) for m, g in zip(moment, exact)) > 0.01 * largest, name
PY
  python3 "$PYTHONPATH/tensors.py" float64.safetensors exact.safetensors 1e-12
  python3 "$PYTHONPATH/tensors.py" float32.safetensors float64.safetensors 1e-5
  if python3 "$PYTHONPATH/tensors.py" float32.safetensors float64.safetensors 1e-12 2>/dev/null; then
    echo "float32 is no coarser than float64"
    exit 1
  fi

  on $name --mode time --threads 2 --seconds 2 --started 1 </dev/null >time.json
  echo | on $name --mode time --seconds 0 --rounds 3 >rounds.json  # one line comes, so that two are made
  echo | on $name --mode adapt --seconds 0 --rounds 3 >>rounds.json
  for form in adapt kept; do
    on $name --mode adapt --form $form --steps 2 --seconds 2 --out $form.safetensors >$form.json
  done
  python3 - $name <<'PY'
import json, sys
from tensors import load

timed, adapted, kept = (json.load(open(name + ".json")) for name in ("time", "adapt", "kept"))
for result in (timed, adapted, kept):
    assert 0 < result["best"] <= result["seconds"] and result["blocks"] >= 3 and result["peak_mb"] > 1, result
    assert result["isa"] == timed["isa"], result
rounds = [json.loads(line) for line in open("rounds.json")]
assert [r["flop"] for r in rounds] == 2 * [timed["flop"]] + 2 * [rounds[-1]["flop"]], rounds
assert all(0 < r["seconds"] and r["blocks"] == 1 for r in rounds), rounds
assert timed["peak_gflops"] > 0 and timed["start_to_first"] > 1e9, timed
# Multiply-adds of a row (docs/performance.md): a gradient 20, H v 32; two steps over three rows, then three to judge
# by.
if sys.argv[1] == "waves":
    assert timed["flop"] == 2 * 2 * (2 * 3 * (20 + 32) + 3 * 20), timed
a, b = (load(form + ".safetensors")["prediction"] for form in ("adapt", "kept"))
assert a[1] == b[1] == [{"waves": 1, "pictures": 3}[sys.argv[1]]], (a, b)
assert max(abs(x - y) for x, y in zip(a[2], b[2])) < 1e-5 and any(a[2]), (a, b)
PY
done

cases=0
# refused PATTERN ARGUMENTS...: exit status 1, nothing on standard output, one line that matches, nothing written.
refused() {
  local pattern=$1 status=0; shift
  cases=$((cases + 1))
  "$peer" "$@" >out.txt 2>err.txt || status=$?
  if [ "$status" != 1 ] || [ -s out.txt ] || [ "$(wc -l <err.txt)" != 1 ] || [ -e not.safetensors ] ||
    ! grep -Eq -e "$pattern" err.txt; then
    echo "maml_peer $*: wanted exit 1 and: $pattern; got exit $status and:"
    cat err.txt
    exit 1
  fi
}
# changed PATTERN PYTHON: the statement changes the tensors t of waves.safetensors.
changed() {
  python3 -c "
from tensors import *
t = load('waves.safetensors')
$2
save('changed.safetensors', t)"
  refused "$1" --config waves.toml --data changed.safetensors --mode check --out not.safetensors
}
waves=(--config waves.toml --data waves.safetensors)
refused 'unknown option --dta .*data' --dta waves.safetensors
refused '--mode wants a value' "${waves[@]}" --mode
refused "--mode.*'check-all'.*check, time, adapt or peak" "${waves[@]}" --mode check-all
refused "--dtype.*'float16'.*float32 or float64" "${waves[@]}" --mode check --dtype float16 --out not.safetensors
refused "--form.*'keep'.*adapt or kept" "${waves[@]}" --mode adapt --form keep --out not.safetensors
refused "--threads.*'two'.*whole number" "${waves[@]}" --threads two
refused 'nowhere.toml' --config nowhere.toml --data waves.safetensors
refused 'nowhere.safetensors' --config waves.toml --data nowhere.safetensors
changed 'linear2.weight' "del t['linear2.weight']"
changed 'linear1.bias.*shape' "d, s, v = t['linear1.bias']; t['linear1.bias'] = (d, [2, 2], v)"
changed 'query.y' "del t['query.y']"
changed 'support.x.*3 tasks.*meta-batch has 2' "d, s, v = t['support.x']; t['support.x'] = (d, [3, *s[1:]], v[:9])"
changed 'query.*12 inputs and 11 targets' "d, s, v = t['query.y']; t['query.y'] = (d, [11], v[:11])"
changed 'support.*8 inputs and 12 targets' "d, s, v = t['support.x']; t['support.x'] = (d, [4, 2, 1], v[:8])"
echo "$cases wrong inputs refused"
