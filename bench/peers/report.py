"""docs/benchmarks.md and its figures from what run.py has measured (peers.json)."""

import functools
import json
import pathlib
import statistics
import time

import plan
import workloads
from figures import draw
from tables import NAMES, Results, curve_table, label, number, of_peak, share_of_peak, table, times_table

BREAK = 1800  # seconds from one result to the next: longer than any measurement, and a run was broken off
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

* Every system computes on the same arrays and initial parameters (`bench/peers/workloads.py`). Sizes and rates are the
  presets'; the pictures are made up, a pattern for each class and noise, since no time depends on what they show. An
  iteration is the meta-gradient, averaged over the tasks, and Adam's update; drawing tasks is in nobody's time.
* Every form on so many threads is a process of its own, pinned to as many processors. It waits, asleep, while the
  others take their turns (where memory gets short, the waiting ones are begun anew): in each round all systems, on two
  threads and on one, for about a second (twins and how the time grows: half), in blocks of about 0.1 s or one
  iteration, of which the median counts. The first iterations of a process are not counted, nor is the first after a
  wait, but where it takes all of that. A table has the median over the rounds, and as spread the largest less the
  smallest over the median; it is that of one process over time (`once`: one round, of what takes more than 5 s an
  iteration, or 40 s to the first). Starts, memory and how the time grows are on two threads, the twins first on two,
  then on one. Memory against inner steps is of one iteration and those before it; a start is a new process each time.
  Before each measurement the peak is measured, and waited, for a minute at most, until it is 90 % of the highest since
  the run began: the machine is shared.
* `to ours` is a time over that of maml.cpp, with its fastest instruction set, at the same threads; of adaptation, by a
  kept `Adaptation`. Every iteration is waited for before the next is asked for, but where a call makes many. Memory is
  the largest resident size of the process with the most threads, interpreter and libraries included, and compilation
  where no earlier process has left it in the cache, as for the most inner steps; processes that compile for it are
  not; `before` is what it was when libraries and data were there and nothing was computed yet.
* The share of peak is of multiply-add chains measured in maml.cpp's processes right after its iterations
  ([performance.md](performance.md)).
* JAX: one jit of the whole meta-iteration, which overwrites parameters and moments (donated). Up to five inner steps
  are written out; more are a scan, which keeps compilation short. On one thread there is one device, so that its tasks
  over devices are tasks by a scan. A loop over tasks with convolutions as `lax.conv` is how it is mostly written;
  inside a scan that takes very long an iteration of mini-ImageNet, in little memory, and is measured once. Tasks by
  `vmap` with `lax.conv`, a convolution of as many groups as tasks, are measured on omniglot-5way alone; many iterations
  a call on the sinusoid alone, where a call weighs as much as its work.
