#!/usr/bin/env bash
# What scripts/lib.sh makes of a folder of scripts: they pass (perhaps but for parts), skip or fail; one that cannot be
# run fails by name; one that others source is none.
set -euo pipefail
cd "$TMP"
mkdir scripts checks
cp "$ROOT/scripts/lib.sh" scripts
script() { printf '#!/bin/sh\n%s\n' "$2" >"checks/$1.sh"; chmod +x "checks/$1.sh"; }
script good 'exit 0'
script part 'echo "SKIPPED half: no package"; echo 1 passed'
script skips 'echo "no package"; exit 77'
script wrong 'exit 3'
script forgotten 'exit 0'
chmod -x checks/forgotten.sh
echo 'exit 3' >checks/sourced.sh
status=0
bash -c 'source scripts/lib.sh; scripts checks; closing' >said.txt || status=$?
cat said.txt
test "$status" = 1
for line in 'PASS  checks/good.sh on .*' 'PASS  checks/part.sh on .*' 'SKIPPED half: no package' \
  'SKIPPED checks/skips.sh: no package' 'FAIL  checks/wrong.sh \(exit status 3\)' \
  'FAIL  checks/forgotten.sh \(exit status 126\)' '2 passed, 2 failed, 2 skipped'; do
  grep -qxE "$line" said.txt
done
if grep -q sourced said.txt; then exit 1; fi
