"""docs/benchmarks.md and its figures from what run.py has measured (peers.json)."""

import pathlib
import statistics

import plan
import workloads

NAMES = {"maml": "maml.cpp", "jax": "JAX", "torch": "PyTorch", "learn2learn": "learn2learn", "higher": "higher"}
WORDS = {
    "maml": "",
    "vmap": "tasks by vmap",
    "map": "tasks by a scan",
    "shard": "tasks over CPU devices",
    "loop": "loop over tasks",
    "patches": "patches + product",
    "mixflow": "forward over reverse (MixFlow-MG)",
    "remat": "checkpointed inner steps",
    "scan": "many iterations a call",
    "nhwc": "channels last",
    "compile": "torch.compile",
    "adapt": "`adapt`",
    "kept": "kept `Adaptation`",
}
TWIN_NAMES = {"maml": "second order", "fomaml": "first order", "anil": "ANIL"}


def label(system, form):
    words = [WORDS.get(word, word) for word in form.split("+")]
    return ", ".join(text for text in (NAMES[system], *words) if text)


def number(value):
    """Three digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 10 else f"{value:.1f}"


def table(head, rows, left=1):
    """A Markdown table whose first `left` columns are texts."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * left + "---:|" * (len(head) - left)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


class Results:
    """Medians over the rounds, by (kind, workload, system, form, threads)."""

    def __init__(self, results):
        self.rounds, self.errors = {}, {}
        for result in results:
            key = (result["kind"], result["workload"], result["system"], result["form"], result["threads"])
            if "error" in result:
                self.errors[key] = result["error"]
            else:
                self.rounds.setdefault(key, []).append(result)

    def values(self, key, field):
        return [result[field] for result in self.rounds.get(key, []) if field in result]

    def median(self, key, field="seconds"):
        values = self.values(key, field)
        return statistics.median(values) if values else None

    def spread(self, key, field="seconds"):
        """Largest less smallest, over the median, as text."""
        values = self.values(key, field)
        return "once" if len(values) == 1 else f"{100 * (max(values) - min(values)) / statistics.median(values):.0f} %"

    def forms(self, kind, workload):
        """(system, form), ours first, in the order of the plan."""
        keys = [key for key in (*self.rounds, *self.errors) if key[:2] == (kind, workload)]
        pairs = list(dict.fromkeys(key[2:4] for key in keys))
        return sorted(pairs, key=lambda pair: plan.SYSTEMS.index(pair[0]))

    def threads(self, kind, workload):
        return sorted({key[4] for key in self.rounds if key[:2] == (kind, workload)})

    def workloads(self, kind, names):
        return [name for name in names if any(key[:2] == (kind, name) for key in self.rounds)]


def sizes(w):
    steps = "1 inner step" if w.steps == 1 else f"{w.steps} inner steps"
    if not w.images:
        return f"{w.tasks} tasks, {w.shots} points, {steps}"
    return f"{w.ways}-way {w.shots}-shot, {w.tasks} tasks, {w.query_shots} query a class, {steps}"


def heading(name):
    w = workloads.workload(name)
    changed = "".join(f", {word}" for word in name.split(",")[1:])
    return f"### {w.preset}, {TWIN_NAMES[w.algorithm]}{changed}\n\n{sizes(w)}."


def times_table(results, kind, workload, unit=1e3):
    """Median, spread and ratio to ours at each number of threads, and peak memory at the most."""
    counts = results.threads(kind, workload)
    pairs = results.forms(kind, workload)
    ours = {}
    for count in counts:
        found = [results.median((kind, workload, *pair, count)) for pair in pairs if pair[0] == "maml"]
        ours[count] = min((value for value in found if value), default=None)
    head = ["system, form"]
    for count in counts:
        head += [f"{count} thread{'s' if count > 1 else ''}, {'ms' if unit == 1e3 else 'us'}", "spread", "to ours"]
    head.append("peak MB")
    rows, notes = [], []
    for pair in pairs:
        row = [label(*pair)]
        for count in counts:
            key = (kind, workload, *pair, count)
            median = results.median(key)
            if median is None:
                row += ["-", "", ""]
                if key in results.errors:
                    notes.append(f"{label(*pair)}, {count} thread{'s' * (count > 1)}: {results.errors[key]}")
                continue
            ratio = f"{number(median / ours[count])}" if ours[count] else ""
            row += [number(median * unit), results.spread(key), ratio]
        memory = [results.median((kind, workload, *pair, count), "peak_mb") for count in counts]
        row.append(number(memory[-1]) if memory and memory[-1] else "-")
        rows.append(row)
    text = table(head, rows)
    for note in dict.fromkeys(notes):
        text += f"\n`-` {note}\n"
    return text


