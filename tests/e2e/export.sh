#!/usr/bin/env bash
# Weights for other programs: what `maml export` writes of a run and of an adapted model, read by other code than ours,
# and each kind of wrong input.
set -uo pipefail
cd "$TMP" || exit 1
source "$ROOT/tests/e2e/refused.sh"
source "$ROOT/tests/e2e/leaves.sh"
holds '' adapted_leaves batch_norm

holds '^Written: leaves.npz$' "$MAML" export runs/leaves --format npz
holds '^Written: adapted.npz$' "$MAML" export adapted.safetensors --format npz
holds '^Written: copy.safetensors$' "$MAML" export adapted.safetensors --format safetensors --out copy.safetensors
holds '' cmp copy.safetensors adapted.safetensors
holds '^Written: plain.safetensors$' "$MAML" export runs/leaves --format safetensors --out plain.safetensors
holds '' env ROOT="$ROOT" python3 - <<'PY'
import ast, json, os, struct, sys, zipfile

def read_npz(path):
    arrays, metadata = {}, None
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None  # the checksums
        for name in archive.namelist():
            data = archive.read(name)
            if name == "metadata.json":
                metadata = json.loads(data)
                continue
            assert name.endswith(".npy") and data[:8] == b"\x93NUMPY\x01\x00", name
            length, = struct.unpack("<H", data[8:10])
            assert (10 + length) % 64 == 0 and data[9 + length:10 + length] == b"\n"
            header = ast.literal_eval(data[10:10 + length].decode())
            assert header["fortran_order"] is False and header["descr"] == "<f4"
            arrays[name[:-4]] = (list(header["shape"]), data[10 + length:])
    return arrays, metadata

def read_safetensors(path):
    data = open(path, "rb").read()
    length, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__")
    return {name: (entry["shape"], data[8 + length:][slice(*entry["data_offsets"])]) for name, entry in header.items()}, metadata

for name, kept in ("leaves", "plain"), ("adapted", "adapted"):
    arrays, metadata = read_npz(name + ".npz")
    tensors, expected = read_safetensors(kept + ".safetensors")
    assert arrays == tensors, name
    assert len(expected.pop("xxh3")) == 16 and metadata == expected, name
arrays, metadata = read_npz("leaves.npz")
assert arrays["conv1.weight"][0] == [4, 3, 3, 3] and arrays["linear1.weight"][0] == [2, 400], arrays
assert arrays["alpha.conv1.weight"][0] == [] and metadata["iteration"] == "4" and "[model]" in metadata["config"]
adapted, metadata = read_npz("adapted.npz")
assert adapted["conv1.weight"] != arrays["conv1.weight"] and json.loads(metadata["classes"]) == ["kind0", "kind2"]
shape, values = adapted["support.x"]
assert shape == [len([f for _, _, files in os.walk("two") for f in files]), 20, 20, 3] and len(values) == 4 * shape[0] * 1200
PY
# ONNX: tests/slow/onnx.sh runs it.
holds '^Written: leaves.onnx$' "$MAML" export runs/leaves --format onnx
holds '^Written: adapted.onnx$' "$MAML" export adapted.safetensors --format onnx
holds '^Written: again.onnx$' "$MAML" export adapted.safetensors --format onnx --out again.onnx
holds '' cmp again.onnx adapted.onnx
holds '' grep -q 'support.norm1.mean' adapted.onnx
holds '' grep -q 'ReduceMean' leaves.onnx
# The same run gives the same bytes, and its weights come back.
holds '' "$MAML" export runs/leaves --format npz --out again.npz
holds '' cmp again.npz leaves.npz
# A run's logs: a file version, then events.
holds '^Written: leaves.tfevents$' "$MAML" export runs/leaves --format tensorboard
for text in 'brain.Event:2' '_hparams_/session_start_info' 'train/accuracy_after' 'test/accuracy'; do
  holds '' grep -qa "$text" leaves.tfevents
done
refused 'adapted.safetensors.*has no logs' "$MAML" export adapted.safetensors --format tensorboard
"$MAML" eval runs/leaves --tasks 4 --protocol own --csv | cut -d, -f2-10,12- >run.csv
"$MAML" eval leaves.toml --weights plain.safetensors --tasks 4 --protocol own --csv | cut -d, -f2-10,12- >weights.csv
holds '' cmp run.csv weights.csv

refused '\[export\] name the folder of a run' "$MAML" export
refused '\[--format\] is missing.*npz, onnx, safetensors' "$MAML" export runs/leaves
refused "\[--format\] does not know 'npy'.*did you mean npz" "$MAML" export runs/leaves --format npy
refused '\[nothing\].*does not exist' "$MAML" export nothing --format npz
refused 'leaves.npz.*exists already.*--overwrite' "$MAML" export runs/leaves --format npz
refused 'adapted.safetensors.*is what is to be exported' "$MAML" export adapted.safetensors --format safetensors --overwrite
refused 'no/such/a.npz.*cannot be written' "$MAML" export runs/leaves --format npz --out no/such/a.npz
refused 'plain.safetensors.*is no adapted model' "$MAML" export plain.safetensors --format npz
mkdir several && cp -r runs/leaves several/seed-0 && cp -r runs/leaves several/seed-1
refused 'several.*holds 2 runs .*several/seed-0, several/seed-1' "$MAML" export several --format onnx
holds '^Written: seed-1.npz$' "$MAML" export several/seed-1 --format npz
# From within: the file is called like the folder all the same.
holds '^Written: leaves.npz$' bash -c 'cd runs/leaves && "$MAML" export . --format npz'
holds '^Written: leaves.onnx$' bash -c 'cd runs/leaves && "$MAML" export ../leaves/ --format onnx'
head -c 3000 adapted.safetensors >cut.safetensors
refused 'cut.safetensors' "$MAML" export cut.safetensors --format npz
refused '\[--csv\] does not go with --json' "$MAML" eval runs/leaves --csv --json
holds '^Written' "$MAML" export runs/leaves --format npz --overwrite

echo "$cases cases, $failures failed"
[ "$failures" = 0 ]
