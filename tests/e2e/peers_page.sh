#!/usr/bin/env bash
# `make bench-peers`: the list of what it measures, and the page it makes of results that we made up. Nothing is
# measured; NumPy, matplotlib and the systems compared with are not needed.
set -euo pipefail
cd "$TMP"
python3 -c 'import tomllib' 2>/dev/null || { echo "left out: python3 has no tomllib"; exit 77; }
echo 'raise ImportError("not for this test")' | tee matplotlib.py >numpy.py
export PYTHONPATH=$TMP:$ROOT/bench/peers PYTHONDONTWRITEBYTECODE=1

cat >planned.py <<'PY'
import sys
import checks, plan, run, runner, workloads

def planned(*flags, present=plan.SYSTEMS):
    sys.argv = ["bench-peers", *flags]
    return plan.measurements(present, run.parse_arguments())

quick = planned("--quick")
assert {m.section for m in quick} == {"second-order"} and {m.kind for m in quick} == {"time"}, quick
main = {"sinusoid", "sinusoid,steps=5", "omniglot-5way", "omniglot-20way", "mini-imagenet"}
assert {m.workload for m in quick} == main
for workload in plan.MAIN:
    forms = {("maml", "maml"), *plan.forms_of(workload)}
    assert {system for system, _ in forms} >= {"maml", "jax", "torch", "learn2learn"}, forms
    one_thread = {(system, form.replace("shard", "map")) for system, form in forms}
    wanted = {(*pair, 2, number) for pair in forms for number in (0, 1, 2)}
    wanted |= {(*pair, 1, number) for pair in one_thread for number in (0, 1, 2)}
    made = [(m.system, m.form, m.threads, m.round) for m in quick if m.workload == workload]
    assert set(made) == wanted and len(made) == len(wanted), (workload, set(made) ^ wanted)
checked = plan.checks(quick)
assert set(checked) == set(plan.MAIN), checked
for workload, forms in checked.items():
    one_thread = {(system, form.replace("shard", "map")) for system, form in plan.forms_of(workload)}
    assert set(forms) == {*plan.forms_of(workload), *one_thread} and len(forms) == len(set(forms)), workload

everything = planned()
assert {m.section for m in everything} == set(plan.SECTIONS)
keys = [str(m.key()) for m in everything]
assert len(keys) == len(set(keys)), "something is measured twice"
for m in everything:
    assert workloads.workload(m.workload).name == m.workload
assert {str(m.key()) for m in quick} <= set(keys), "--quick measures what the whole run does not"

