#!/usr/bin/env python3
"""Holds a tensor file of maml against the Python package `safetensors` (pip install safetensors numpy).

    safetensors_roundtrip.py FILE [OUT]     lists FILE's tensors; with OUT, writes them again with the package
"""

import sys

from safetensors import safe_open
from safetensors.numpy import save_file


def main(path, out=None):
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    for name, tensor in sorted(tensors.items()):
        print(name, tensor.dtype, list(tensor.shape), tensor.tolist())
    print(metadata)
    if out:
        save_file(tensors, out, metadata)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
