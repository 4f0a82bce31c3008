"""Tables of what was measured, in Markdown."""

import statistics

import plan

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

    def best(self, kind, workload, system, threads):
        """(seconds, form) of the system's fastest form; (None, "") where there is none."""
        found = [
            (self.median((kind, workload, *pair, threads)), pair[1])
            for pair in self.forms(kind, workload)
            if pair[0] == system and (kind, workload, *pair, threads) in self.rounds
        ]
        return min(found, default=(None, ""))


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


def share_of_peak(results, workload, threads):
    """(GFLOP/s, peak, percent) of maml.cpp, the peak from the same processes."""
    rounds = results.rounds[("time", workload, "maml", "maml", threads)]
    speed = statistics.median(result["flop"] / result["seconds"] / 1e9 for result in rounds)
    peak = statistics.median(result["peak_gflops"] for result in rounds)
    return speed, peak, 100 * speed / peak


def of_peak(results, workload):
    parts = []
    for count in results.threads("time", workload):
        if ("time", workload, "maml", "maml", count) in results.rounds:
            speed, peak, share = share_of_peak(results, workload, count)
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
