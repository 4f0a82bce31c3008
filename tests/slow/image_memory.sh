#!/usr/bin/env bash
# A mini-ImageNet run with 50 inner steps holds at most 1.2 times what one with 5 holds, and less than 500 MB, under the
# default budget: the whole of `maml train`, evaluation included, on two threads, as large as the process ever was. On
# one thread 5 steps keep all their tapes and do not come near the budget, so there the limit alone is asked of 50.
# On the real pictures where they lie beside the repository (their pack is mapped, and pages of it count), else on drawn
# ones.
set -euo pipefail
cd "$TMP"
real=$ROOT/../shared/data/mini-imagenet
if [ -e "$real/train.zip" ]; then
  "$MAML" data import mini-imagenet "$real"/{train,val,test}.zip --quiet
else
  python3 "$ROOT/tests/e2e/draw_pictures.py" photos
  "$MAML" data import images photos --split 6/5/5 --out mini-imagenet.maml --quiet
  echo "on drawn pictures: mini-ImageNet is not beside the repository"
fi
cat >measure.py <<'PY'
import resource, subprocess, sys
maml, steps, threads = sys.argv[1:]
settings = {"inner.steps": steps, "eval.steps": steps, "train.iterations": 2, "train.validate_every": 0, "data.tasks": 2,
            "eval.tasks": 2}
command = [maml, "train", "mini-imagenet-5way-1shot", "--threads", threads, "--quiet", "--out", "run-" + steps + "-" + threads]
for key, value in settings.items():
    command += ["--set", f"{key}={value}"]
done = subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True)
assert not done.stderr, done.stderr  # a notice that fewer threads work, say
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6)
PY
peak() { python3 measure.py "$MAML" "$1" "$2"; } # STEPS THREADS: MB
few=$(peak 5 2) many=$(peak 50 2) alone=$(peak 50 1)
echo "peak memory, MB: $few with 5 steps, $many with 50; $alone with 50 on one thread"
python3 -c "assert $many <= 1.2 * $few and max($few, $many, $alone) < 500"
