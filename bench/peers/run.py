"""Measures maml.cpp and the other systems on the same workloads, in turns: see `scripts/bench-peers --help`.

Every measurement is a process of its own, pinned to as many processors as it has threads. Results go to results.jsonl
line by line, and what is there is not measured again: a run that was broken off goes on, unless machine, versions or
maml.cpp's program have changed since. peers.json is made of them.
"""

import argparse
import dataclasses
import hashlib
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

import plan
import report
import workloads

HERE = pathlib.Path(__file__).resolve().parent
TIME_LIMIT = 300  # seconds for one measurement
ONCE = 5  # seconds an iteration from which on a form is measured in the first round alone


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
    parser.add_argument("--repeats", type=int, help="rounds of each measurement [5; 3 for curves, starts and --quick]")
    parser.add_argument("--seconds", type=float, default=1, help="for each measurement, start not counted [1]")
    parser.add_argument("--quick", action="store_true", help="the main tables of second order alone, 3 repeats")
    parser.add_argument("--fresh", action="store_true", help="forgets earlier results")
    parser.add_argument("--check-only", action="store_true", help="compares all meta-gradients anew, measures nothing")
    parser.add_argument("--report-only", action="store_true", help="writes page and figures from what is there")
    parser.add_argument("--build", type=pathlib.Path, default=workloads.ROOT / "build/release", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=pathlib.Path, default=workloads.ROOT / "build/peers", help=argparse.SUPPRESS)
    parser.add_argument("--docs", type=pathlib.Path, default=workloads.ROOT / "docs", help="where the page goes [docs]")
    return parser.parse_args()


def siblings(processor):
    """The processors of one core with this one, as text; of a machine that does not say, itself."""
    path = pathlib.Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
    return path.read_text().strip() if path.exists() else str(processor)


def choose(allowed, count, siblings):
    """So many of the allowed processors, of different cores as far as there are any."""
    first, further, cores = [], [], set()
    for processor in sorted(allowed):
        core = siblings(processor)
        (further if core in cores else first).append(processor)
        cores.add(core)
    return (first + further)[:count]


def prepare(processors):
    """Before a measured program starts: its processors; and where memory runs out, it is the one that goes."""
    os.sched_setaffinity(0, processors)
    pathlib.Path("/proc/self/oom_score_adj").write_text("1000")