few = planned("--quick", "--only", "sinusoid", "--threads", "2", "--repeats", "1", present=("maml", "jax"))
assert {(m.system, m.threads, m.round) for m in few} == {("maml", 2, 0), ("jax", 2, 0)}, few
assert {m.workload for m in few} == {"sinusoid", "sinusoid,steps=5"}, few
# In turns: between two rounds of one system stand all the others.
for workload in plan.MAIN:
    made = [(m.system, m.form) for m in quick if m.workload == workload and m.threads == 2]
    turn = made[: len(made) // 3]
    assert made == 3 * turn and len(turn) == len(set(turn)) and turn[0] == ("maml", "maml"), made
# The table's memory is that of the most threads, which the plan measures first.
assert planned("--threads", "2", "1") == everything

# What no earlier run has checked is checked, whatever else it has.
wanted = {"sinusoid": [("jax", "vmap"), ("torch", "loop")], "mini-imagenet": [("jax", "map")]}
row = lambda workload, system, form: {"workload": workload, "system": system, "form": form}
rows = [row("sinusoid", "maml", "maml"), row("sinusoid", "jax", "vmap"), row("sinusoid", "learn2learn", "loop")]
rows += [row("mini-imagenet", "maml", "maml"), row("mini-imagenet", "jax", "map"), row("mini-imagenet", "jax", "vmap")]
assert plan.unchecked(wanted, []) == wanted
assert plan.unchecked(wanted, rows) == {"sinusoid": wanted["sinusoid"]}
assert plan.unchecked(wanted, [*rows, row("sinusoid", "torch", "loop")]) == {}
# A check that did not run is made again.
broken = row("sinusoid", "torch", "loop") | {"error": "no memory"}
assert plan.unchecked(wanted, [*rows, broken]) == {"sinusoid": wanted["sinusoid"]}

# What computed something else ends the run, what computed nothing is left out of it.
agreeing, different = (row("sinusoid", "jax", "vmap") | {"agrees": agrees} for agrees in (True, False))
assert checks.disagreeing([agreeing, broken]) == [] and checks.disagreeing([different, broken]) == [different]
assert checks.broken([agreeing, different, broken]) == {("sinusoid", "torch", "loop")}

# All that is timed is checked, but for the longest inner loops.
checked = {(workload, *pair) for workload, forms in plan.checks(everything).items() for pair in forms}
timed = {(m.workload, m.system, m.form) for m in everything if m.kind == "time" and m.system != "maml"}
assert checked < timed and {workload for workload, *_ in timed - checked} == set(plan.MEMORY[3:]), timed - checked
for wanted in (("mini-imagenet,steps=10", "jax", "map+patches+remat"), ("omniglot-5way,ways=20", "torch", "vmap")):
    assert wanted in checked, wanted

# Two threads are pinned to two cores where there are two, whatever the numbers of their processors.
pairs = lambda processor: {0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3"}[processor]
halves = lambda processor: {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}[processor]
assert runner.choose({0, 1, 2, 3}, 2, pairs) == [0, 2] and runner.choose({0, 1, 2, 3}, 2, halves) == [0, 1]
assert runner.choose({0, 1, 2, 3}, 1, pairs) == [0] and runner.choose({2, 3}, 2, pairs) == [2, 3]
assert set(runner.choose({0, 1}, 2, runner.siblings)) == {0, 1}

for name in ("sinusoids", "omniglot-5way,colours=3", "omniglot-5way,ways=few"):
    try:
        workloads.workload(name)
    except ValueError as error:
        assert name.split(",")[0] in str(error), error
    else:
        raise AssertionError(name + " is a workload")
PY
python3 planned.py

# Results of three rounds, the last line cut off: what is there is not measured again.
mkdir results
cat >made_up.py <<'PY'
import json, pathlib
import plan

store = plan.Store(pathlib.Path("results/results.jsonl"), "here")

def add(system, form, threads, seconds, workload="sinusoid", **more):
    for number, value in enumerate(seconds):
        m = plan.Measurement("second-order", "time", workload, system, form, threads, number)
        assert not store.has(m)
        store.add(m, {"error": value} if isinstance(value, str) else {"seconds": value, **more})

ours = dict(isa="avx2", flop=2_000_000, peak_mb=12, commit="def5678")
add("maml", "maml", 1, (0.0004, 0.0001, 0.0002), peak_gflops=40, **ours)
add("maml", "maml", 2, (0.0001, 0.0001, 0.0001), peak_gflops=80, **ours)
add("jax", "vmap", 1, (0.0006, 0.0005, 0.0007), peak_mb=300)
add("jax", "vmap", 2, (0.00045, 0.00045, 0.00045), peak_mb=310.4)
add("torch", "loop", 1, ("no memory",))
for steps, memory in ((1, 100), (5, 101)):
    add("maml", "maml", 2, (1,), f"mini-imagenet,steps={steps}", **{**ours, "peak_mb": memory, "commit": "abc1234"})
    add("torch", "loop", 2, (1,), f"mini-imagenet,steps={steps}", peak_mb=100 * memory)
with open("results/results.jsonl", "a") as file:
    file.write('{"key": ["time", "sinus')
again = plan.Store(pathlib.Path("results/results.jsonl"), "here")
assert again.results == store.results
assert again.has(plan.Measurement("second-order", "time", "sinusoid", "jax", "vmap", 2, 2))
assert not again.has(plan.Measurement("second-order", "time", "sinusoid", "torch", "vmap", 2, 2))

# What other versions, or another program of ours, have measured counts for nothing.
m = plan.Measurement("second-order", "time", "sinusoid", "jax", "vmap", 2, 0)
plan.Store(pathlib.Path("versions.jsonl"), "jax 1").add(m, {"seconds": 1})
assert plan.Store(pathlib.Path("versions.jsonl"), "jax 1").has(m)
new = plan.Store(pathlib.Path("versions.jsonl"), "jax 2")
assert not new.has(m) and new.results == []
new.add(m, {"seconds": 2})
assert new.find(m)["seconds"] == 2 and plan.Store(pathlib.Path("versions.jsonl"), "jax 1").find(m)["seconds"] == 1
json.dump({"identity": "here", "cpu": "Abacus 3", "processors": 2, "instruction_sets": ["avx2", "fma"],
           "commit": "fff0000", "python": "3.11.0", "versions": {"jax": "0.1.2", "higher": ""}, "absent": ["higher"],
           "checks": [{"workload": "sinusoid", "system": "jax", "form": "vmap", "float64": 1e-15, "float32": 2e-7,
                       "units": 1.5, "agrees": True},
                      {"workload": "sinusoid", "system": "torch", "form": "vmap", "error": "no such form"}]},
          open("results/peers.json", "w"))
PY
python3 made_up.py
python3 -B "$ROOT/bench/peers/run.py" --report-only --folder results --docs docs >/dev/null
page=docs/benchmarks.md
has() { grep -Fqx -e "$1" $page || { echo "the page lacks: $1"; cat $page; exit 1; }; }
has '| processor | Abacus 3 |'
has '| processors available | 2 |'
has '| instruction set of maml.cpp | avx2 |'
has '| measured peak, 1 thread | 40 GFLOP/s (float32, 40 to 40) |'
has '| maml.cpp | abc1234, def5678 |'
has '| JAX | 0.1.2 |'
has '| rounds | 3 |'
has '| higher | absent |'
has '**higher is absent**: it was not installed where this was measured.'
has '### sinusoid-10shot, second order'
has '25 tasks, 10 points, 1 inner step.'
# Median of three, spread over the median, ratio to ours at the same threads, memory with the most threads.
has '| system, form | 1 thread, ms | spread | to ours | 2 threads, ms | spread | to ours | peak MB |'
has '| maml.cpp | 0.2 | 150 % | 1 | 0.1 | 0 % | 1 | 12.0 |'
has '| JAX, tasks by vmap | 0.6 | 33 % | 3 | 0.45 | 0 % | 4.5 | 310 |'
has '| PyTorch, loop over tasks | - |  |  | - |  |  | - |'
has '`-` PyTorch, loop over tasks, 1 thread: no memory'
# 2 MFLOP in the median 0.2 ms are 10 GFLOP/s of 40.
has 'maml.cpp: 10 GFLOP/s of 40 (25 %) on 1 thread, 20 GFLOP/s of 80 (25 %) on 2 threads.'
has '| system, form | 1 | 5 |'
has '| maml.cpp | 100 | 101 |'
has '| PyTorch, loop over tasks | 10,000 | 10,100 |'
has '| sinusoid | JAX, tasks by vmap | 1.0e-15 | 2.0e-07 | 1.5 |'
has '| sinusoid | PyTorch, tasks by vmap | did not run: no such form |  |  |'
# Without matplotlib no figure, and no link to one; without results no section.
if grep -Eq '!\[|## (First order|Adaptation|How the time)' $page || [ -e docs/figures ]; then cat $page; exit 1; fi
# No page where a meta-gradient or a prediction differs.
refused() {
  if python3 -B "$ROOT/bench/peers/run.py" --report-only --folder results --docs docs >/dev/null 2>error.txt; then
    echo "a page was written, wanted was: $1"
    exit 1
  fi
  grep -q "$1" error.txt || { cat error.txt; exit 1; }
  test ! -e docs
}
rm -r docs
cp results/peers.json agrees.json
sed -i 's/"agrees": true/"agrees": false/' results/peers.json
refused 'no equal meta-gradient.* sinusoid jax vmap'
cp agrees.json results/peers.json
python3 - <<'PY'
import json

document = json.load(open("results/peers.json"))
wrong = {"workload": "sinusoid", "system": "jax", "form": "map", "difference": 0.01, "agrees": False}
document["predictions"] = [wrong]
json.dump(document, open("results/peers.json", "w"))
PY
refused 'predictions differ .*sinusoid jax map 1e-02'
