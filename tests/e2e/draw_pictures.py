"""Draws small data sets into the current folder, with nothing but Python's own library.

    draw_pictures.py            all of the following but the last
    draw_pictures.py photos     the last

b.zip, e.zip    characters as Omniglot's archives have them, 1 bit, 105 x 105: 6 + 4 of them, 6 drawings each
train/val/test.zip  as mini-ImageNet's: 6 + 4 + 4 classes of 8 pictures, 84 x 84 in colour
leaves/, leaves.tar.gz  10 classes of 5 pictures, 20 x 20 in colour, two folders deep
photos/         16 classes of 16 pictures, 84 x 84 in colour
"""
import io
import os
import random
import struct
import sys
import tarfile
import zipfile
import zlib


def png(width, height, bits, colour, rows):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def character(of_class, drawing, side=105):
    strokes, hand = random.Random(of_class), random.Random(f"{of_class} {drawing}")
    black = [[False] * (side + 7) for _ in range(side)]
    x, y = strokes.uniform(20, 80), strokes.uniform(20, 80)
    for _ in range(5):
        to_x, to_y = (strokes.uniform(15, 88) + hand.uniform(-4, 4) for _ in range(2))
        for step in range(300):
            row, column = int(y + (to_y - y) * step / 300), int(x + (to_x - x) * step / 300)
            for d in range(3):
                black[row + d // 2][column + d % 2] = True
        x, y = to_x, to_y
    rows = [bytes(sum((not row[at + bit]) << (7 - bit) for bit in range(8)) for at in range(0, side, 8)) for row in black]
    return png(side, side, 1, 0, rows)


def photo(of_class, shot, side):
    hues, noise = random.Random(of_class), random.Random(f"{of_class} {shot}")
    base = [hues.randrange(40, 200) for _ in range(3)]
    rows = [bytes(base[c] + (x * (c + 1) + y) % 30 + noise.randrange(20) for x in range(side) for c in range(3))
            for y in range(side)]
    return png(side, side, 8, 2, rows)


def pack(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files:
            archive.writestr(name, data)


def characters(top, count):
    return [(f"{top}/{top[7]}{c % 3}/character{c // 3 + 1:02}/{c:04}_{d:02}.png", character(f"{top} {c}", d))
            for c in range(count) for d in range(1, 7)]


def write(name, data):
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "wb") as file:
        file.write(data)


if sys.argv[1:] == ["photos"]:
    for c in range(16):
        for i in range(16):
            write(f"photos/kind{c}/{i}.png", photo(f"kind {c}", i, 84))
    sys.exit()
pack("b.zip", characters("images_background", 6))
pack("e.zip", characters("images_evaluation", 4))
for part, count in ("train", 6), ("val", 4), ("test", 4):
    pack(part + ".zip", [(f"{part}/{part}{c}/{i}.png", photo(f"{part} {c}", i, 84)) for c in range(count) for i in range(8)])
with tarfile.open("leaves.tar.gz", "w:gz") as archive:
    for c in range(10):
        for i in range(5):
            name, data = f"leaves/tree{c % 2}/kind{c}/{i}.png", photo(f"leaf {c}", i, 20)
            write(name, data)
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
