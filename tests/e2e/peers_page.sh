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
    if workload == "mini-imagenet":
        wanted.add((*plan.LEANEST, 2, 0))
    made = [(m.system, m.form, m.threads, m.round) for m in quick if m.workload == workload]
    assert set(made) == wanted and len(made) == len(wanted), (workload, set(made) ^ wanted)
checked = plan.checks(quick)
assert set(checked) == {*plan.MAIN, *plan.SMOOTH.values()}, checked
for workload in plan.MAIN:
    one_thread = {(system, form.replace("shard", "map")) for system, form in plan.forms_of(workload)}
    wanted = {*plan.forms_of(workload), *one_thread} | ({plan.LEANEST} if workload == "mini-imagenet" else set())
    assert set(checked[workload]) == wanted and len(checked[workload]) == len(wanted), workload
for workload, smooth in plan.SMOOTH.items():
    wanted = {pair for pair in checked[workload] if "window" not in pair[1]}
    assert set(checked[smooth]) == wanted - ({plan.LEANEST} if workload == "mini-imagenet" else set()), smooth

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
# Where there is more than AVX2, maml.cpp is measured on it too, beside itself.
sys.argv = ["bench-peers", "--quick"]
wide = plan.measurements(plan.SYSTEMS, run.parse_arguments(), wider=True)
assert {str(m.key()) for m in wide} - {str(m.key()) for m in quick} == {
    str(m.key()) for m in wide if (m.system, m.form) == ("maml", "avx2")
}
assert {(m.workload, m.threads) for m in wide if m.form == "avx2"} == {(m.workload, m.threads) for m in quick}
# In turns: between two rounds of one system stand all the others.
for workload in plan.MAIN:
    made = [(m.system, m.form, m.threads) for m in quick if m.workload == workload and m.seconds > 0]
    turn = made[: len(made) // 3]
    assert made == 3 * turn and len(turn) == len(set(turn)) and turn[0] == ("maml", "maml", 2), made
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

# What is too far from the reference disagrees; only in float32, and where something may turn over, may it be farther.
def near(workload, unit=1e-7, **differences):
    return checks.agrees(dict(workload=workload, float64=1e-15, float32=unit) | differences, unit)

for workload in (*plan.MAIN, *plan.SMOOTH.values()):
    assert near(workload) and near(workload, float32=29e-7) and near(workload, float64=9e-7), workload
    assert near(workload, moments=1e-4) and not near(workload, moments=0.05), workload
    assert not near(workload, float64=2e-6) and not near(workload, float64=float("inf")), workload
    assert not near(workload, float32=0.06) and not near(workload, float32=float("nan")), workload
assert near("mini-imagenet", unit=0.1, float32=0.2) and not near("mini-imagenet", unit=0.16, float32=1)
assert near("omniglot-5way", float32=0.04) and not near("omniglot-5way,smooth=1", float32=0.04)
assert not near("sinusoid", float32=31e-7)

# All that is timed is checked, but for the longest inner loops.
checked = {(workload, *pair) for workload, forms in plan.checks(everything).items() for pair in forms}
checked -= {row for row in checked if row[0] in plan.SMOOTH.values()}
timed = {(m.workload, m.system, m.form) for m in everything if m.kind == "time" and m.system != "maml"}
assert checked < timed and {workload for workload, *_ in timed - checked} == set(plan.MEMORY[3:]), timed - checked
for wanted in (("mini-imagenet,steps=10", "jax", "map+patches+remat+rolled"), ("omniglot-5way,ways=20", "torch", "vmap")):
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

# The rounds of a form are one process's, which waits in between and ends with its workload, or where the machine's
# memory goes; a start is a process each time. What a program says beside its results, and why it fails, is read.
mkdir -p build
cat >build/maml_peer <<'SH'
#!/usr/bin/env bash
flags="$*" round=1
value() { local after=${flags#*--$1 }; echo "${after%% *}"; }
echo "a word beside"
[ "$(value form)" != fails ] || { echo "no such form" >&2; exit 1; }
while true; do
  echo "{\"seconds\": 1, \"round\": $round, \"process\": $$}"
  [ $round -lt "$(value rounds)" ] && read -r _ || exit 0
  round=$((round + 1))
done
SH
chmod +x build/maml_peer
cat >in_turns.py <<'PY'
import os, pathlib
import plan, run, runner

r = runner.Runner(pathlib.Path("runner"), pathlib.Path("build"))
r.exported = {"sinusoid", "sinusoid,steps=5"}
runner.available_memory = lambda: 0.9
r.command = lambda system, form, *_, **flags: [str(r.program), "--form", form] + [
    str(word) for name, value in flags.items() for word in (f"--{name}", value)
]
m = lambda form, number, **more: plan.Measurement(**{"section": "second-order", "kind": "time", "workload": "sinusoid",
                                                     "system": "jax", "form": form, "threads": 1, "round": number} | more)
todo = [m(form, number) for number in range(3) for form in ("vmap", "loop")]
todo += [m("vmap", 3), m("vmap", 0, threads=2), m("vmap", 0, kind="start"), m("vmap", 1, kind="start")]
assert [run.rounds_left(todo[i:]) for i in range(len(todo))] == [4, 3, 3, 2, 2, 1, 1, 1, 1, 1]
made = {}
for i, each in enumerate(todo[:6]):
    made.setdefault(each.form, []).append(r.measure(each, run.rounds_left(todo[i:])))
for form, results in made.items():
    assert [result["round"] for result in results] == [1, 2, 3] and len({x["process"] for x in results}) == 1, results
assert made["vmap"][0]["process"] != made["loop"][0]["process"]

def alive(process):
    state = pathlib.Path(f"/proc/{process}/stat")
    return state.exists() and state.read_text().split()[2] != "Z"

# The loop's rounds are over, the other's go on until another workload's turn.
vmap, loop = (made[form][0]["process"] for form in ("vmap", "loop"))
assert alive(vmap) and not alive(loop)
r.end_waiting(but=("sinusoid", "time"))
assert alive(vmap) and len(r.waiting) == 1
r.end_waiting(but=("sinusoid,steps=5", "time"))
assert not alive(vmap) and not r.waiting

first = r.measure(m("vmap", 0), 3)
assert first["round"] == 1 and first["process"] != vmap
r.end(m("vmap", 0))
assert not alive(first["process"])
first = r.measure(m("vmap", 1), 2)
runner.available_memory = lambda: 0.1
second = r.measure(m("vmap", 2), 1)
assert second["round"] == 1 and not alive(first["process"]) and not r.waiting
assert r.measure(m("fails", 0), 3) == {"error": "no such form"} and not r.waiting
runner.available_memory = lambda: 0.9
# One that dies while it waits is begun anew.
first = r.measure(m("loop", 0), 2)
os.kill(first["process"], 9)
while alive(first["process"]):
    pass
second = r.measure(m("loop", 1), 1)
assert second["round"] == 1 and second["process"] != first["process"] and not r.waiting
PY
python3 in_turns.py

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

ours = dict(isa="avx2", flop=2_000_000, peak_mb=12, before_mb=4, commit="def5678")
add("maml", "maml", 1, (0.0004, 0.0001, 0.0002), peak_gflops=40, **ours)
add("maml", "maml", 2, (0.0001, 0.0001, 0.0001), peak_gflops=80, **ours)
add("maml", "avx2", 1, (0.0003, 0.0003, 0.0003), peak_gflops=20, **{**ours, "isa": "avx2", "peak_mb": 12})
add("jax", "vmap", 1, (0.0006, 0.0005, 0.0007), peak_mb=300)
add("jax", "vmap", 2, (0.00045, 0.00045, 0.00045), peak_mb=310.4, before_mb=205, quiet=False)
add("torch", "loop", 1, ("no memory",))
for steps, memory in ((1, 100), (5, 101)):
    add("maml", "maml", 2, (1,), f"mini-imagenet,steps={steps}", **{**ours, "peak_mb": memory, "commit": "abc1234"})
    add("torch", "loop", 2, (1,), f"mini-imagenet,steps={steps}", peak_mb=100 * memory)
for filters, slow in ((32, 3), (96, 6), (128, 7)):  # the time of ours is a straight line of the square
    work = (filters / 32) ** 2 / 1000
    add("maml", "maml", 2, (0.001 + 2 * work,), f"omniglot-5way,filters={filters}", **ours)
    add("torch", "loop", 2, (slow / 1000,), f"omniglot-5way,filters={filters}")
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
                       "units": 1.5, "moments": 3e-16, "agrees": True},
                      {"workload": "sinusoid", "system": "torch", "form": "vmap", "error": "no such form"}]},
          open("results/peers.json", "w"))
