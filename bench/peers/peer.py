"""What every Python system's script shares: the command line, the clock, the files. See run.py for who calls them.

    python jax_peer.py --workload W --folder F --form NAME --mode check --dtype float64 --out G.safetensors
    python jax_peer.py --workload W --folder F --form NAME --mode time --threads 2 --seconds 1
    python jax_peer.py --workload W --folder F --form NAME --mode adapt --steps 3 --seconds 1 --out P.safetensors

A system's module gives `FORMS` and a class, made from (workload, form, dtype, threads), with

    meta_gradient(parameters, batch)   {name: gradient} of the mean over the batch's tasks; arrays are NumPy's
    iterations(parameters, batches)    a function that makes the next meta-iterations and returns how many it made
    adaptation(parameters, support, query, steps)   a function that adapts and predicts, and returns the prediction

The returned functions wait for their results. An iteration is the meta-gradient and Adam's update.
"""

import argparse
import json
import pathlib
import statistics
import time

import numpy as np

import workloads


def peak_rss_mb():
    """Largest resident size of this process so far, in MB."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def timed(seconds, call):
    """Calls for about so many seconds, in blocks of at least 0.1 s, at least three (of 0 seconds: one): the median time
    of an iteration. `call` says how many iterations it made."""

    def run(calls):
        start, made = time.perf_counter(), 0
        for _ in range(calls):
            made += call()
        return time.perf_counter() - start, made

    start = time.perf_counter()
    first, made = run(1)
    calls = max(1, int(0.1 / max(first, 1e-7)))
    blocks = [first / made] if calls == 1 else []  # a long one counts
    while not blocks or (seconds > 0 and (len(blocks) < 3 or time.perf_counter() - start < seconds)):
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
    parser.add_argument("--steps", type=int, default=1)
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
        gradient = peer.meta_gradient(parameters, batches[0])
        save_file({f"gradient.{k}": np.ascontiguousarray(v) for k, v in gradient.items()}, a.out)
        return
    if a.mode == "time":
        call = peer.iterations(parameters, batches)
        call()
        first = time.time()
        call()
        result = timed(a.seconds, call)
        result["peak_mb"] = peak_rss_mb()
        if a.started:
            result["start_to_first"] = first - a.started
    else:
        support_x, support_y, query_x, _ = batches[0]
        call = peer.adaptation(parameters, (support_x[0], support_y[0]), query_x[0][:1], a.steps)
        prediction = np.asarray(call()).reshape(-1)
        if a.out:
            save_file({"prediction": prediction}, a.out)

        def one():
            call()
            return 1

        result = timed(a.seconds, one) | {"peak_mb": peak_rss_mb()}
    print(json.dumps(result))
