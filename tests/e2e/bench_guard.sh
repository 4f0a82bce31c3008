#!/usr/bin/env bash
# `scripts/bench-guard` compares (bench/guard.py) with made-up figures: programs of ours stand in for maml and valgrind.
set -euo pipefail
cd "$TMP"
python3 - "$ROOT" <<'PY'
import json, sys
rows = json.load(open(sys.argv[1] + "/bench/baseline.json"))
for row in rows["counts"]:
    assert set(row) == {"compiler", "preset", "isa", "instructions"} and row["instructions"] > 0, row
for row in rows.get("times", []):
    assert set(row) == {"processor", "preset", "isa", "threads", "peak_fraction"} and 0 < row["peak_fraction"] <= 1, row
PY

# figures: GFLOP/s and peak of each call of `maml bench`, the last of them for all that follow.
cat >maml <<'SH'
#!/bin/bash
case "$1 $2" in
  "version ") printf '%s\n' 'maml 0' 'compiler: gcc 1.2.3' 'instruction sets: baseline avx2 avx512; in use: avx2' ;;
  "bench pictures") echo "maml: [data.file] there is no pictures.maml" >&2; exit 2 ;;
  "bench "*)
    mapfile -t lines <figures
    [ ${#lines[@]} = 1 ] || printf '%s\n' "${lines[@]:1}" >figures
    read -r speed peak <<<"${lines[0]}"
    [ "$speed" != broken ] || { echo "maml: [bench] is broken" >&2; exit 2; }
    echo "{\"isa\": \"$MAML_ISA\", \"gflops\": $speed, \"peak_gflops\": $peak}" ;;
esac
SH
# count: instructions of an iteration; those before the first are always as many.
mkdir bin none
cat >bin/valgrind <<'SH'
#!/bin/bash
[ "$MAML_ISA" != avx512 ] || exit 1
echo "==1== Collected : $((123456 + $(<count) * ${@: -1}))" >&2
SH
cat >bench_embed <<'SH'
#!/bin/bash
read -r status text <targets
echo "$text"
exit "$status"
SH
chmod +x maml bin/valgrind bench_embed
echo "0 50 % of peak" >targets
python=$(python3 -c 'import sys; print(sys.executable)')
compares=("$python" -B "$ROOT/bench/guard.py" --maml "$PWD/maml" --bench-embed "$PWD/bench_embed" --baseline baseline.json)

cases=0
# guard STATUS ARGUMENTS...: its exit status, and what it said in said.txt.
guard() {
  local wanted=$1 status=0; shift
  cases=$((cases + 1))
  PATH=$PWD/bin:$PATH "${compares[@]}" "$@" >said.txt 2>&1 || status=$?
  [ "$status" = "$wanted" ] || { echo "case $cases: exit status $status, wanted $wanted"; cat said.txt; exit 1; }
}
says() { grep -Eq -e "$1" said.txt || { echo "case $cases: wanted: $1"; cat said.txt; exit 1; }; }
figures() { printf '%s\n' "$@" >figures; }
times=(--only times waves)
figures "50 100"
echo 1000000 >count

# Nothing to compare with is no success; with a baseline of the same figures all holds.
guard 77
says 'not compared +sinusoid-10shot on avx2, 1 thread: the baseline has no row of processor [A-Za-z0-9]'
says 'not compared +sinusoid-10shot on baseline: the baseline has no row of compiler gcc 1\.2\.3'
says 'bench-guard --update'
says '^1 held, 0 slower, [0-9]+ not compared'
test ! -e baseline.json
guard 0 --update --only counts
guard 0 --update "${times[@]}"
says 'written +waves on avx512, 1 thread: 50\.0 % of peak'
guard 0 "${times[@]}"
says 'held +waves on avx2, 1 thread: 50\.0 % of peak, baseline 50\.0 %'
says '^[1-9] held, 0 slower, 0 not compared'
guard 0 --only counts
says '^2 held, 0 slower, 0 not compared'
if grep -q 'on avx512' said.txt; then echo "instructions of AVX-512 were counted"; exit 1; fi

# Times: 7 % more pass, 10 % do not; one good try of three is enough, and a try with a disturbed peak is none.
figures "46.8 100"
guard 0 "${times[@]}"
figures "45.4 100"
guard 1 "${times[@]}"
says 'SLOWER +waves on avx2, 1 thread: 45\.4 % of peak, baseline 50\.0 % of peak: 10\.1 % worse, allowed are 8 %'
says '^0 held, [1-9] slower, 0 not compared'
figures "20 100" "20 100" "49 100"
guard 0 "${times[@]}"
figures "20 100" "20 100" "20 100" "49 100"
guard 1 "${times[@]}"
says 'SLOWER +waves on avx2, 1 thread: 20\.0 %'
says 'held +waves on avx512, 1 thread: 49\.0 %'
figures "40 60" "40 100"
guard 1 "${times[@]}"
says 'SLOWER +waves on avx2, 1 thread: 40\.0 %'
figures "60 100"
guard 0 "${times[@]}"
says 'held .*60\.0 % of peak, baseline 50\.0 % of peak: 16\.7 % better'
figures "60 50"
guard 77 "${times[@]}"
says 'not compared +waves on avx2, 1 thread: 120\.0 % of peak, so other programs disturbed it'
cp baseline.json before.json
guard 77 --update "${times[@]}"
cmp baseline.json before.json
figures "broken 0"
guard 1 "${times[@]}"
says '^bench-guard: maml: \[bench\] is broken'

# Counts: 1 % is allowed.
echo 1009000 >count
guard 0 --only counts
echo 1011000 >count
guard 1 --only counts
says 'SLOWER +sinusoid-10shot on avx2: 1,011,000 instructions a meta-iteration, baseline 1,000,000 .*: 1\.1 % worse'
echo 900000 >count
guard 0 --only counts
says 'held .*: 10\.0 % better'
echo 0 >count
cat >bin/valgrind <<<'#!/bin/bash'
guard 1 --only counts
says '^bench-guard: valgrind counted nothing'

# The small library's targets: held, missed, for no instruction set of this CPU, or broken.
guard 0 --only targets
says 'held +maml_adapt: its targets'
echo "1 40 % of peak" >targets
guard 1 --only targets
says 'SLOWER +maml_adapt: its targets'
says '^40 % of peak'
says '^0 held, 1 slower, 0 not compared'
echo "0 SKIPPED" >targets
guard 77 --only targets
says 'not compared +maml_adapt: this CPU lacks'
echo "0 120 % of peak" >targets
guard 77 --only targets
says 'not compared +maml_adapt: 120\.0 % of peak, so other programs disturbed it'
echo "134 Aborted" >targets
guard 1 --only targets
says '^bench-guard: .*bench_embed: exit status 134'

# A preset that no count is of: nothing was compared.
guard 77 --only counts waves
says '^0 held, 0 slower, 0 not compared'

# No data, no valgrind, an unknown kind of processor or compiler: said, and no success. An update leaves others' rows.
figures "50 100"
guard 77 --only times waves pictures
says 'not compared +pictures on avx2, 1 thread: the baseline has no row'
guard 77 --only times --update pictures
says 'not compared +pictures on avx2, 1 thread: maml: \[data\.file\] there is no pictures\.maml'
cmp baseline.json before.json
rm bin/valgrind
PATH=$PWD/none "${compares[@]}" --only counts >said.txt && exit 1
says 'not compared +sinusoid-10shot on avx2: valgrind is not installed'
says '^0 held, 0 slower, 2 not compared'
sed -i -E 's/"processor": "[^"]*"/"processor": "another"/; s/gcc 1\.2\.3/gcc 1.2.4/' baseline.json
guard 77 "${times[@]}"
says 'has no row of processor'
guard 77 --only counts
says 'has no row of compiler gcc 1\.2\.3'
guard 0 --update "${times[@]}"
guard 0 "${times[@]}"
grep -q '"another", "preset": "waves", "isa": "avx512", "threads": 1, "peak_fraction": 0.5}' baseline.json
python3 -c '
import json
rows = json.load(open("baseline.json"))["times"]
assert len({row["processor"] for row in rows}) == 2, rows'
echo "$cases cases"
