#!/usr/bin/env bash
# Each kind of wrong input: exit status 2, one line on stderr that names the thing and its mend, nothing left behind.
set -uo pipefail
cd "$TMP" || exit 1
source "$ROOT/tests/e2e/refused.sh"

preset=sinusoid-5shot
short=(--set train.iterations=20 --set train.validate_every=10 --set eval.tasks=10 --quiet)

# The command line.
refused 'trian.*did you mean train\?' "$MAML" trian $preset
refused 'unknown option.*--help' "$MAML" --verbos
refused '\[train\] name a preset' "$MAML" train
refused 'otu; did you mean --out\?' "$MAML" train $preset --otu x
refused '\[train\].*extra' "$MAML" train $preset extra
refused '--out wants a value' "$MAML" train $preset --out
refused "--seed cannot be 'abc'" "$MAML" train $preset --seed abc
refused "--seeds.*'4\.\.0'.*0\.\.4" "$MAML" train $preset --seeds 4..0
refused '--seed or --seeds, not both' "$MAML" train $preset --seed 1 --seeds 0..1
refused '--tasks cannot be' "$MAML" eval run --tasks many
refused '\[MAML_ISA\]|MAML_ISA is' env MAML_ISA=sse9 "$MAML" version
refused 'omniglto|known: sinusoid' "$MAML" reproduce sinusoids
refused '\[meta-gradient\] --params' "$MAML" meta-gradient $preset

# Configs: unknown and ill-typed keys, impossible values and shapes.
refused 'did you mean sinusoid-5shot\?' "$MAML" train sinusoid-5shoot
refused 'unknown key inner.step; did you mean inner.steps\?' "$MAML" train $preset --set inner.step=3
refused 'inner.steps.*whole number.*three' "$MAML" train $preset --set inner.steps=three
refused 'assignment.*key=value' "$MAML" train $preset --set inner.steps
refused 'inner.steps.*at least 1' "$MAML" train $preset --set inner.steps=0
refused 'outer.rate.*above 0' "$MAML" train $preset --set outer.rate=-1
refused 'mamml.*did you mean maml\?' "$MAML" train $preset --set outer.algorithm=mamml
refused 'linaer.*did you mean linear\?' "$MAML" train $preset --set 'model.layers=["linaer 4"]'
refused 'model.layers.*last layer' "$MAML" train $preset --set 'model.layers=["linear 4"]'
refused 'model.input' "$MAML" train $preset --set 'model.input=[3]'
refused 'inner.adapt.*matches no parameter' "$MAML" train $preset --set 'inner.adapt=["conv*"]'
refused 'data.domain|domain.*did you mean sinusoid' "$MAML" train $preset --set data.domain=sinusoids
refused 'memory' "$MAML" train $preset --set train.memory_mib=1 --set 'model.layers=["linear 2000", "relu", "linear 2000", "linear 1"]' --out big
refused 'nowhere.toml' "$MAML" train nowhere.toml
printf '[inner]\nstep = 4\n' >unknown.toml
refused 'unknown.toml.*inner.step; did you mean inner.steps\?' "$MAML" train unknown.toml
printf '[inner]\nsteps = "four"\n' >type.toml
refused 'type.toml.*line 2.*inner.steps.*whole number' "$MAML" train type.toml
printf '[inner\n' >broken.toml
refused 'broken.toml.*is no TOML: line 1' "$MAML" info broken.toml
refused 'README.md. is no TOML: line [0-9]+.*name another file' "$MAML" train "$ROOT/README.md"
refused '\[gone.onnx\] .*No such file' "$MAML" info gone.onnx
printf '[model]\ninput = [5, 5, 1]\nlayers = ["conv2d 4 kernel=7 padding=valid", "flatten", "linear 3"]\nloss = "cross_entropy"\n' >shape.toml
refused 'conv2d.*7.*5' "$MAML" check shape.toml
refused '\[nothing\]' "$MAML" bench nothing
refused 'init.*|nothing' "$MAML" train $preset --init nothing.safetensors

printf 'base = "sinusoid-5shoot"\n' >base.toml
refused 'base.toml.*line 1: base.*did you mean sinusoid-5shot\?' "$MAML" train base.toml
printf 'base = "b.toml"\n' >a.toml
printf 'base = "a.toml"\n' >b.toml
refused 'base goes round in a circle: a.toml, b.toml, a.toml' "$MAML" train a.toml
refused 'backbone.*conv4-63.*did you mean conv4-64\?' "$MAML" train omniglot-5way-1shot --set 'model.layers=["backbone conv4-63"]'
refused 'data.file.*there is no omniglot.maml, data/omniglot.maml .make it with maml data import' \
  env -u MAML_DATA "$MAML" train omniglot-5way-1shot
