"""Safetensors in a few lines, so that the tests need no package for it."""

import json
import struct

import numpy as np

NAMES = {"F32": np.float32, "F64": np.float64, "I64": np.int64}


def write(path, arrays):
    header, blocks, at = {}, [], 0
    for name, value in arrays.items():
        data = np.ascontiguousarray(value).tobytes()
        kind = next(key for key, dtype in NAMES.items() if dtype == value.dtype)
        header[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [at, at + len(data)]}
        blocks.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blocks))


def read(path):
    raw = path.read_bytes()
    size, = struct.unpack("<Q", raw[:8])
    header, data = json.loads(raw[8:8 + size]), raw[8 + size:]
    return {name: np.frombuffer(data[slice(*item["data_offsets"])], NAMES[item["dtype"]]).reshape(item["shape"])
            for name, item in header.items() if name != "__metadata__"}
