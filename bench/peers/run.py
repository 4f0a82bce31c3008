"""Measures maml.cpp and the other systems on the same workloads, in turns: see `scripts/bench-peers --help`.

Every form on so many threads is a process of its own, pinned to as many processors, which waits while the others take
their turns. Results go to results.jsonl line by line, and what is there is not measured again: a run that was broken
off goes on, unless machine, versions or maml.cpp's program have changed since: then all is measured anew, so that what
stands in one table was made in turns. peers.json is made of them.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import sys
import time

import machine
import plan
import report
import workloads
from checks import broken, check_equal, check_predictions, disagreeing
from runner import Runner

# A form is measured in the first round alone from so many seconds an iteration, or from the start to the first, on.
ONCE, ONCE_STARTED = 5, 40


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/bench-peers",
        description="Measures maml.cpp beside JAX, PyTorch, learn2learn and higher on the same work, and writes "
        "docs/benchmarks.md with its figures. A run that was broken off goes on where it stopped.",
    )
    parser.add_argument("--only", nargs="+", metavar="WORKLOAD", help="these workloads, by the start of their names")
    parser.add_argument("--sections", nargs="+", choices=plan.SECTIONS, help="these sections [all]")
    parser.add_argument("--systems", nargs="+", choices=plan.SYSTEMS, help="these systems; maml always [all]")
    parser.add_argument("--threads", nargs="+", type=int, choices=(1, 2), help="these numbers of threads [1 2]")
    parser.add_argument("--repeats", type=int, help="rounds of each measurement, memory's apart [5; --quick: 3]")
    parser.add_argument("--quick", action="store_true", help="the main tables of second order alone, 3 repeats")
    parser.add_argument("--fresh", action="store_true", help="forgets earlier results")
    parser.add_argument("--check-only", action="store_true", help="compares all meta-gradients anew, measures nothing")
    parser.add_argument("--report-only", action="store_true", help="writes page and figures from what is there")
    parser.add_argument("--build", type=pathlib.Path, default=workloads.ROOT / "build/release", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=pathlib.Path, default=workloads.ROOT / "build/peers", help=argparse.SUPPRESS)
    parser.add_argument("--docs", type=pathlib.Path, default=workloads.ROOT / "docs", help="where the page goes [docs]")
    return parser.parse_args()


def is_long(row):
    """Or broken: such a measurement is not repeated."""
    if "error" in row or row["seconds"] > ONCE:
        return True
    return row["kind"] == "start" and row["start_to_first"] > ONCE_STARTED


def rounds_left(todo):
    """How many of the measurements are rounds of the first. A start is a new process each time."""
    if todo[0].kind == "start":
        return 1
    return sum(dataclasses.replace(m, round=todo[0].round) == todo[0] for m in todo)


class Run:
    """The folder's two files, results.jsonl and peers.json, brought up to what the arguments ask for."""

    def __init__(self, a):
        self.a, self.runner, self.started = a, Runner(a.folder, a.build), time.time()
        self.file = a.folder / "peers.json"
        self.document = json.loads(self.file.read_text()) if self.file.exists() and not a.fresh else {}

    def log(self, text):
        print(f"[{time.time() - self.started:6.0f} s] {text}", flush=True)

    def save(self):
        self.file.write_text(json.dumps(self.document, indent=1))

    def describe(self, present):
        """Checks and predictions of other machines, versions or programs are forgotten."""
        document = self.document
        document |= machine.versions() | {"absent": plan.absent_systems(present, self.a.systems)}
        before, document["identity"] = document.get("identity"), machine.identity(self.runner.program, document)
        if before != document["identity"]:
            document["checks"] = []
            self.runner.predictions(fresh=True)

    def check(self, measurements):
        """Ends the program where a system computes something else than maml.cpp. Returns those of the measurements
        whose checks ran."""
        known = self.document.setdefault("checks", [])
        wanted = plan.checks(measurements)
        for workload, rows in check_equal(self.runner, wanted if self.a.check_only else plan.unchecked(wanted, known)):
            for row in rows:
                told = row.get("error") or "{float64:.1e} {float32:.1e} {units:.1f}".format(**row)
                told += f" {row['moments']:.1e}" if "moments" in row else ""
                self.log("{workload} {system} {form}: ".format(**row) + told)
            made = [(workload, row["system"], row["form"]) for row in rows]
            kept = [row for row in self.document["checks"] if (row["workload"], row["system"], row["form"]) not in made]
            self.document["checks"] = kept + rows
            self.save()
        self.end_if_different()
        left_out = broken(self.document["checks"])
        return [m for m in measurements if (m.workload, m.system, m.form) not in left_out]

    def end_if_different(self):
        failed = disagreeing(self.document.get("checks", []))
        if failed:
            names = ", ".join("{workload} {system} {form}".format(**row) for row in failed)
            sys.exit(f"no equal meta-gradient, no page: {names} ({self.file} has the differences)")

    def measure(self, measurements, store):
        todo = [m for m in measurements if not store.has(m)]
        self.log(f"{len(todo)} of {len(measurements)} measurements to make")
        for i, m in enumerate(todo, 1):
            first = store.find(dataclasses.replace(m, round=0)) if m.round > 0 else None
            if first and is_long(first):
                continue
            self.runner.end_waiting(but=(m.workload, m.kind))
            waited, is_quiet = self.runner.wait_for_quiet(m.threads)
            if waited:
                self.log(f"waited {waited} s for others to be done")
            result = self.runner.measure(m, rounds_left(todo[i - 1 :]))
            if is_long({"kind": m.kind, **result}):
                self.runner.end(m)
            store.add(m, result | {"commit": self.document["commit"], "quiet": is_quiet})
            told = result.get("error") or f"{result['seconds'] * 1e3:.3f} ms"
            self.log(f"{i}/{len(todo)} {m.kind} {m.workload} {m.system} {m.form} {m.threads} threads: {told}")
        self.runner.end_waiting()
        self.document["predictions"] = check_predictions(self.runner)

    def report(self, store):
        self.end_if_different()
        self.document["results"] = store.results
        self.save()
        wrong = [row for row in self.document.get("predictions", []) if not row.get("agrees", True)]
        if wrong:
            names = ", ".join("{workload} {system} {form} {difference:.0e}".format(**row) for row in wrong)
            sys.exit(f"predictions differ by more than {plan.MOST_DIFFERENCE:.0e}, no page was written: {names}")
        report.write(self.document, self.a.docs)
        self.log(f"wrote {self.a.docs / 'benchmarks.md'}")


def main():
    a = parse_arguments()
    run = Run(a)
    results = a.folder / "results.jsonl"
    if a.report_only:
        run.report(plan.Store(results, run.document.get("identity")))
        return
    if max(a.threads or (1, 2)) > len(os.sched_getaffinity(0)) and not a.check_only:
        sys.exit("bench-peers: there is one processor here; --threads 1 measures with that")
    present = plan.present_systems(a.systems)
    run.describe(present)
    measurements = plan.measurements(present, a, wider="avx512f" in run.document["instruction_sets"])
    measurements = run.check(measurements)
    if a.check_only:
        return
    store = plan.Store(results, run.document["identity"], a.fresh)
    run.measure(measurements, store)
    run.report(store)


if __name__ == "__main__":
    main()
