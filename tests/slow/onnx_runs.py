"""What onnxruntime and NumPy make of the files of `maml export`. Each command asserts, and prints what it measured.

    onnx_runs.py adapted MODEL.onnx ADAPTED.safetensors PIXELS.safetensors ANSWERS.json
    onnx_runs.py batch RUN.onnx PIXELS.safetensors ANSWERS.json
    onnx_runs.py sinusoid RUN.onnx RUN.npz
    onnx_runs.py table ADAPTED.onnx PREDICTIONS.csv
    onnx_runs.py npz ADAPTED.npz ADAPTED.safetensors

PIXELS holds the pictures as support.x; ANSWERS is what `maml adapt .. --query .. --json` says of them, in their order.
"""
import csv
import json
import os
import sys
import tomllib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../python/tests"))
import safetensors_file  # noqa: E402

# Float32 against float32, sums in another order: probabilities near 1 differ by some 1e-7. Near 0 and 1 they hide what
# differs; so the outputs are compared too, as logarithms (measured: 6e-6).
MOST, MOST_OF_LOGARITHMS = 1e-5, 3e-5


def load(path):
    """The checked model, and a function from an array to a dictionary of outputs."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)] and model.ir_version == 8
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return model, lambda x: dict(zip(names, session.run(names, {"x": x})))


def constants(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def pixels(path):
    return np.ascontiguousarray(safetensors_file.read(Path(path))["support.x"].transpose(0, 3, 1, 2))


def answers(path):
    return np.array([list(row["probabilities"].values()) for row in json.load(open(path))["predictions"]])


def softmax(values):
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def compare(what, given, expected, least_spread=1e-2, most=MOST):
    assert given.shape == expected.shape, (given.shape, expected.shape)
    difference = np.abs(given - expected).max()
    spread = np.ptp(expected, axis=0).max()
    print(f"{what}: largest difference {difference:.1e}, of answers that differ by up to {spread:.2g}")
    assert difference < most and spread > least_spread


def compare_logarithms(what, outputs, probabilities, least_spread=1e-2):
    """Outputs beyond the classes stand for nothing."""
    values = outputs[:, :probabilities.shape[1]].astype(np.float64)
    logarithms = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
    compare(what + ", logarithms", logarithms, np.log(probabilities), least_spread, MOST_OF_LOGARITHMS)


def adapted(path, tensors, pictures, expected):
    model, predict = load(path)
    x, expected = pixels(pictures), answers(expected)
    together, alone = predict(x), [predict(x[i:i + 1]) for i in range(len(x))]
    alone = {name: np.concatenate([one[name] for one in alone]) for name in together}
    for what, given in (path, together), (path + ", one by one", alone):
        compare(what, given["probabilities"], expected)
        compare_logarithms(what, given["outputs"], expected)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert "[model]" in metadata["config"] and len(json.loads(metadata["classes"])) == 2 and metadata["steps"] == "3"
    assert model.producer_name == "maml.cpp" and model.producer_version
    held = constants(model)
    for name, value in safetensors_file.read(Path(tensors)).items():
        if name == "support.x" or name.startswith("state."):
            continue
        # Of what is kept for each inner step, one.
        assert np.array_equal(held[name], value) or any(np.array_equal(held[name], one) for one in value), name


def batch(path, pictures, expected):
    _, predict = load(path)
    expected = answers(expected)
    outputs = predict(pixels(pictures))["outputs"]
    compare(path, softmax(outputs[:, :expected.shape[1]]), expected, 1e-3)
    compare_logarithms(path, outputs, expected, 1e-3)


def sinusoid(path, weights):
    _, predict = load(path)
    x = np.linspace(-5, 5, 101, dtype=np.float32)[:, None]
    with np.load(weights) as arrays:
        assert json.loads(arrays["metadata.json"])["iteration"] == "3"
        y = x.astype(np.float64)
        for layer in 1, 2, 3:
            y = y @ arrays[f"linear{layer}.weight"].T + arrays[f"linear{layer}.bias"]
            y = np.maximum(y, 0) if layer < 3 else y
    outputs = predict(x)
    assert list(outputs) == ["outputs"]
    compare(path, outputs["outputs"], y)


def table(path, predictions):
    """PREDICTIONS is what `maml predict` wrote, in the targets' own units."""
    model, predict = load(path)
    data = tomllib.loads({entry.key: entry.value for entry in model.metadata_props}["config"])["data"]
    means, deviations, count = np.array(data["means"]), np.array(data["deviations"]), len(data["inputs"])
    rows = list(csv.DictReader(open(predictions)))
    x = np.array([[float(row[name]) for name in data["inputs"]] for row in rows])
    expected = np.array([[float(row["predicted_" + name]) for name in data["targets"]] for row in rows])
    outputs = predict(((x - means[:count]) / deviations[:count]).astype(np.float32))["outputs"]
    compare(path, outputs, (expected - means[count:]) / deviations[count:])


def npz(path, tensors):
    expected = safetensors_file.read(Path(tensors))
    with np.load(path) as arrays:
        assert set(arrays.files) == {*expected, "metadata.json"}
        for name, value in expected.items():
            assert arrays[name].dtype == value.dtype and np.array_equal(arrays[name], value), name
    print(f"{path}: {len(expected)} arrays as in {tensors}")


if __name__ == "__main__":
    commands = {"adapted": adapted, "batch": batch, "sinusoid": sinusoid, "table": table, "npz": npz}
    commands[sys.argv[1]](*sys.argv[2:])
