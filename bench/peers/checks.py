"""Whether the systems compute the same: meta-gradients before anything is timed, predictions after it."""

import concurrent.futures
import pathlib
import sys

import plan


def norm(arrays):
    return sum(float((value.astype("float64") ** 2).sum()) for value in arrays.values()) ** 0.5


def disagreeing(rows):
    """Those of the rows of checks that computed something else than maml.cpp."""
    return [row for row in rows if not row.get("agrees", "error" in row)]


def broken(rows):
    """{(workload, system, form)} of the rows of checks that computed nothing."""
    return {(row["workload"], row["system"], row["form"]) for row in rows if "error" in row}


def check_equal(runner, checks):
    """Every system's meta-gradient against maml.cpp's in double precision: relative error of the whole vector. Yields
    the rows of one workload after the other. Two at a time: compiling, not computing, takes their time."""
    from safetensors.numpy import load_file

    for workload, forms in checks.items():
        pairs = [("maml", "maml"), *forms]
        keys = [(*pair, workload, dtype) for dtype in ("float64", "float32") for pair in pairs]
        runner.export(workload)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            found = dict(zip(keys, pool.map(lambda key: runner.check(*key), keys)))
        ours = found["maml", "maml", workload, "float64"]
        if "error" in ours:
            sys.exit(f"maml.cpp computes no meta-gradient of {workload}: {ours['error']}")
        exact = load_file(ours["gradient"])
        exact = {name: value for name, value in exact.items() if name != "loss"}
        rows, unit = [], None
        for system, form in pairs:
            row = {"workload": workload, "system": system, "form": form}
            for dtype in ("float64", "float32"):
                made = found[system, form, workload, dtype]
                if "error" in made:
                    row["error"] = made["error"]
                    continue
                gradient = load_file(made["gradient"])
                difference = {name: gradient[name].astype("float64") - exact[name] for name in exact}
                row[dtype] = norm(difference) / norm(exact)
                pathlib.Path(made["gradient"]).unlink()
            if "error" not in row:
                unit = unit or row["float32"]
                row["units"] = row["float32"] / unit
                most = max(plan.MOST_TURNED, min(plan.MOST_UNITS * unit, plan.MOST_EVER))
                row["agrees"] = row["float64"] <= 1e-6 and row["float32"] <= most
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