def of_peak(results, workload):
    """Our share of the peak measured in the same processes."""
    parts = []
    for count in results.threads("time", workload):
        rounds = results.rounds.get(("time", workload, "maml", "maml", count), [])
        if rounds:
            speed = statistics.median(result["flop"] / result["seconds"] / 1e9 for result in rounds)
            peak = statistics.median(result["peak_gflops"] for result in rounds)
            share = 100 * speed / peak
            parts.append(f"{speed:.0f} GFLOP/s of {peak:.0f} ({share:.0f} %) on {count} thread{'s' * (count > 1)}")
    return f"maml.cpp: {', '.join(parts)}.\n" if parts else ""


def curve_table(results, kind, names, variable, field, unit):
    """One row for each system and form, one column for each value of the variable."""
    names = results.workloads(kind, names)
    values = [variable(name) for name in names]
    pairs = list(dict.fromkeys(pair for name in names for pair in results.forms(kind, name) if name in names))
    wanted = set(plan.MEMORY_FORMS if field == "peak_mb" else plan.CURVE_FORMS) | {("maml", "maml")}
    rows, lines = [], {}
    for pair in pairs:
        if pair not in wanted:
            continue
        found = []
        for name in names:
            counts = results.threads(kind, name)
            found.append(results.median((kind, name, *pair, counts[-1]), field) if counts else None)
        rows.append([label(*pair), *("-" if value is None else number(value * unit) for value in found)])
        lines[label(*pair)] = [(x, value * unit) for x, value in zip(values, found) if value is not None]
    return table(["system, form", *map(str, values)], rows), lines


def draw(figure, title, axis, unit, lines):
    """A figure of straight axes, twice: beside each other all systems, and ours alone. Without matplotlib none."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams["svg.hashsalt"] = "maml"
    drawn, axes = pyplot.subplots(1, 2, figsize=(9, 4), constrained_layout=True)
    for ax, only_ours in zip(axes, (False, True)):
        for name, points in lines.items():
            if points and (not only_ours or name.startswith("maml.cpp")):
                ours = name.startswith("maml.cpp")
                style = dict(lw=2.4, color="black") if ours else dict(lw=1.3)
                ax.plot(*zip(*points), marker="o", ms=4, label=name, **style)
        ax.set(xlabel=axis, ylabel=unit, xlim=(0, None), ylim=(0, None))
        ax.grid(alpha=0.3)
    drawn.suptitle(title, fontsize=10)
    drawn.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    figure.parent.mkdir(parents=True, exist_ok=True)
    drawn.savefig(figure, metadata={"Date": None})
    pyplot.close(drawn)
    return True


METHOD = """\
## How it is measured

