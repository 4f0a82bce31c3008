"""Whether the systems compute the same: meta-gradients before anything is timed, predictions after it."""

import concurrent.futures
import pathlib
import sys

import plan
import workloads


def norm(arrays):
    return sum(float((value.astype("float64") ** 2).sum()) for value in arrays.values()) ** 0.5


def arrays_of(file, what):
    """{parameter: array} of a file that a check left; `what`: gradient or moment."""
    from safetensors.numpy import load_file

    return {name: value for name, value in load_file(file).items() if name.startswith(what + ".")}


def relative_difference(arrays, exact):
    """Of two dicts of arrays as one vector. Infinite where they do not hold the same parameters."""
    if {name: value.shape for name, value in arrays.items()} != {name: value.shape for name, value in exact.items()}:
        return float("inf")
    difference = {name: arrays[name].astype("float64") - exact[name] for name in exact}
    return norm(difference) / norm(exact)


def agrees(row, unit):
    """Whether a row of differences is near enough; `unit`: maml.cpp's own difference in float32."""
    w = workloads.workload(row["workload"])
    turned = plan.MOST_TURNED if w.images and not w.smooth else 0
    return (
        row["float64"] <= plan.MOST_FLOAT64
        and row["float32"] <= max(turned, min(plan.MOST_EVER, plan.MOST_UNITS * unit))
        and row.get("moments", 0) <= plan.MOST_MOMENTS
    )


def disagreeing(rows):
    """Those of the rows of checks that computed something else than maml.cpp."""
    return [row for row in rows if "error" not in row and not row["agrees"]]


def broken(rows):
    """{(workload, system, form)} of the rows of checks that computed nothing."""
    return {(row["workload"], row["system"], row["form"]) for row in rows if "error" in row}


def check_equal(runner, checks):
    """Every system's meta-gradient against maml.cpp's in double precision: relative error of the whole vector; and
    Adam's first moments after a few iterations. Yields the rows of one workload after the other. Two at a time:
    compiling, not computing, takes their time."""
    for workload, forms in checks.items():
        pairs = [("maml", "maml"), *forms]
        keys = [(*pair, workload, dtype) for dtype in ("float64", "float32") for pair in pairs]
        runner.export(workload)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            found = dict(zip(keys, pool.map(lambda key: runner.check(*key), keys)))
        # Two beside each other may have lacked memory or time.
        found |= {key: runner.check(*key) for key in keys if "error" in found[key]}
        for dtype in ("float64", "float32"):
            ours = found["maml", "maml", workload, dtype]
            if "error" in ours:
                sys.exit(f"maml.cpp computes no meta-gradient of {workload}: {ours['error']}")
        exact_file = found["maml", "maml", workload, "float64"]["file"]
        exact = {what: arrays_of(exact_file, what) for what in ("gradient", "moment")}
        rows, unit = [], None
        for system, form in pairs:
            row = {"workload": workload, "system": system, "form": form}
            for dtype in ("float64", "float32"):
                made = found[system, form, workload, dtype]
                if "error" in made:
                    row["error"] = made["error"]
                    continue
                row[dtype] = relative_difference(arrays_of(made["file"], "gradient"), exact["gradient"])
                if dtype == "float64" and plan.compares_moments(workload):
                    row["moments"] = relative_difference(arrays_of(made["file"], "moment"), exact["moment"])
                pathlib.Path(made["file"]).unlink()
            if "error" not in row:
                unit = unit or row["float32"]
                row["units"] = row["float32"] / unit
                row["agrees"] = agrees(row, unit)
            rows.append(row)
        yield workload, rows


def check_predictions(runner):
    """Largest relative difference of each system's prediction from maml.cpp's, by (workload, system, form)."""
    from safetensors.numpy import load_file

    found = {}
    for path in runner.predictions().glob("*.safetensors"):
        workload, system, form = path.stem.split(".")
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