* Beside the number of threads, JAX's devices and where compiled code is kept, nothing is set for a system: no other
  allocator, no large pages. maml.cpp asks for these itself, as it always does, where the machine leaves them to programs
  to ask for (3 % of omniglot-5way's time: [performance.md](performance.md#what-was-tried)).
* torch.compile has the whole iteration too, in place; of adaptation, all of it and the prediction. Of five inner steps
  on images it is not among the forms. The other forms of PyTorch, learn2learn and higher run eagerly, with PyTorch's
  fused Adam, in one process each; several processes are nobody's form, and recomputation (`torch.utils.checkpoint`) is
  not among PyTorch's. higher is measured on the sinusoid and omniglot-5way, where its time is that of PyTorch's loop
  or more.
* PyTorch is the package of the Python index, which brings CUDA's libraries along; none is used. Its CPU build may
  start faster and hold less memory.
* Left out of the check of the meta-gradient, since their graphs do not fit into memory in double precision: 20 and 50
  inner steps, and of other systems than JAX 10. They are the loop that is checked at fewer steps.
* JAX's `vmap` with max-pooling takes the maximum by `lax.reduce_window`: by `reshape` and `max`, as the other forms
  have it, it is compiled to a wrong meta-gradient from two inner steps on. What else was tried, and why it is not
  among the forms, is in [performance.md](performance.md#beside-other-systems).
* Batch norm has no gamma and its bias is not adapted, as in the original: learn2learn's `adapt` cannot leave
  parameters out, so there its `maml_update` is called with gradients of the adapted ones.
* Adaptation takes arrays in and gives one prediction out; batch norm's statistics are those of the support rows.
  maml.cpp adapts on one thread whatever their number.
* The start is timed from the launch of the process to the end of its first iteration, with no cache of compiled code.
"""


def sittings(results):
    """When it was measured, as text: from the first result to the last, and in how many parts."""
    times = sorted(result["time"] for result in results if "time" in result)
    if not times:
        return "?"
    parts = 1 + sum(later - earlier > BREAK for earlier, later in zip(times, times[1:]))
    first, last = (time.strftime("%Y-%m-%d %H:%M", time.gmtime(at)) for at in (times[0], times[-1]))
    return f"{first} to {last} UTC, in " + ("one sitting" if parts == 1 else f"{parts} sittings")


def conditions(document):
    """What was measured on."""
    results = document.get("results", [])
    ours = [result for result in results if result["kind"] == "time" and result["form"] == "maml"]
    isa = {result["isa"] for result in ours if "isa" in result}
    peaks = {}
    for result in ours:
        if result.get("peak_gflops", 0) > 0:
            peaks.setdefault(result["threads"], []).append(result["peak_gflops"])
    rows = [
        ["measured", sittings(results)],
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
    if disturbed := sum(not result.get("quiet", True) for result in results):
        rows.append(["measured though the peak was not reached", f"{disturbed} of {len(results)}"])
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
        ours = results.median(("time", name, "maml", "maml", count))
        if not ours:
            continue
        row = [f"`{name}`", str(count), number(1e3 * ours), f"{share_of_peak(results, name, count)[2]:.0f} %"]
        for system in systems:
            seconds = results.best("time", name, system, count)
            row.append(f"{seconds / ours:.3g}" if seconds else "-")
        others = [pair for pair in results.forms("time", name) if pair[0] != "maml"]
        peaks = [results.median(("time", name, *pair, count), "peak_mb") for pair in others]
        memory = results.median(("time", name, "maml", "maml", count), "peak_mb")
        row.append(number(min(filter(None, peaks)) / memory) if memory and any(peaks) else "-")
        rows.append(row)
    if rows:
        yield "## In short\n"
        yield (
            "ms a meta-iteration of maml.cpp and its share of the measured peak; then how many times as long the "
            "fastest form of each\nother system takes, on as many threads or on fewer, and how many times as much "
            "memory the leanest of all forms.\n`-`: not measured.\n"
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
        for form in ("kept", "kept+avx2"):
            key = ("adapt", name, "maml", form, results.threads("adapt", name)[0])
            if results.values(key, "flop"):
                speed, peak, share = share_of_peak(results, name, key[-1], "adapt", form)
                yield f"{label('maml', form)}: {speed:.1f} GFLOP/s of one thread's {peak:.0f} ({share:.0f} %).\n"
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


# Of each size its name, what the time should be a straight line of, and that as a function of the size.
GROWTH = {
    "tasks": ("Tasks", "tasks", float),
    "ways": ("Ways", "ways", float),
    "filters": ("Filters", "filters / 32, squared", lambda filters: (filters / 32) ** 2),
    "steps": ("Inner steps", "inner steps", float),
}


def growth(results, figures):
    found = {variable: results.workloads("time", names) for variable, names in plan.SCALING.items()}
    found = {variable: names for variable, names in found.items() if len(names) > 1}
    if not found:
        return
    yield "## How the time grows\n"
    yield (
        "omniglot-5way-1shot with one size changed, ms a meta-iteration on the most threads. Work grows by as much with each "
        "task, way\nand inner step, and with the square of the filters, and so should the time: `off a line` is the farthest "
        "that it lies from the\nstraight line of least squares, over the longest time. torch.compile is not among the forms: "
        "it takes minutes for each\nsize. The preset's own size was measured with the tables above.\n"
    )
    for variable, names in found.items():
        name, axis, work = GROWTH[variable]
        of = functools.partial(size, variable)
        text, lines = curve_table(results, names, of, plan.CURVE_FORMS, "seconds", 1e3, work)
        yield f"### {name}\n"
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
        "Before anything is timed, of the functions that are, on two threads (of many iterations a call, a call of "
        "one): the norm of the difference from maml.cpp's meta-gradient in float64,\nover its norm; in float32 also in multiples of maml.cpp's own rounding error. "
        f"Allowed are {plan.MOST_FLOAT64:.0e} in float64 and {plan.MOST_UNITS} multiples in float32.\nOf images "
        f"{plan.MOST_TURNED} are allowed in float32 too: what a few rectifiers and maxima are worth that rounding turns "
        "over. So omniglot-5way's and\nmini-imagenet's forms of second order, but for JAX's maxima by windows and "
        "mini-imagenet's scan with lax.conv, are checked with gelu and means in their place too (`smooth=1`), without that. "
        f"Never allowed are more than {plan.MOST_EVER}. `after {plan.ITERATIONS}`, not of images with rectifiers: the same difference of Adam's first moments after\n{plan.ITERATIONS} iterations in "
        "float64, so that the iterations, too, are the same; PyTorch's Adam adds its epsilon at another place\n"
        f"({plan.MOST_MOMENTS:.0e} allowed).\n"
    )
    rows = []
    for row in checks:
        names = [row["workload"], label(row["system"], row["form"])]
        if "error" in row:
            rows.append([*names, f"did not run: {row['error'][:80]}", "", "", ""])
        else:
            moments = f"{row['moments']:.1e}" if "moments" in row else ""
            rows.append([*names, f"{row['float64']:.1e}", f"{row['float32']:.1e}", f"{row['units']:.1f}", moments])
    head = ["workload", "system, form", "float64", "float32", "multiples", f"after {plan.ITERATIONS}"]
    yield table(head, rows, 2)


def numbers(document):
    """What the page was made of: on what it was measured, the checks, and a line for each row of a table, with each
    round's figures."""
    words = ("section", "kind", "workload", "system", "form", "threads")
    rows = {}
    for result in document.get("results", []):
        key = tuple(result[word] for word in words)
        row = rows.setdefault(key, dict(zip(words, key)))
        for name in ("error", "seconds", "peak_mb", "before_mb", "start_to_first", "peak_gflops", "flop"):
            if name in result and (name == "error" or "error" not in result):
                value = result[name]
                row.setdefault(name, []).append(float(f"{value:.4g}") if isinstance(value, float) else value)
    told = ("cpu", "processors", "instruction_sets", "commit", "python", "versions", "absent")
    about = {name: document[name] for name in told if name in document}
    lists = {"checks": document.get("checks", []), "rows": rows.values()}
    parts = [f'"{name}": {json.dumps(value)}' for name, value in about.items()]
    parts += [f'"{name}": [\n' + ",\n".join(map(json.dumps, values)) + "\n]" for name, values in lists.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def write(document, docs):
    results = Results(document.get("results", []))
    docs = pathlib.Path(docs)
    docs.mkdir(parents=True, exist_ok=True)
    page = [
        "# Benchmarks\n",
        "maml.cpp beside the systems that its users would otherwise run, on the same work, in turns, in one run. "
        "`make bench-peers`\nmakes this page; it is not edited by hand; [benchmarks.json](benchmarks.json) has each "
        "round. How near each row\ncomes to what we want of it, and what keeps it from there, is in\n"
        "[performance.md](performance.md#what-was-wanted).\n",
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
    (docs / "benchmarks.json").write_text(numbers(document))
    (docs / "benchmarks.md").write_text("\n".join(part for part in page if part))
