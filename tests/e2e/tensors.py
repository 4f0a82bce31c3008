"""safetensors files with nothing but Python's own library.

    tensors.py OURS THEIRS BOUND    loss and gradient.* of two files: the same names and shapes, and the norm of the
                                    difference of losses, gradients and gradients by rates within BOUND of theirs
"""
import json
import struct
import sys

FORMATS = {"F32": "f", "F64": "d", "I64": "q", "I32": "i", "U8": "B"}


def load(path):
    """{name: (type, shape, values)}"""
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    out = {}
    for name, entry in header.items():
        begin, end = (8 + size + at for at in entry["data_offsets"])
        letter = FORMATS[entry["dtype"]]
        count = (end - begin) // struct.calcsize("<" + letter)
        out[name] = (entry["dtype"], entry["shape"], struct.unpack(f"<{count}{letter}", data[begin:end]))
    return out


def save(path, tensors):
    header, body = {}, b""
    for name, (dtype, shape, values) in tensors.items():
        raw = struct.pack(f"<{len(values)}{FORMATS[dtype]}", *values)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + body)


def compare(ours, theirs, bound):
    wanted = {name for name in theirs if name == "loss" or name.startswith("gradient.")}
    assert set(ours) == wanted, (set(ours) ^ wanted)
    for kind in ("loss", "gradient.alpha.", "gradient."):
        difference = scale = 0.0
        for name in wanted:
            if not name.startswith(kind) or (kind == "gradient." and name.startswith("gradient.alpha.")):
                continue
            assert ours[name][1] == theirs[name][1], (name, ours[name][1], theirs[name][1])
            difference += sum((a - b) ** 2 for a, b in zip(ours[name][2], theirs[name][2]))
            scale += sum(b * b for b in theirs[name][2])
        assert difference ** 0.5 <= bound * scale ** 0.5, (kind, difference, scale)


if __name__ == "__main__":
    compare(load(sys.argv[1]), load(sys.argv[2]), float(sys.argv[3]))