class Runner:
    def __init__(self, folder, build):
        self.folder, self.data, self.program = folder, folder / "data", build / "maml_peer"
        self.data.mkdir(parents=True, exist_ok=True)
        self.exported = set()

    def export(self, workload):
        """Once a run: what an earlier one wrote may be of other sizes."""
        if workload not in self.exported:
            workloads.export(workloads.workload(workload), self.data)
            self.exported.add(workload)

    def command(self, system, form, workload, mode, **flags):
        if system == "maml":
            words = [self.program, "--config", self.data / f"{workload}.toml"]
            words += ["--data", self.data / f"{workload}.safetensors"]
        else:
            words = [sys.executable, HERE / f"{system}_peer.py", "--workload", workload, "--folder", self.data]
        if system != "maml" or mode == "adapt":
            words += ["--form", form]
        words += ["--mode", mode]
        for name, value in flags.items():
            words += [f"--{name}", str(value)]
        return [str(word) for word in words]

    def call(self, command, threads, caches=True):
        """(standard output, "") or ("", why not)."""
        environment = dict(os.environ)
        # NumPy's and MKL's threads; some machines set kernels of OpenBLAS that slow it down.
        environment |= {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        environment.pop("OPENBLAS_CORETYPE", None)
        environment.pop("OPENBLAS_L2_SIZE", None)
        environment["CUDA_VISIBLE_DEVICES"] = ""
        if caches:  # what a first run compiled is not compiled again
            environment["JAX_COMPILATION_CACHE_DIR"] = str(self.folder / "cache/jax")
            environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
            environment["TORCHINDUCTOR_CACHE_DIR"] = str(self.folder / "cache/torch")
        else:
            environment["JAX_ENABLE_COMPILATION_CACHE"] = "false"
            environment["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
        processors = choose(os.sched_getaffinity(0), threads, siblings)
        try:
            done = subprocess.run(
                command,
                env=environment,
                capture_output=True,
                text=True,
                timeout=TIME_LIMIT,
                preexec_fn=lambda: prepare(processors),
            )
        except subprocess.TimeoutExpired:
            return "", f"took longer than {TIME_LIMIT} s"
        if done.returncode < 0:
            return "", f"ended by signal {-done.returncode}"
        if done.returncode > 0:
            return "", (done.stderr.strip().splitlines() or ["no message"])[-1][:300]
        return done.stdout, ""

    # What is measured.

    def check(self, system, form, workload, dtype):
        """{"gradient": file} or {"error": why}."""
        self.export(workload)
        out = self.folder / "gradients" / f"{workload}.{system}.{form}.{dtype}.safetensors"
        out.parent.mkdir(exist_ok=True)
        out.unlink(missing_ok=True)
        _, error = self.call(self.command(system, form, workload, "check", dtype=dtype, threads=2, out=out), 2)
        return {"error": error} if error else {"gradient": str(out)}

    def measure(self, m):
        self.export(m.workload)
        flags = {"threads": m.threads, "seconds": m.seconds}
        if m.kind == "adapt":
            flags["steps"] = m.steps
            flags["out"] = self.folder / "gradients" / f"{m.workload}.{m.system}.{m.form}.prediction.safetensors"
            flags["out"].parent.mkdir(exist_ok=True)
        else:
            flags["started"] = time.time()
        mode = "adapt" if m.kind == "adapt" else "time"
        command = self.command(m.system, m.form, m.workload, mode, **flags)
        output, error = self.call(command, m.threads, caches=m.kind != "start")
        return {"error": error} if error else json.loads(output.strip().splitlines()[-1])


def norm(arrays):
    return sum(float((value.astype("float64") ** 2).sum()) for value in arrays.values()) ** 0.5


def check_equal(runner, checks, log):
    """Every system's meta-gradient against maml.cpp's in double precision: relative error of the whole vector. Yields
    the rows of one workload after the other."""
    from safetensors.numpy import load_file

    for workload, forms in checks.items():
        rows = []
        ours = runner.check("maml", "maml", workload, "float64")
        if "error" in ours:
            sys.exit(f"maml.cpp computes no meta-gradient of {workload}: {ours['error']}")
        exact = load_file(ours["gradient"])
        exact = {name: value for name, value in exact.items() if name != "loss"}
        unit = None
        for system, form in [("maml", "maml"), *forms]:
            row = {"workload": workload, "system": system, "form": form}
            for dtype in ("float64", "float32"):
                found = runner.check(system, form, workload, dtype)
                if "error" in found:
                    row["error"] = found["error"]
                    break
                gradient = load_file(found["gradient"])
                difference = {name: gradient[name].astype("float64") - exact[name] for name in exact}
                row[dtype] = norm(difference) / norm(exact)
                pathlib.Path(found["gradient"]).unlink()
            if "error" not in row:
                unit = unit or row["float32"]
                row["units"] = row["float32"] / unit
                # A rounding error that turns a rectifier or a pooling over is worth many others.
                row["agrees"] = row["float64"] <= 1e-6 and row["units"] <= plan.MOST_UNITS
            rows.append(row)
            log(f"{workload} {system} {form}: " + row.get("error", "{float64:.1e} {float32:.1e}".format(**row)
                if "error" not in row else ""))
        yield workload, rows


def check_predictions(runner):
    """Largest relative difference of each system's prediction from maml.cpp's, by (workload, system, form)."""
    from safetensors.numpy import load_file

    found = {}
    for path in (runner.folder / "gradients").glob("*.prediction.safetensors"):
        workload, system, form = path.name.removesuffix(".prediction.safetensors").split(".")
        found[workload, system, form] = load_file(path)["prediction"]
    rows = []
    for (workload, system, form), prediction in sorted(found.items()):
        ours = found.get((workload, "maml", "kept"))
        if ours is not None:
            difference = float(abs(prediction - ours).max() / max(abs(ours).max(), 1e-30))
            agrees = difference <= plan.MOST_DIFFERENCE
            rows.append(
                {"workload": workload, "system": system, "form": form, "difference": difference, "agrees": agrees}
            )
    return rows


def versions(runner):
    """What the tables' readers need to know of this machine and these systems."""
    from importlib import metadata

    def version(package):
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return ""

    found = {name: version(name) for name in ("jax", "torch", "higher", "numpy")}
    site = pathlib.Path(sys.prefix).glob("lib/python*/site-packages/learn2learn/_version.py")
    found["learn2learn"] = next((path.read_text().split("'")[1] for path in site), "")
    cpu = next(
        (line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    flags = next((line.split(":", 1)[1].split() for line in open("/proc/cpuinfo") if line.startswith("flags")), [])
    sets = [name for name in ("avx2", "fma", "avx512f", "amx_tile") if name in flags]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=workloads.ROOT, capture_output=True, text=True
    ).stdout.strip()
    return {
        "versions": found,
        "python": platform.python_version(),
        "cpu": cpu,
        "instruction_sets": sets,
        "processors": len(os.sched_getaffinity(0)),
        "commit": commit,
    }


def made_by(runner, document):
    """For each system what its results belong to: machine, versions, and for maml.cpp the very program."""
    machine = [document["cpu"], *document["instruction_sets"], document["processors"]]
    found = document["versions"]
    needs = {system: ("numpy", *modules) for system, modules in plan.MODULES.items()}
    made = {
        system: json.dumps([*machine, document["python"], *(f"{name} {found[name]}" for name in names)])
        for system, names in needs.items()
    }
    digest = hashlib.sha256(runner.program.read_bytes()).hexdigest() if runner.program.exists() else "absent"
    return made | {"maml": json.dumps([*machine, digest])}


def main():
    a = parse_arguments()
    runner = Runner(a.folder, a.build)
    result_file = a.folder / "peers.json"
    started = time.time()

    def log(text):
        print(f"[{time.time() - started:6.0f} s] {text}", flush=True)

    document = json.loads(result_file.read_text()) if result_file.exists() and not a.fresh else {}
    if not a.report_only:
        processors = len(os.sched_getaffinity(0))
        if max(a.threads or (1, 2)) > processors and not a.check_only:
            sys.exit("bench-peers: there is one processor here; --threads 1 measures with that")
        present = plan.present_systems(a.systems)
        document |= versions(runner) | {"absent": plan.absent_systems(present, a.systems)}
        before, document["made_by"] = document.get("made_by", {}), made_by(runner, document)
        if before != document["made_by"]:
            document["checks"] = []
        measurements = plan.measurements(present, a)
        checks = plan.checks(measurements)
        known = document.setdefault("checks", [])
        for workload, rows in check_equal(runner, checks if a.check_only else plan.unchecked(checks, known), log):
            made = [(workload, row["system"], row["form"]) for row in rows]
            kept = [row for row in document["checks"] if (row["workload"], row["system"], row["form"]) not in made]
            document["checks"] = kept + rows
            result_file.write_text(json.dumps(document, indent=1))
        failed = [row for row in document["checks"] if not row.get("agrees", False)]
        if failed:
            names = ", ".join("{workload} {system} {form}".format(**row) for row in failed)
            sys.exit(f"no equal meta-gradient, nothing was measured: {names} ({result_file} has the errors)")
        if a.check_only:
            return
        store = plan.Store(a.folder / "results.jsonl", document["made_by"], a.fresh)
        todo = [m for m in measurements if not store.has(m)]
        log(f"{len(todo)} of {len(measurements)} measurements to make")
        for i, m in enumerate(todo, 1):
            if m.round > 0 and store.seconds(dataclasses.replace(m, round=0)) > ONCE:
                continue
            result = runner.measure(m)
            store.add(m, result | {"commit": document["commit"]})
            told = result.get("error") or f"{result['seconds'] * 1e3:.3f} ms"
            log(f"{i}/{len(todo)} {m.kind} {m.workload} {m.system} {m.form} {m.threads} threads: {told}")
        document["predictions"] = check_predictions(runner)
    else:
        store = plan.Store(a.folder / "results.jsonl", document.get("made_by"))
    document["results"] = store.results
    result_file.write_text(json.dumps(document, indent=1))
    wrong = [row for row in document.get("predictions", []) if not row.get("agrees", True)]
    if wrong:
        names = ", ".join("{workload} {system} {form} {difference:.0e}".format(**row) for row in wrong)
        sys.exit(f"predictions differ by more than {plan.MOST_DIFFERENCE:.0e}, no page was written: {names}")
    report.write(document, a.docs)
    log(f"wrote {a.docs / 'benchmarks.md'}")


if __name__ == "__main__":
    main()
