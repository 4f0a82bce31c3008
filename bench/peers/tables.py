"""Tables of what was measured, in Markdown."""

import statistics

import plan

NAMES = {"maml": "maml.cpp", "jax": "JAX", "torch": "PyTorch", "learn2learn": "learn2learn", "higher": "higher"}
WORDS = {
    "maml": "",
    "avx2": "no instruction set above AVX2",
    "vmap": "tasks by vmap",
    "map": "tasks by a scan",
    "shard": "tasks over CPU devices",
    "loop": "loop over tasks",
    "patches": "patches + product",
    "window": "maxima by `reduce_window`",
    "mixflow": "forward over reverse (MixFlow-MG)",
    "remat": "checkpointed inner steps",
    "rolled": "inner steps by a scan",
    "scan": "many iterations a call",
    "nhwc": "channels last",
    "compile": "torch.compile",
    "adapt": "`adapt`",
    "kept": "kept `Adaptation`",
}


ORDERS_OF_TASKS = ("vmap", "map", "shard", "loop")


def label(system, form, one_task=False):
    words = [WORDS.get(word, word) for word in form.split("+") if not (one_task and word in ORDERS_OF_TASKS)]
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

    def best(self, kind, workload, system, threads):
        """Seconds of the system's fastest form on so many threads or fewer, None where there is none."""
        pairs = [pair for pair in self.forms(kind, workload) if pair[0] == system]
        counts = [count for count in self.threads(kind, workload) if count <= threads]
        found = [self.median((kind, workload, *pair, count)) for pair in pairs for count in counts]
        return min((seconds for seconds in found if seconds is not None), default=None)


def times_table(results, kind, workload, unit=1e3):
    """Median, spread and ratio to ours at each number of threads, and peak memory at the most."""
    counts = results.threads(kind, workload)
    pairs = results.forms(kind, workload)
    fastest_of_ours = ("maml", "kept" if kind == "adapt" else "maml")
    ours = {count: results.median((kind, workload, *fastest_of_ours, count)) for count in counts}
    named = {pair: label(*pair, one_task=kind == "adapt") for pair in pairs}
    head = ["system, form"]
    for count in counts:
        head += [f"{count} thread{'s' if count > 1 else ''}, {'ms' if unit == 1e3 else 'us'}", "spread", "to ours"]
    head += ["peak MB", "before"]
    rows, notes = [], []
    for pair in pairs:
        row = [named[pair]]
        for count in counts:
            key = (kind, workload, *pair, count)
            median = results.median(key)
            if median is None:
                row += ["-", "", ""]
                if key in results.errors:
                    notes.append(f"`-` {named[pair]}, {count} thread{'s' * (count > 1)}: {results.errors[key]}")
                continue
            ratio = f"{number(median / ours[count])}" if ours[count] else ""
            row += [number(median * unit), results.spread(key), ratio]
            if key in results.errors:
                notes.append(f"{named[pair]}, {count} thread{'s' * (count > 1)}, in a further round: {results.errors[key]}")
        for field in ("peak_mb", "before_mb"):
            memory = results.median((kind, workload, *pair, counts[-1]), field) if counts else None
            row.append(number(memory) if memory else "-")
        rows.append(row)
    return table(head, rows) + why_absent(notes)


def why_absent(notes):
    return "".join(f"\n{note}\n" for note in dict.fromkeys(notes))


def share_of_peak(results, workload, threads, kind="time", form="maml"):
    """(GFLOP/s, peak, percent) of maml.cpp, the peak from the same processes."""
    rounds = results.rounds[(kind, workload, "maml", form, threads)]
    speed = statistics.median(result["flop"] / result["seconds"] / 1e9 for result in rounds)
    peak = statistics.median(result["peak_gflops"] for result in rounds)
    return speed, peak, 100 * speed / peak


def of_peak(results, workload):
    lines = []
    for pair in results.forms("time", workload):
        parts = []
        for count in results.threads("time", workload):
            if pair[0] == "maml" and ("time", workload, *pair, count) in results.rounds:
                speed, peak, share = share_of_peak(results, workload, count, form=pair[1])
                parts.append(f"{speed:.0f} GFLOP/s of {peak:.0f} ({share:.0f} %) on {count} thread{'s' * (count > 1)}")
        lines += [f"{label(*pair)}: {', '.join(parts)}.\n"] if parts else []
    return "\n".join(lines)


def off_a_line(points):
    """The farthest that (x, y) lie from their straight line of least squares, over the largest y, as text."""
    if len(points) < 3:
        return "-"
    slope, intercept = statistics.linear_regression(*zip(*points))
    return f"{100 * max(abs(y - slope * x - intercept) for x, y in points) / max(y for _, y in points):.1f} %"


def curve_table(results, names, variable, forms, field, unit, work=None):
    """(table, lines of a figure): one row for each system and form, one column for each value of the variable. With
    `work`, of which the field should be a straight line, the lines are against that, and a column says how far off."""
    values = [variable(name) for name in names]
    measured = {pair for name in names for pair in results.forms("time", name)}
    rows, lines, notes = [], {}, []
    for pair in (("maml", "maml"), *forms):
        if pair not in measured:
            continue
        found = []
        for name, value in zip(names, values):
            key = ("time", name, *pair, results.threads("time", name)[-1])
            found.append(results.median(key, field))
            if key in results.errors:
                notes.append(f"`-` {label(*pair)}, at {value}: {results.errors[key]}")
        row = [label(*pair), *("-" if value is None else number(value * unit) for value in found)]
        points = [(work(x) if work else x, value * unit) for x, value in zip(values, found) if value is not None]
        rows.append([*row, off_a_line(points)] if work else row)
        lines[label(*pair)] = points
    head = ["system, form", *map(str, values), *(["off a line"] if work else [])]
    return table(head, rows) + why_absent(notes), lines
