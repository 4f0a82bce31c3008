"""docs/benchmarks.md and its figures from what run.py has measured (peers.json)."""

import functools
import pathlib
import statistics

import plan
import workloads
from figures import draw
from tables import NAMES, Results, curve_table, label, number, of_peak, share_of_peak, table, times_table

TWIN_NAMES = {"maml": "second order", "fomaml": "first order", "anil": "ANIL"}


def sizes(w):
    steps = "1 inner step" if w.steps == 1 else f"{w.steps} inner steps"
    if not w.images:
        return f"{w.tasks} tasks, {w.shots} points, {steps}"
    return f"{w.ways}-way {w.shots}-shot, {w.tasks} tasks, {w.query_shots} query a class, {steps}"


def heading(name):
    w = workloads.workload(name)
    changed = "".join(f", {word}" for word in name.split(",")[1:])
    return f"### {w.preset}, {TWIN_NAMES[w.algorithm]}{changed}\n\n{sizes(w)}."


METHOD = """\
## How it is measured

* Every system computes on the same arrays and initial parameters (`bench/peers/workloads.py`; sizes and rates are the
  presets'). An iteration is the meta-gradient, averaged over the tasks, and Adam's update; drawing tasks is in nobody's
  time.
* Every measurement is a process of its own, pinned to as many processors as it has threads. Its first iterations are
  not counted; then blocks of at least 0.1 s for about a second, of which the median counts. In each round all systems
  take their turns; a table has the median over the rounds, and as spread the largest less the smallest over the
  median (`once`: more than 5 s an iteration, or 40 s to the first). Memory against inner steps is of one iteration
  each. The main tables and adaptation are on one thread and on two, all else on two.
* `to ours` is a time over maml.cpp's at the same threads. Memory is the largest resident size of the process with the
  most threads, interpreter and libraries included, and compilation where no earlier process has left it in the cache.
* The share of peak is of multiply-add chains measured in maml.cpp's processes right after its iterations
  ([performance.md](performance.md)).
* JAX: one jit of the whole meta-iteration, which overwrites parameters and moments (donated). Up to five inner steps
  are written out, more are a scan, which keeps compilation short. On one thread there is one device, so that its tasks
  over devices are tasks by a scan.
* torch.compile has the whole iteration too, in place. Of five inner steps on images it is not among the forms:
  omniglot-20way took six minutes to compile, beside another program, and was then slower than vmap. The other forms of
  PyTorch, learn2learn and higher run eagerly, with PyTorch's fused Adam.
* PyTorch is the package of the Python index, which brings CUDA's libraries along; none is used. Its CPU build may
  start faster and hold less memory.
* Left out of the check of the meta-gradient, since their graphs do not fit into memory in double precision: 20 and 50
  inner steps, and of other systems than JAX 10. They are the loop that is checked at fewer steps.
* JAX's `vmap` with max-pooling is not among the forms: its compiled meta-gradient is wrong from two inner steps on (jax
  0.10.2 on CPUs, float64, mini-ImageNet: 10 % off at 2 steps, 18 % at 5). Ties are not the cause: the same function
  without `jit` agrees to 1e-14, as do `map`, `vmap` with forward over reverse, and pooling by `lax.reduce_window`
  in the place of `reshape` and `max`. `jax.checkpoint` and a barrier before the maximum do not mend it.
* Batch norm has no gamma and its bias is not adapted, as in the original: learn2learn's `adapt` cannot leave parameters
  out, so there its `maml_update` is called with gradients of the adapted ones.
* Adaptation takes arrays in and gives one prediction out; batch norm's statistics are those of the support rows.
  maml.cpp adapts on one thread whatever their number.
* The start is timed from the launch of the process to the end of its first iteration, with no cache of compiled code.
"""


