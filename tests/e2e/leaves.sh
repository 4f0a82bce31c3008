# For scripts to source.

# adapted_leaves NORM ARGUMENT...: draws leaves and packs them, leaves.maml; trains leaves.toml, a convolution with that
# batch norm, on them, runs/leaves (the arguments are those of `maml train`); adapts it to the pictures of two kinds,
# two/, as adapted.safetensors.
adapted_leaves() {
  python3 "$ROOT/tests/e2e/draw_pictures.py" && cat - "$ROOT/tests/e2e/leaves_tasks.toml" >leaves.toml <<TOML || return
[model]
input = [20, 20, 3]
layers = ["conv2d 4 kernel=3 stride=2 padding=same", "$1", "relu", "flatten", "linear 2"]
loss = "cross_entropy"
[inner]
learned = "layer"
[train]
iterations = 4
validate_every = 0
[eval]
tasks = 4
TOML
  shift
  "$MAML" data import images leaves --split 6/2/2 --quiet &&
    "$MAML" train leaves.toml --out runs/leaves --quiet "$@" &&
    mkdir two && cp -r leaves/tree0/kind0 leaves/tree0/kind2 two &&
    "$MAML" adapt runs/leaves --support two --query two --out adapted.safetensors
}
