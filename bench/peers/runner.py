"""Runs one measurement or check as a process of its own, pinned to as many processors as it has threads."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import workloads

HERE = pathlib.Path(__file__).resolve().parent
TIME_LIMIT = 300  # seconds for one measurement


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

    def call(self, command, threads, caches=True, **environment):
        """(standard output, "") or ("", why not)."""
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
        command = self.command(system, form, workload, "check", dtype=dtype, threads=2, out=out)
        # Checks run two at a time: threads that wait must not hold a processor.
        _, error = self.call(command, 2, OMP_WAIT_POLICY="passive")
        return {"error": error} if error else {"gradient": str(out)}

    def predictions(self, fresh=False):
        """The folder of what the adaptations have predicted."""
        folder = self.folder / "predictions"
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        return folder

    def measure(self, m):
        self.export(m.workload)
        flags = {"threads": m.threads, "seconds": m.seconds}
        if m.kind == "adapt":
            flags["steps"] = m.steps
            flags["out"] = self.predictions() / f"{m.workload}.{m.system}.{m.form}.safetensors"
            flags["out"].unlink(missing_ok=True)
        else:
            flags["started"] = time.time()
        mode = "adapt" if m.kind == "adapt" else "time"
        command = self.command(m.system, m.form, m.workload, mode, **flags)
        output, error = self.call(command, m.threads, caches=m.kind != "start")
        return {"error": error} if error else json.loads(output.strip().splitlines()[-1])