def conditions(document):
    """What was measured on."""
    results = document.get("results", [])
    isa = {r["isa"] for r in results if r["system"] == "maml" and "isa" in r}
    peaks = {}
    for result in results:
        if result["kind"] == "time" and result.get("peak_gflops", 0) > 0:
            peaks.setdefault(result["threads"], []).append(result["peak_gflops"])
    rows = [
        ["processor", document.get("cpu", "?")],
        ["processors available", str(document.get("processors", "?"))],
        ["its instruction sets", ", ".join(document.get("instruction_sets", []))],
        ["instruction set of maml.cpp", ", ".join(sorted(isa)) or "?"],
    ]
    for count, found in sorted(peaks.items()):
        name = f"measured peak, {count} thread{'s' * (count > 1)}"
        rows.append([name, f"{statistics.median(found):.0f} GFLOP/s (float32, {min(found):.0f} to {max(found):.0f})"])
    rounds = {}
    for result in results:
        if result["section"] != "memory":
            part = f"{result['section']} on {result['threads']} thread{'s' * (result['threads'] > 1)}"
            rounds[part] = max(rounds.get(part, 0), result["round"] + 1)
    counts = sorted(set(rounds.values()), reverse=True)
    told = [", ".join(part for part in rounds if rounds[part] == count) + f": {count}" for count in counts]
    rows.append(["rounds", "; ".join(told) if len(counts) > 1 else str(*counts)])
    # A run that goes on where an earlier one was broken off may be of another commit.
    commits = sorted({r["commit"] for r in results if "commit" in r})
    rows.append(["maml.cpp", ", ".join(commits) or document.get("commit", "?")])
    rows += [[NAMES.get(name, name), version or "absent"] for name, version in document.get("versions", {}).items()]
    rows.append(["Python", document.get("python", "?")])
    yield table(["", ""], rows, 2)
    for system in document.get("absent", []):
        yield f"**{NAMES[system]} is absent**: it was not installed where this was measured.\n"


def summary(results):
    """One row a workload: each system's fastest form, as multiples of maml.cpp's time."""
    systems = [system for system in plan.SYSTEMS if system != "maml"]
    rows = []
    for name in results.workloads("time", (*plan.MAIN, *plan.TWINS)):
        count = results.threads("time", name)[-1]
        ours = results.best("time", name, "maml", count)
        if not ours:
            continue
        row = [f"`{name}`", str(count), number(1e3 * ours), f"{share_of_peak(results, name, count)[2]:.0f} %"]
        for system in systems:
            seconds = results.best("time", name, system, count)
            row.append(f"{seconds / ours:.3g}" if seconds else "-")
        peaks = [results.median(("time", name, *pair, count), "peak_mb") for pair in results.forms("time", name)[1:]]
        memory = results.median(("time", name, "maml", "maml", count), "peak_mb")
        row.append(number(min(filter(None, peaks)) / memory) if memory and any(peaks) else "-")
        rows.append(row)
    if rows:
        yield "## In short\n"
        yield (
            "ms a meta-iteration of maml.cpp and its share of the measured peak; then how many times as long the fastest "
            "form of each\nother system takes, and how many times as much memory the leanest of all forms.\n"
        )
        names = [NAMES[system] for system in systems]
        yield table(["workload", "threads", "maml.cpp, ms", "of peak", *names, "memory"], rows)


def times(results):
    for title, names in (("Second order", plan.MAIN), ("First order and ANIL", plan.TWINS)):
        found = results.workloads("time", names)
        if found:
            yield f"## {title}\n"
        for name in found:
            yield from (heading(name) + "\n", times_table(results, "time", name), of_peak(results, name))


def memory(results, figures):
    found = results.workloads("time", plan.MEMORY)
    if not found:
        return
    text, lines = curve_table(results, found, functools.partial(size, "steps"), plan.MEMORY_FORMS, "peak_mb", 1)
    yield "## Memory against inner steps\n"
    yield f"mini-imagenet-5way-1shot, {results.threads('time', found[-1])[-1]} threads: peak MB.\n"
    yield text
    title = "Peak memory, mini-ImageNet 5-way 1-shot"
    if draw(figures / "peers-memory.svg", title, "inner steps", "MB", lines):
        yield "![Peak memory against inner steps](figures/peers-memory.svg)\n"


