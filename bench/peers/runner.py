"""Runs measurements and checks in processes of their own, pinned to as many processors as they have threads."""

import json
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import plan
import workloads

HERE = pathlib.Path(__file__).resolve().parent
TIME_LIMIT = 300  # seconds for one measurement
QUIET = 0.9  # of the highest peak so far: what a machine reaches that nobody else uses
LEAST_MEMORY = 1 / 3  # of the machine's; below, processes that wait for their next round are ended


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


def name(m):
    """Of the process that makes the rounds of a measurement."""
    return (m.workload, m.kind, m.system, m.form, m.threads)


def available_memory():
    """As a part of all."""
    lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return sizes["MemAvailable"] / sizes["MemTotal"]


class Process:
    """A running program that prints a line for each measurement."""

    def __init__(self, command, environment, processors):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            bufsize=1,
            preexec_fn=lambda: prepare(processors),
        )
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        """Lines as they come, and "" at the end."""
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def again(self):
        try:
            self.process.stdin.write("\n")
        except BrokenPipeError:
            pass  # it has ended: its line says why

    def line(self):
        """The next line of standard output, and ""; or "" and why there is none."""
        try:
            found = self.lines.get(timeout=TIME_LIMIT)
        except queue.Empty:
            return "", f"took longer than {TIME_LIMIT} s"
        return (found, "") if found else ("", self.complaint())

    def result(self):
        """The next line that is an object of JSON; else as `line`."""
        found, error = self.line()
        while not error and not found.startswith("{"):
            found, error = self.line()
        return found, error

    def complaint(self):
        """Why it ended."""
        status = self.process.wait()
        if status < 0:
            return f"ended by signal {-status}"
        self.errors.seek(0)
        return (self.errors.read().strip().splitlines() or ["no message"])[-1][:300]

    def wait(self):
        """"", or why it failed."""
        try:
            return self.complaint() if self.process.wait(TIME_LIMIT) else ""
        except subprocess.TimeoutExpired:
            return f"took longer than {TIME_LIMIT} s"

    def end(self):
        self.process.kill()
        self.process.wait()
        self.errors.close()


class Runner:
    def __init__(self, folder, build):
        self.folder, self.data, self.program = folder, folder / "data", build / "maml_peer"
        self.data.mkdir(parents=True, exist_ok=True)
        self.exported, self.peaks, self.waiting = set(), {}, {}

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
            words += ["--form", form.removesuffix("+avx2")]
        words += ["--mode", mode]
        for name, value in flags.items():
            words += [f"--{name}", str(value)]
        return [str(word) for word in words]

    def start(self, command, threads, caches=True, **environment):
        environment = os.environ | environment
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
        return Process(command, environment, choose(os.sched_getaffinity(0), threads, siblings))

    def wait_for_quiet(self, threads):
        """Waits while others take the machine's time: while the peak is below what it has been, for a minute at most.
        Returns the seconds waited, and whether it is quiet then."""
        waited = 0
        while True:
            program = self.start([str(self.program), "--mode", "peak", "--threads", str(threads)], threads)
            output, error = program.line()
            program.end()
            if error:
                sys.exit(f"no peak can be measured: {error}")
            peak = json.loads(output)["peak_gflops"]
            self.peaks[threads] = max(peak, self.peaks.get(threads, 0))
            is_quiet = peak >= QUIET * self.peaks[threads]
            if is_quiet or waited >= 60:
                return waited, is_quiet
            time.sleep(2)
            waited += 2

    # What is measured.

    def check(self, system, form, workload, dtype):
        """{"file": gradient.NAME and moment.NAME} or {"error": why}."""
        self.export(workload)
        out = self.folder / "gradients" / f"{workload}.{system}.{form}.{dtype}.safetensors"
        out.parent.mkdir(exist_ok=True)
        out.unlink(missing_ok=True)
        flags = dict(dtype=dtype, threads=2, out=out)
        if dtype == "float64" and plan.compares_moments(workload):
            flags["iterations"] = plan.ITERATIONS
        command = self.command(system, form, workload, "check", **flags)
        # Checks run two at a time: threads that wait must not hold a processor.
        program = self.start(command, 2, OMP_WAIT_POLICY="passive")
        error = program.wait()
        program.end()
        return {"error": error} if error else {"file": str(out)}

    def predictions(self, fresh=False):
        """The folder of what the adaptations have predicted."""
        folder = self.folder / "predictions"
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        return folder

    def begin(self, m, rounds):
        """A process that makes so many measurements."""
        self.export(m.workload)
        flags = {"threads": m.threads, "seconds": m.seconds, "rounds": rounds}
        if m.kind == "adapt":
            flags["steps"] = m.steps
            flags["out"] = self.predictions() / f"{m.workload}.{m.system}.{m.form}.safetensors"
            flags["out"].unlink(missing_ok=True)
        else:
            flags["started"] = time.time()
        mode = "adapt" if m.kind == "adapt" else "time"
        command = self.command(m.system, m.form, m.workload, mode, **flags)
        isa = {"MAML_ISA": "avx2"} if m.system == "maml" and m.form.endswith("avx2") else {}
        return self.start(command, m.threads, caches=m.kind != "start", **isa)

    def measure(self, m, rounds):
        """`rounds`: how many measurements there are of it from this one on, which one process makes, waiting while the
        others take their turns. end_waiting ends it."""
        if available_memory() < LEAST_MEMORY:
            self.end_waiting()
        program = self.waiting.pop(name(m), None)
        if program and program.process.poll() is not None:  # it has not lived to see this round
            program.end()
            program = None
        if program:
            program.again()
        else:
            program = self.begin(m, rounds)
        output, error = program.result()
        if rounds > 1 and not error:
            self.waiting[name(m)] = program
        else:
            program.end()
        return {"error": error} if error else json.loads(output)

    def end(self, m):
        """The process that waits for further rounds of it, where there is one."""
        if program := self.waiting.pop(name(m), None):
            program.end()

    def end_waiting(self, but=None):
        """Of all workloads but that one."""
        for key in [key for key in self.waiting if key[:2] != but]:
            self.waiting.pop(key).end()
