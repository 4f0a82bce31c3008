#!/usr/bin/env bash
# `maml export --format onnx`: onnx's checker takes the files, and onnxruntime gives the answers of `maml adapt`, of all
# pictures at once and of each alone. NumPy opens `--format npz`.
set -euo pipefail
cd "$TMP"
source "$ROOT/tests/slow/packages.sh"
run() { "$python" -B "$ROOT/tests/slow/onnx_runs.py" "$@"; }

python3 "$ROOT/tests/e2e/draw_pictures.py"
"$MAML" data import images leaves --split 4/3/3 --quiet
"$MAML" data import images leaves --split 4/3/3 --size 28 --grey --out grey.maml --quiet
"$MAML" data import images leaves --split 4/3/3 --size 84 --out large.maml --quiet
mkdir two && cp -r leaves/tree0/kind0 leaves/tree0/kind2 two

# compare NAME PACK EXTENTS LAYER...: trains a little, adapts to two classes of the three that the model tells apart,
# and compares. The pixels that `two` has in each pack are those of the adapted model that keeps them.
compare() {
  local name=$1 pack=$2 input=$3 layers; shift 3
  layers=$(printf '"%s", ' "$@")
  cat - "$ROOT/tests/e2e/leaves_tasks.toml" >"$name.toml" <<TOML
[model]
input = [$input]
layers = [$layers]
loss = "cross_entropy"
[inner]
steps = 3
alpha = 0.01
[train]
iterations = 3
validate_every = 0
[eval]
tasks = 4
TOML
  "$MAML" train "$name.toml" --set "data.file=$pack.maml" --set data.ways=3 --out "runs/$name" --quiet
  "$MAML" adapt "runs/$name" --support two --out "$name.safetensors"
  [ -f "$pack.pixels" ] || cp "$name.safetensors" "$pack.pixels"
  "$MAML" adapt "$name.safetensors" --query two --json >"$name.json"
  "$MAML" export "$name.safetensors" --format onnx
  run adapted "$name.onnx" "$name.safetensors" "$pack.pixels" "$name.json"
}

compare omniglot grey '28, 28, 1' 'backbone conv4-64 down=stride' 'linear 3'
compare mini_imagenet large '84, 84, 3' 'backbone conv4-32 down=pool' 'linear 3'
compare paths leaves '20, 20, 3' 'keep a' 'conv2d 4' 'batch_norm mode=support' 'keep b' 'from a' \
  'batch_norm mode=support gamma=false' 'conv2d 4 kernel=1' 'add b' 'relu' 'max_pool 3 stride=2' 'flatten' \
  'batch_norm mode=support' 'linear 3'
compare mlp leaves '20, 20, 3' 'flatten' 'linear 20' 'relu' 'linear 3'
compare others leaves '20, 20, 3' 'conv2d 6 kernel=5 stride=3' 'layer_norm' 'gelu' 'avg_pool 2 stride=1' \
  'conv2d 5 kernel=2 padding=valid bias=false' 'leaky_relu slope=0.2' 'keep a' 'conv2d 5' 'sigmoid' 'add a' \
  'flatten' 'layer_norm' 'keep b' 'tanh' 'add b' 'linear 3'
compare running leaves '20, 20, 3' 'conv2d 6 kernel=4 stride=2' 'batch_norm mode=running per_step=2' 'relu' 'flatten' \
  'batch_norm mode=running' 'linear 3'
# Elements of a flattened image that are outputs, and as many units as such elements.
compare flat leaves '20, 20, 3' 'conv2d 3 kernel=8 stride=12 padding=valid' 'tanh' 'flatten'
compare same_size leaves '20, 20, 3' 'conv2d 3 kernel=8 stride=12 padding=valid' 'flatten' 'tanh' 'linear 12' 'linear 3'

# A run as it is takes batch norm's statistics of the batch: of these pictures, those that adapt takes by no step.
for name in omniglot paths; do
  "$MAML" adapt "runs/$name" --support two --steps 0 --query two --json >"$name.json"
  "$MAML" export "runs/$name" --format onnx --out "run_$name.onnx"
  run batch "run_$name.onnx" "$name.safetensors" "$name.json"
done

"$MAML" train sinusoid-10shot --set train.iterations=3 --set train.validate_every=0 --out runs/sinusoid --quiet
for format in npz onnx; do "$MAML" export runs/sinusoid --format "$format"; done
run sinusoid sinusoid.onnx sinusoid.npz
MAML=$MAML bash "$ROOT/examples/sensors/run.sh" train.iterations=20 train.validate_every=0 >sensors.log 2>&1
"$MAML" export mine.safetensors --format onnx
run table mine.onnx predictions.csv
for format in npz safetensors; do "$MAML" export omniglot.safetensors --format "$format" --out "same.$format"; done
run npz same.npz same.safetensors