* Every system computes on the same arrays and initial parameters (`bench/peers/workloads.py`; sizes and rates are the
  presets'). An iteration is the meta-gradient, averaged over the tasks, and Adam's update; drawing tasks is in nobody's
  time.
* Every measurement is a process of its own, pinned to as many processors as it has threads. Its first iterations are
  not counted; then blocks of at least 0.1 s for about a second, of which the median counts. In each round all systems
  take their turns; a table has the median over the rounds, and as spread the largest less the smallest over the median
  (`once`: more than 5 s an iteration).
* `to ours` is a time over maml.cpp's at the same threads. Memory is the largest resident size of the process with the
  most threads, interpreter, libraries and compilation included.
* The share of peak is of multiply-add chains measured in maml.cpp's processes right after its iterations
  ([performance.md](performance.md)).
* JAX: one jit of the whole meta-iteration, which overwrites parameters and moments (donated). torch.compile has the
  whole iteration too, in place. The other forms of PyTorch, learn2learn and higher run eagerly, with PyTorch's fused
  Adam.
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


def write(document, docs):
    results = Results(document.get("results", []))
    docs = pathlib.Path(docs)
    page = ["# Benchmarks\n"]
    page.append(
        "maml.cpp beside the systems that its users would otherwise run, on the same work, in turns, in one run. "
        "`make bench-peers`\nmakes this page; it is not edited by hand.\n"
    )
    versions = document.get("versions", {})
    isa = {r["isa"] for r in document.get("results", []) if r["system"] == "maml" and "isa" in r}
    peaks = {}
    for result in document.get("results", []):
        if "peak_gflops" in result and result["peak_gflops"] > 0:
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
    # A run that goes on where an earlier one was broken off may be of another commit.
    commits = sorted({r["commit"] for r in document.get("results", []) if "commit" in r})
    rows.append(["maml.cpp", ", ".join(commits) or document.get("commit", "?")])
    rows += [[NAMES.get(name, name), version or "absent"] for name, version in versions.items()]
    rows.append(["Python", document.get("python", "?")])
    page.append(table(["", ""], rows, 2))
    for system in document.get("absent", []):
        page.append(f"**{NAMES[system]} is absent**: it was not installed where this was measured.\n")

    for title, names in (("Second order", plan.MAIN), ("First order and ANIL", plan.TWINS)):
        found = results.workloads("time", names)
        if found:
            page.append(f"## {title}\n")
        for name in found:
            page += [heading(name) + "\n", times_table(results, "time", name), of_peak(results, name)]

    def steps_of(name):
        return workloads.workload(name).steps

    found = results.workloads("time", plan.MEMORY)
    if found:
        text, lines = curve_table(results, "time", found, steps_of, "peak_mb", 1)
        page.append("## Memory against inner steps\n")
        page.append(f"mini-imagenet-5way-1shot, {results.threads('time', found[-1])[-1]} threads: peak MB.\n")
        page.append(text)
        title = "Peak memory, mini-ImageNet 5-way 1-shot"
        if draw(docs / "figures/peers-memory.svg", title, "inner steps", "MB", lines):
            page.append("![Peak memory against inner steps](figures/peers-memory.svg)\n")

    names = [name for name in ("sinusoid", "omniglot-5way") if results.threads("adapt", name)]
    if names:
        page.append("## Adaptation and one prediction\n")
    for name in names:
        steps = next(r["steps"] for r in document["results"] if r["kind"] == "adapt" and r["workload"] == name)
        page.append(f"{workloads.workload(name).preset}, {steps} inner step{'s' * (steps > 1)}, one task.\n")
        page.append(times_table(results, "adapt", name, 1e6 if name == "sinusoid" else 1e3))
    if document.get("predictions") and names:
        worst = max(row["difference"] for row in document["predictions"])
        page.append(f"All predictions agree with maml.cpp's within {worst:.0e} of the largest output.\n")

    names = [name for name in ("sinusoid", "omniglot-5way") if results.threads("start", name)]
    if names:
        page.append("## From start of the process to the first meta-iteration\n")
    for name in names:
        count = results.threads("start", name)[-1]
        rows = []
        for pair in results.forms("start", name):
            key = ("start", name, *pair, count)
            seconds = results.median(key, "start_to_first")
            if seconds is not None:
                rows.append([label(*pair), number(seconds), results.spread(key, 'start_to_first')])
        page += [f"{workloads.workload(name).preset}, {count} threads.\n", table(["system, form", "s", "spread"], rows)]

    drawn = False
    for variable, names in plan.SCALING.items():
        found = results.workloads("time", names)
        if len(found) < 2:
            continue
        if not drawn:
            page.append("## How the time grows\n")
            page.append("omniglot-5way-1shot with one size changed, ms a meta-iteration, the most threads.\n")
            drawn = True
        text, lines = curve_table(
            results, "time", found, lambda name: getattr(workloads.workload(name), variable), "seconds", 1e3
        )
        axis = variable if variable != "steps" else "inner steps"
        page += [f"### {axis.capitalize()}\n", text]
        figure = f"figures/peers-{variable}.svg"
        if draw(docs / figure, f"Omniglot 5-way 1-shot against {axis}", axis, "ms a meta-iteration", lines):
            page.append(f"![Time against {axis}]({figure})\n")

    checks = document.get("checks", [])
    if checks:
        page.append("## The same meta-gradient\n")
        page.append(
            "Before anything is timed: the norm of the difference from maml.cpp's meta-gradient in float64, over its "
            "norm; float32\nalso in multiples of maml.cpp's own rounding error. Allowed are 1e-6 and "
            f"{plan.MOST_UNITS} multiples.\n"
        )
        rows = []
        for row in checks:
            start = [row["workload"], label(row["system"], row["form"])]
            if "error" in row:
                rows.append([*start, f"did not run: {row['error'][:80]}", "", ""])
            else:
                rows.append([*start, f"{row['float64']:.1e}", f"{row['float32']:.1e}", f"{row['units']:.1f}"])
        page.append(table(["workload", "system, form", "float64", "float32", "multiples"], rows, 2))
    page.append(METHOD)
    docs.mkdir(parents=True, exist_ok=True)
    (docs / "benchmarks.md").write_text("\n".join(part for part in page if part))
