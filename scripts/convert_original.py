#!/usr/bin/env python3
"""Turns the weights published with cbfinn/maml into a safetensors file that `maml eval --weights` reads.

    convert_original.py mini-imagenet-5way-1shot.npz OUT.safetensors
    maml eval mini-imagenet-5way-1shot --weights OUT.safetensors --protocol paper

The archive holds conv0..3 (kh, kw, in, out), b0..3, norm0..3.beta, w4 (inputs in H, W, C order, outputs), b4. Files of
ours have PyTorch's layouts: convolutions (out, in, kh, kw), linear layers (out, in) with inputs in C, H, W order.
"""

import ast
import itertools
import json
import math
import struct
import sys
import zipfile


class Array:
    """Shape and values, row after row."""

    def __init__(self, shape, values):
        self.shape, self.values = tuple(shape), values

    def reshaped(self, *shape):
        return Array(shape, self.values)

    def transposed(self, *axes):
        strides = [math.prod(self.shape[i + 1:]) for i in range(len(self.shape))]
        shape = [self.shape[axis] for axis in axes]
        steps = [[at * strides[axis] for at in range(self.shape[axis])] for axis in axes]
        return Array(shape, [self.values[sum(at)] for at in itertools.product(*steps)])


def read_npz(path):
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            size, begin = (struct.unpack("<H", data[8:10])[0], 10) if data[6] == 1 else (
                struct.unpack("<I", data[8:12])[0], 12)
            header = ast.literal_eval(data[begin:begin + size].decode("latin1"))
            assert header["descr"] == "<f4" and not header["fortran_order"], (name, header)
            count = math.prod(header["shape"])
            values = struct.unpack("<%df" % count, data[begin + size:begin + size + 4 * count])
            arrays[name.removesuffix(".npy")] = Array(header["shape"], values)
    return arrays


def converted(arrays):
    tensors = {}
    for i in range(4):
        tensors["conv%d.weight" % (i + 1)] = arrays["conv%d" % i].transposed(3, 2, 0, 1)
        tensors["conv%d.bias" % (i + 1)] = arrays["b%d" % i]
        tensors["norm%d.bias" % (i + 1)] = arrays["norm%d.beta" % i]
    inputs, outputs = arrays["w4"].shape
    channels = arrays["conv3"].shape[3]
    side = math.isqrt(inputs // channels)
    head = arrays["w4"].reshaped(side, side, channels, outputs).transposed(3, 2, 0, 1)
    tensors["linear1.weight"] = head.reshaped(outputs, inputs)
    tensors["linear1.bias"] = arrays["b4"]
    return tensors


def write_safetensors(path, tensors):
    header, body = {}, b""
    for name, tensor in sorted(tensors.items()):
        raw = struct.pack("<%df" % len(tensor.values), *tensor.values)
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write_safetensors(sys.argv[2], converted(read_npz(sys.argv[1])))