refused 'second_order_from.*means nothing to fomaml' "$MAML" train $preset --set outer.algorithm=fomaml --set outer.second_order_from=5

# Runs: folders that are none, that hold another, damaged and foreign checkpoints.
for verb in eval plot; do
  refused "\[nothing\].*does not exist" "$MAML" $verb nothing
  refused 'is no run' "$MAML" $verb .
done
refused '\[nothing\].*does not exist' "$MAML" train --resume nothing
refused 'takes no preset' "$MAML" train $preset --resume nothing
"$MAML" train $preset "${short[@]}" --out run || exit 1
refused '\[run\].*holds a run' "$MAML" train $preset "${short[@]}" --out run
refused 'run.*inner.steps = 1' "$MAML" train --resume run --set inner.steps=2
refused 'run.*data.shots = 5' "$MAML" train --resume run --set data.shots=6
refused '--shots' "$MAML" eval run --shots 0
refused '--alpha' "$MAML" eval run --alpha -1
refused '\[--steps\] must be 0 or above' "$MAML" eval run --steps -1
refused 'split.*validation' "$MAML" eval run --split train
refused 'protocol.*papr.*did you mean paper\?' "$MAML" eval run --protocol papr
refused '--statistics.*known: transductive, support, running' "$MAML" eval run --statistics mine
refused '--ways' "$MAML" eval run --ways 0
refused 'nowhere.safetensors' "$MAML" eval $preset --weights nowhere.safetensors
refused 'does not fit the model' "$MAML" eval sinusoid-5shot-oracle --weights run/best.safetensors
cp -r run other
"$MAML" train sinusoid-10shot "${short[@]}" --out ten || exit 1
cp ten/checkpoint.safetensors other/checkpoint.safetensors
refused 'checkpoint.safetensors.*other options' "$MAML" train --resume other
cp run/config.toml other/checkpoint.safetensors
refused 'other/checkpoint.safetensors' "$MAML" train --resume other
head -c 2000 run/checkpoint.safetensors >other/checkpoint.safetensors
refused 'other/checkpoint.safetensors.*damaged|other/checkpoint.safetensors.*end' "$MAML" train --resume other
cp run/checkpoint.safetensors other/checkpoint.safetensors
printf '\001' | dd of=other/checkpoint.safetensors bs=1 seek=5000 conv=notrunc status=none
refused 'other/checkpoint.safetensors.*damaged' "$MAML" train --resume other
mkdir several && cp -r run several/seed-0 && cp -r run several/seed-1
refused 'several.*holds 2 runs .*several/seed-0, several/seed-1' "$MAML" plot run --baseline several

# Places that cannot be written.
touch file
refused 'file/run' "$MAML" train $preset "${short[@]}" --out file/run
refused 'proc' "$MAML" train $preset "${short[@]}" --out /proc/run
refused 'file/docs|\[file' "$MAML" reproduce sinusoid --quick --seeds 0 --out file/docs
if [ "$(id -u)" != 0 ]; then
  mkdir closed && chmod 555 closed
  refused 'closed/run.*denied' "$MAML" train $preset "${short[@]}" --out closed/run
fi
cases=$((cases + 1))
status=0
"$MAML" presets >/dev/full 2>stderr.txt || status=$?
if [ "$status" != 2 ] || [ "$(wc -l <stderr.txt)" != 1 ]; then
  failures=$((failures + 1))
  echo "FAILED: presets into a full device: exit $status"
fi

# A full disk: a tiny file system of our own, where the kernel lets us make one.
cat >full.sh <<'SH'
mkdir -p small && mount -t tmpfs -o size=28k,nr_inodes=64 tmpfs small || exit 77
"$MAML" train sinusoid-5shot --set train.iterations=20 --quiet --out small/run 2>small.txt
status=$?
cat small.txt
test "$status" = 2 || exit 1
test "$(wc -l <small.txt)" = 1 || exit 1
grep -q 'No space left on device (' small.txt || exit 1
test -z "$(find small -type f)" || { find small; exit 1; }
SH
status=0
unshare --map-root-user --mount bash full.sh >full.txt 2>&1 || status=$?
rm -rf small
if [ "$status" = 77 ] || grep -q '^unshare:' full.txt; then
  echo "a full disk: left out, no file system can be made here"
else
  cases=$((cases + 1))
  [ "$status" = 0 ] || { failures=$((failures + 1)); echo "FAILED: a full disk"; cat full.txt; }
fi

echo "$cases cases, $failures failed"
[ "$failures" = 0 ]
