"""Reads a tensor file of maml with the package safetensors, holds it against its .npz, and writes it with the package.

    safetensors_again.py FILE.safetensors FILE.npz AGAIN.safetensors
"""
import json
import sys

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

if __name__ == "__main__":
    path, npz, again = sys.argv[1:]
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    assert len(metadata.pop("xxh3")) == 16  # of the bytes as they were
    with np.load(npz) as arrays:
        assert set(arrays.files) == {*tensors, "metadata.json"}
        assert json.loads(arrays["metadata.json"]) == metadata
        for name, value in tensors.items():
            assert value.dtype == arrays[name].dtype and np.array_equal(value, arrays[name]), name
    save_file(tensors, again, metadata)
    print(f"{path}: {len(tensors)} tensors as in {npz}")