PY
python3 made_up.py
python3 -B "$ROOT/bench/peers/run.py" --report-only --folder results --docs docs >/dev/null
page=docs/benchmarks.md
has() { grep -Fqx -e "$1" $page || { echo "the page lacks: $1"; cat $page; exit 1; }; }
grep -Eq '^\| measured \| [0-9-]+ [0-9:]+ to [0-9-]+ [0-9:]+ UTC, in one sitting \|$' $page || { cat $page; exit 1; }
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
has '| system, form | 1 thread, ms | spread | to ours | 2 threads, ms | spread | to ours | peak MB | before |'
has '| maml.cpp | 0.2 | 150 % | 1 | 0.1 | 0 % | 1 | 12.0 | 4 |'
has '| JAX, tasks by vmap | 0.6 | 33 % | 3 | 0.45 | 0 % | 4.5 | 310 | 205 |'
has '| PyTorch, loop over tasks | - |  |  | - |  |  | - | - |'
has '| measured though the peak was not reached | 3 of 26 |'
has '`-` PyTorch, loop over tasks, 1 thread: no memory'
# 2 MFLOP in the median 0.2 ms are 10 GFLOP/s of 40.
has 'maml.cpp: 10 GFLOP/s of 40 (25 %) on 1 thread, 20 GFLOP/s of 80 (25 %) on 2 threads.'
has '### Filters'
has '| system, form | 32 | 96 | 128 | off a line |'
has '| maml.cpp | 3 | 19.0 | 33.0 | 0.0 % |'
has '| PyTorch, loop over tasks | 3 | 6 | 7 | 8.2 % |'
has '| system, form | 1 | 5 |'
has '| maml.cpp | 100 | 101 |'
has '| PyTorch, loop over tasks | 10,000 | 10,100 |'
has '| sinusoid | JAX, tasks by vmap | 1.0e-15 | 2.0e-07 | 1.5 | 3.0e-16 |'
has '| sinusoid | PyTorch, tasks by vmap | did not run: no such form |  |  |  |'
# Of JAX the faster number of threads counts; what was measured on AVX2 beside is a row, and no other table's.
has '| `sinusoid` | 2 | 0.1 | 25 % | 4.5 | - | - | - | 25.9 |'
has '| maml.cpp, no instruction set above AVX2 | 0.3 | 0 % | 1.5 | - |  |  | - | - |'
has 'maml.cpp, no instruction set above AVX2: 7 GFLOP/s of 20 (33 %) on 1 thread.'
python3 - <<'PY2'
import json
document = json.load(open("docs/benchmarks.json"))
assert document["cpu"] == "Abacus 3" and document["versions"]["jax"] == "0.1.2" and len(document["checks"]) == 2
row = next(row for row in document["rows"] if (row["system"], row["form"], row["threads"]) == ("jax", "vmap", 1))
assert row["seconds"] == [0.0006, 0.0005, 0.0007] and row["workload"] == "sinusoid", row
PY2
# Without matplotlib no figure, and no link to one; without results no section.
if grep -Eq '!\[|## (First order|Adaptation|From start)' $page || [ -e docs/figures ]; then cat $page; exit 1; fi
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
