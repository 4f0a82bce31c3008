"""Has maml.cpp become slower? Compares with bench/baseline.json; `scripts/bench-guard` builds the program and calls it.

Times: `maml bench` on each instruction set that vectors have here, with one thread and two. Its share of the peak
measured in the same runs may be as far below the baseline's of the same kind of processor as 8 % more time makes it.
Up to three tries are made, and their best speed stands against their best peak. On a quiet machine only.

Counts: instructions of a meta-iteration on one thread, by valgrind, which has no AVX-512. They may be at most 1 % above
the baseline's of the same compiler. On any machine, busy or not.

Targets: those that bench_embed holds the small library against (bench/embed.cpp), the same on every machine, so not in
the baseline. One good try of three is enough. On a quiet machine only; left out where presets are named.

Exit status: 0 where all was compared and holds, 1 where something is slower or failed, 77 where nothing is slower but
not everything could be compared.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BASELINE = ROOT / "bench/baseline.json"
PRESETS = ("sinusoid-10shot", "omniglot-5way-1shot", "omniglot-20way-1shot", "mini-imagenet-5way-1shot")
COUNTED = "sinusoid-10shot"
COUNTED_ITERATIONS = 20
COUNTED_FUNCTION = "maml::make_iterations(*"  # what comes before it depends on clocks
THREADS = (1, 2)
TRIES = 3
LARGEST_LOSS = 0.08  # more time, at the same peak: so that what costs 10 % is seen
LARGEST_GROWTH = 0.01  # of the instructions
NOT_COMPARED = 77

HELD, SLOWER, UNKNOWN = "held", "SLOWER", "not compared"


class Failed(Exception):
    pass


class NotMeasured(Failed):
    """This row cannot be measured here and now: no data, or other programs take the processors."""


def processor():
    """The kind of processor, as /proc/cpuinfo tells it."""
    found = {}
    with open("/proc/cpuinfo") as file:
        for line in file:
            name, _, value = line.partition(":")
            found.setdefault(name.strip(), value.strip())
    if "vendor_id" in found:
        return "{vendor_id} family {cpu family} model {model}".format_map(found)
    if "CPU part" in found:
        return "implementer {CPU implementer} part {CPU part}".format_map(found)
    return platform.machine()


class Program:
    """`maml`, and what it says of itself."""

    def __init__(self, path):
        self.path = str(path)
        text = self.call([self.path, "version"]).stdout
        self.compiler = re.search("^compiler: (.*)$", text, re.M)[1]
        self.isas = re.search("^instruction sets: ([^;]*);", text, re.M)[1].split()

    def call(self, command, isa=None):
        environment = dict(os.environ) if isa is None else os.environ | {"MAML_ISA": isa}
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        except OSError as error:
            raise Failed(str(error)) from error
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["exit status %d" % done.returncode]
            said = next((line for line in lines if line.startswith("maml: ")), lines[-1])
            raise (NotMeasured if said.startswith("maml: [data.file] there is no") else Failed)(said)
        return done

    def timed_isas(self):
        return [isa for isa in self.isas if isa != "baseline"] or self.isas

    def counted_isas(self):
        return [isa for isa in self.isas if isa != "avx512"]

    def bench(self, row):
        command = [self.path, "bench", row["preset"], "--threads", str(row["threads"]), "--json"]
        return json.loads(self.call(command, row["isa"]).stdout)

    def instructions(self, row):
        """Of one meta-iteration: what so many more take, since making the experiment is in both counts."""

        def counted(iterations):
            command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
            command += ["--toggle-collect=" + COUNTED_FUNCTION, self.path, "bench", row["preset"]]
            command += ["--threads", "1", "--iterations", str(iterations)]
            found = re.search(r"Collected : (\d+)", self.call(command, row["isa"]).stderr)
            if not found or found[1] == "0":
                raise Failed(f"valgrind counted nothing in {COUNTED_FUNCTION} ({' '.join(command)})")
            return int(found[1])

        return (counted(2 * COUNTED_ITERATIONS) - counted(COUNTED_ITERATIONS)) // COUNTED_ITERATIONS


class Times:
    name, value, kind = "times", "peak_fraction", "processor"

    def __init__(self, program, presets):
        self.bench = program.bench
        threads = [count for count in THREADS if count <= len(os.sched_getaffinity(0))]
        self.rows = [
            {"processor": processor(), "preset": preset, "isa": isa, "threads": count}
            for preset in presets
            for isa in program.timed_isas()
            for count in threads
        ]

    @staticmethod
    def label(row):
        return f"{row['preset']} on {row['isa']}, {row['threads']} thread{'s' * (row['threads'] > 1)}"

    @staticmethod
    def text(value):
        return f"{100 * value:.1f} % of peak"

    @staticmethod
    def loss(value, known):
        """(How far beyond the baseline on the bad side, how far is allowed)."""
        return known / value - 1, LARGEST_LOSS

    def measure(self, row, settled):
        """Of up to three tries, no further than `settled` says: a disturbed speed and a disturbed peak both mend."""
        speed = peak = 0
        for _ in range(TRIES):
            found = self.bench(row)
            speed, peak = max(speed, found["gflops"]), max(peak, found["peak_gflops"])
            if settled(speed / peak):
                break
        if speed > peak:
            raise NotMeasured(f"{self.text(speed / peak)}, so other programs disturbed it")
        return round(speed / peak, 4)


class Counts:
    name, value, kind = "counts", "instructions", "compiler"

    def __init__(self, program, presets):
        self.instructions = program.instructions
        self.rows = [
            {"compiler": program.compiler, "preset": COUNTED, "isa": isa}
            for isa in program.counted_isas()
            if COUNTED in presets
        ]

    @staticmethod
    def label(row):
        return f"{row['preset']} on {row['isa']}"

    @staticmethod
    def text(value):
        return f"{value:,} instructions a meta-iteration"

    @staticmethod
    def loss(value, known):
        return value / known - 1, LARGEST_GROWTH

    def measure(self, row, settled):
        if not shutil.which("valgrind"):
            raise NotMeasured("valgrind is not installed (scripts/setup guard)")
        return self.instructions(row)


def hold_targets(bench_embed):
    """Says how maml_adapt stands against its own targets, returns HELD, SLOWER or UNKNOWN."""
    for _ in range(TRIES):
        done = subprocess.run([bench_embed], capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise Failed(f"{bench_embed}: exit status {done.returncode}")
        shares = [float(share) for share in re.findall(r"([0-9.]+) % of peak", done.stdout)]
        if done.returncode == 0 and max(shares, default=0) <= 100:
            break
    if not shares:
        say(UNKNOWN, "maml_adapt: this CPU lacks the instruction sets that its targets are for")
        return UNKNOWN
    if max(shares) > 100:
        say(UNKNOWN, f"maml_adapt: {max(shares)} % of peak, so other programs disturbed it")
        return UNKNOWN
    verdict = SLOWER if done.returncode else HELD
    say(verdict, "maml_adapt: its targets (bench/embed.cpp)\n" + done.stdout.rstrip())
    return verdict


class Baseline:
    def __init__(self, path):
        self.path = path
        self.rows = json.loads(path.read_text()) if path.exists() else {}

    @staticmethod
    def key(row, figure):
        return {name: row[name] for name in row if name != figure.value}

    def find(self, figure, row):
        """The value of that row, or None."""
        found = [known for known in self.rows.get(figure.name, []) if self.key(known, figure) == row]
        return found[0][figure.value] if found else None

    def set(self, figure, row, value):
        rows = [known for known in self.rows.get(figure.name, []) if self.key(known, figure) != row]
        rows.append({**row, figure.value: value})
        self.rows[figure.name] = sorted(rows, key=lambda known: list(map(str, known.values())))

    def write(self):
        """One row a line, so that a diff shows what changed."""
        def listed(rows):
            return "[\n  " + ",\n  ".join(map(json.dumps, rows)) + "\n ]"

        parts = [json.dumps(name) + ": " + listed(rows) for name, rows in sorted(self.rows.items())]
        self.path.write_text("{\n " + ",\n ".join(parts) + "\n}\n")


def say(verdict, text):
    print(f"{verdict:12}  {text}", flush=True)


def compare(figure, row, baseline):
    """Measures a row, says how it stands, returns HELD, SLOWER or UNKNOWN."""
    known = baseline.find(figure, row)
    label = figure.label(row)
    if known is None:
        say(UNKNOWN, f"{label}: the baseline has no row of {figure.kind} {row[figure.kind]}")
        return UNKNOWN

    def near(value):
        loss, allowed = figure.loss(value, known)
        return abs(loss) <= allowed

    value = figure.measure(row, near)
    loss, allowed = figure.loss(value, known)
    text = f"{label}: {figure.text(value)}, baseline {figure.text(known)}"
    if loss > allowed:
        say(SLOWER, f"{text}: {100 * loss:.1f} % worse, allowed are {100 * allowed:.0f} %")
        return SLOWER
    say(HELD, text + ("" if near(value) else f": {-100 * loss:.1f} % better (--update keeps that)"))
    return HELD


def update(figure, row, baseline):
    value = figure.measure(row, lambda _: False)
    baseline.set(figure, row, value)
    baseline.write()
    say("written", f"{figure.label(row)}: {figure.text(value)}")
    return HELD


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/bench-guard", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("presets", nargs="*", metavar="PRESET", help=f"[{' '.join(PRESETS)}]")
    parser.add_argument("--only", choices=("times", "counts", "targets"), help="one of the kinds of figures [all]")
    parser.add_argument("--update", action="store_true", help="writes what it measures here into the baseline")
    parser.add_argument("--baseline", type=pathlib.Path, default=BASELINE, help="[bench/baseline.json]")
    parser.add_argument("--maml", default=ROOT / "build/release/maml", help="the program [build/release/maml]")
    parser.add_argument("--bench-embed", default=ROOT / "build/release/bench_embed", help="[build/release/bench_embed]")
    return parser.parse_args()


def main():
    a = parse_arguments()
    program, baseline = Program(a.maml), Baseline(a.baseline)
    verdicts = []
    for figure in (Counts(program, a.presets or PRESETS), Times(program, a.presets or PRESETS)):
        if a.only not in (None, figure.name):
            continue
        for row in figure.rows:
            try:
                verdicts.append((update if a.update else compare)(figure, row, baseline))
            except NotMeasured as error:
                say(UNKNOWN, f"{figure.label(row)}: {error}")
                verdicts.append(UNKNOWN)
    if a.only == "targets" or not (a.only or a.presets or a.update):
        verdicts.append(hold_targets(a.bench_embed))
    counts = {verdict: verdicts.count(verdict) for verdict in (HELD, SLOWER, UNKNOWN)}
    if a.update:
        print(f"\n{counts[HELD]} rows written, {counts[UNKNOWN]} not measured")
        return NOT_COMPARED if counts[UNKNOWN] else 0
    if counts[UNKNOWN]:
        print("\nRows not compared say nothing. `scripts/bench-guard --update` adds those that the baseline lacks, on")
        print("a quiet machine of that kind and at a commit known to be fast; then commit bench/baseline.json.")
    print(f"\n{counts[HELD]} held, {counts[SLOWER]} slower, {counts[UNKNOWN]} not compared")
    return 1 if counts[SLOWER] else NOT_COMPARED if counts[UNKNOWN] or not verdicts else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, OSError, ValueError) as error:
        sys.exit(f"bench-guard: {error}")