def adaptation(results, document):
    names = [name for name in ("sinusoid", "omniglot-5way") if results.threads("adapt", name)]
    if names:
        yield "## Adaptation and one prediction\n"
    for name in names:
        steps = next(r["steps"] for r in document["results"] if r["kind"] == "adapt" and r["workload"] == name)
        yield f"{workloads.workload(name).preset}, {steps} inner step{'s' * (steps > 1)}, one task.\n"
        yield times_table(results, "adapt", name, 1e6 if name == "sinusoid" else 1e3)
        key = ("adapt", name, "maml", "kept", results.threads("adapt", name)[0])
        if results.values(key, "flop"):
            speed, peak, share = share_of_peak(results, name, key[-1], "adapt", "kept")
            yield f"maml.cpp, kept: {speed:.1f} GFLOP/s of one thread's {peak:.0f} ({share:.0f} %).\n"
    if document.get("predictions") and names:
        worst = max(row["difference"] for row in document["predictions"])
        yield f"All predictions agree with maml.cpp's within {worst:.0e} of the largest output.\n"


def start(results):
    names = [name for name in ("sinusoid", "omniglot-5way") if results.threads("start", name)]
    if names:
        yield "## From start of the process to the first meta-iteration\n"
    for name in names:
        count = results.threads("start", name)[-1]
        rows = []
        for pair in results.forms("start", name):
            key = ("start", name, *pair, count)
            seconds = results.median(key, "start_to_first")
            if seconds is not None:
                rows.append([label(*pair), number(seconds), results.spread(key, "start_to_first")])
        yield f"{workloads.workload(name).preset}, {count} threads.\n"
        yield table(["system, form", "s", "spread"], rows)


def size(variable, name):
    return getattr(workloads.workload(name), variable)


def growth(results, figures):
    first = True
    for variable, names in plan.SCALING.items():
        found = results.workloads("time", names)
        if len(found) < 2:
            continue
        if first:
            yield "## How the time grows\n"
            yield "omniglot-5way-1shot with one size changed, ms a meta-iteration, the most threads.\n"
            first = False
        sizes_of = functools.partial(size, variable)
        text, lines = curve_table(results, found, sizes_of, plan.CURVE_FORMS, "seconds", 1e3)
        axis = variable if variable != "steps" else "inner steps"
        yield f"### {axis.capitalize()}\n"
        yield text
        figure = f"peers-{variable}.svg"
        if draw(figures / figure, f"Omniglot 5-way 1-shot against {axis}", axis, "ms a meta-iteration", lines):
            yield f"![Time against {axis}](figures/{figure})\n"


def agreement(document):
    checks = document.get("checks", [])
    if not checks:
        return
    yield "## The same meta-gradient\n"
    yield (
        "Before anything is timed: the norm of the difference from maml.cpp's meta-gradient in float64, over its "
        "norm; float32\nalso in multiples of maml.cpp's own rounding error. Allowed are 1e-6 in float64; in "
        f"float32 {plan.MOST_UNITS} multiples,\nor {plan.MOST_TURNED}: what a few rectifiers and poolings are worth "
        "that rounding turns over.\n"
    )
    rows = []
    for row in checks:
        names = [row["workload"], label(row["system"], row["form"])]
        if "error" in row:
            rows.append([*names, f"did not run: {row['error'][:80]}", "", ""])
        else:
            rows.append([*names, f"{row['float64']:.1e}", f"{row['float32']:.1e}", f"{row['units']:.1f}"])
    yield table(["workload", "system, form", "float64", "float32", "multiples"], rows, 2)


def write(document, docs):
    results = Results(document.get("results", []))
    docs = pathlib.Path(docs)
    docs.mkdir(parents=True, exist_ok=True)
    page = [
        "# Benchmarks\n",
        "maml.cpp beside the systems that its users would otherwise run, on the same work, in turns, in one run. "
        "`make bench-peers`\nmakes this page; it is not edited by hand. How near each row comes to what we want of it, "
        "and what keeps it from there, is\nin [performance.md](performance.md#what-was-wanted).\n",
        *conditions(document),
        *summary(results),
        *times(results),
        *memory(results, docs / "figures"),
        *adaptation(results, document),
        *start(results),
        *growth(results, docs / "figures"),
        *agreement(document),
        METHOD,
    ]
    (docs / "benchmarks.md").write_text("\n".join(part for part in page if part))
