"""What every Python system's script shares: the command line, the clock, the files. See run.py for who calls them.

    python jax_peer.py --workload W --folder F --form NAME --mode check --dtype float64 --out G.safetensors
    python jax_peer.py --workload W --folder F --form NAME --mode time --threads 2 --seconds 1
    python jax_peer.py --workload W --folder F --form NAME --mode adapt --steps 3 --seconds 1 --out P.safetensors

time and adapt print one JSON object; with --rounds N so many, each further one when a line comes on standard input.

A system's module gives `FORMS` and a class, made from (workload, form, dtype, threads), with

    iterations(parameters, batches, at_once)
        a function that makes the next meta-iteration, or so many where the form makes several in a call, and returns how
        many; and one that returns Adam's first moments {name: NumPy's array}
    adaptation(parameters, support, query, steps)
        a function that adapts and predicts, and returns the prediction

The returned functions wait for their results. An iteration is the meta-gradient, of the mean over the batch's tasks, and
Adam's update. What is checked is what is timed: after the first iteration the first moments are a tenth of the
meta-gradient; after a few more, with the other batches, they tell whether these were right.
"""

import argparse
import json
import math
import pathlib
import statistics
import sys
import time

import numpy as np

import workloads

AT_ONCE = 200  # iterations in a call, of forms that make several


def peak_rss_mb():
    """Largest resident size of this process so far, in MB."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def timed(seconds, call):
    """Calls for about so many seconds, in blocks of about 0.1 s or a call, one at least: the median time of an iteration.
    `call` says how many iterations it made. The first call, before which the process may have waited, counts where there
    is no time for another."""

    def run(calls):
        start, made = time.perf_counter(), 0
        for _ in range(calls):
            made += call()
        return time.perf_counter() - start, made

    start = time.perf_counter()
    first, made = run(1)
    calls = math.ceil(0.1 / max(first, 1e-7))
    blocks = [first / made] if first >= seconds else []
    while not blocks or time.perf_counter() - start < seconds:
        elapsed, made = run(calls)
        blocks.append(elapsed / made)
    return {"seconds": statistics.median(blocks), "best": min(blocks), "blocks": len(blocks)}


def split(arrays, tasks):
    """Parameters, and the meta-batches as (support x, support y, query x, query y), each tasks x rows x .."""
    data = [arrays.pop(name) for name in ("support.x", "support.y", "query.x", "query.y")]
    count = len(data[0]) // tasks
    return arrays, [tuple(part[i * tasks : (i + 1) * tasks] for part in data) for i in range(count)]


def main(system, forms):
    parser = argparse.ArgumentParser()
    parser.add_argument("--workload", required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--form", choices=forms, required=True)
    parser.add_argument("--mode", choices=("check", "time", "adapt"), required=True)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=1)
    parser.add_argument("--started", type=float, default=0)
    parser.add_argument("--out", type=pathlib.Path)
    a = parser.parse_args()

    from safetensors.numpy import load_file, save_file

    w = workloads.workload(a.workload)
    arrays = load_file(a.folder / f"{w.name}.safetensors")
    arrays = {k: v.astype(a.dtype) if v.dtype == np.float32 else v for k, v in arrays.items()}
    parameters, batches = split(arrays, w.tasks)
    peer = system(w, a.form, a.dtype, a.threads)
    if a.mode == "check":
        call, moments = peer.iterations(parameters, batches, 1)
        call()
        found = {f"gradient.{name}": 10 * value for name, value in moments().items()}
        for _ in range(1, a.iterations):
            call()
        found |= {f"moment.{name}": value for name, value in moments().items()}
        save_file({name: np.ascontiguousarray(value) for name, value in found.items()}, a.out)
        return
    before_mb = peak_rss_mb()
    started = {}
    if a.mode == "time":
        call, _ = peer.iterations(parameters, batches, AT_ONCE)
        call()
        if a.started:
            started["start_to_first"] = time.time() - a.started
        if a.seconds > 0:
            call()
    else:
        support_x, support_y, query_x, _ = batches[0]
        predict = peer.adaptation(parameters, (support_x[0], support_y[0]), query_x[0][:1], a.steps)
        prediction = np.asarray(predict()).reshape(-1)
        if a.out:
            save_file({"prediction": prediction}, a.out)

        def call():
            predict()
            return 1

    for number in range(a.rounds):
        if number > 0 and not sys.stdin.readline():
            break
        result = timed(a.seconds, call) | started
        print(json.dumps(result | {"peak_mb": peak_rss_mb(), "before_mb": before_mb}), flush=True)
