# For the scripts beside this file: sourced, it goes to the repository root and defines the steps they share. Each check
# prints one line, its output only where it failed; `closing` prints the counts alone on the last line.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD
export ROOT
JOBS=${JOBS:-$(nproc)}
passed=0 failed=0 skipped=0
scratch=$(mktemp -d -t maml-XXXXXX)
trap 'rm -rf "$scratch"' EXIT

say() { printf '\n== %s\n' "$*"; }

# build PRESET [TARGET...]: configures and builds; quiet, except where it fails and for how long it took.
build() {
  local preset=$1 log=build/$1.log start=$SECONDS; shift
  mkdir -p build
  echo "building build/$preset ..."
  if ! { cmake --preset "$preset" && cmake --build "build/$preset" -j "$JOBS" ${@:+--target "$@"}; } >"$log" 2>&1; then
    grep -nE 'error|Error|FAILED|warning:' "$log" | head -n 40 >&2 || true
    echo "build/$preset failed; all of it is in $log" >&2
    return 1
  fi
  echo "built build/$preset in $((SECONDS - start)) s"
}

# no_training: ends the script where `make zoo` trains in this tree, which would be in whatever is timed.
no_training() {
  [ ! -e zoo/.running ] || flock -n zoo/.running true ||
    { echo "${0##*/}: make zoo is training here, which would be in the timings; make zoo-stop stops it" >&2; exit 1; }
}

# must_build PRESET ...: the same, counted as a failure where it fails. For builds that are themselves a check.
must_build() { build "$@" || { failed=$((failed + 1)); return 1; }; }

# isas BINARY: the instruction sets this CPU has. lacking BINARY: those it lacks.
isas() { "$1" --isas | sed -n 's/ yes$//p'; }
lacking() { "$1" --isas | sed -n 's/ no$//p'; }

# active_isa: the instruction set that the program chooses here, once it is built.
active_isa() {
  local tests=build/release/maml_tests
  [ -n "${MAML_ISA:-}" ] || [ ! -x "$tests" ] || { isas "$tests" | tail -n 1; return; }
  echo "${MAML_ISA:-the best instruction set}"
}

show() { sed 's/^/    /' "$1" | tail -n "${2:-60}"; }

# unit_tests TITLE BINARY [doctest flags]: counts doctest's cases, each of tests/'s files in a process of its own, so
# many at once as there are processors, the largest first. What a crash or a time-out left unrun counts as failed. The
# instruction set is MAML_ISA's; the line says on which one it ran.
unit_tests() {
  local title=$1 binary=$2 start=$SECONDS logs=$scratch/unit all good bad isa; shift 2
  rm -rf "$logs"; mkdir "$logs"
  all=$("${LAUNCH[@]}" "$binary" --no-colors --count "$@" | sed -nE 's/^\[doctest\] .*filters: ([0-9]+)$/\1/p')
  find tests -name '*_test.cpp' -printf '%s %p\n' | sort -rn | cut -d ' ' -f 2 | xargs -P "$JOBS" -I '{file}' bash -c '
    ulimit -c 0; file=$1 log=$2/${1//\//_}; shift 2
    timeout --foreground -k 10 "${TEST_TIMEOUT:-900}" "$@" --source-file="*/$file" >"$log" 2>&1 ||
      echo "exit status $? of $file" >>"$log"
  ' -- '{file}' "$logs" "${LAUNCH[@]}" "$binary" --no-colors --no-intro=true "$@"
  isa=$(sed -n 's/^instruction set: //p' "$logs"/* | head -n 1)
  good=$(sum_of passed "$logs") bad=$(sum_of failed "$logs")
  if [ -z "$all" ] || [ $((good + bad)) -lt "$all" ]; then bad=$((${all:-1} - good)); fi
  [ "$bad" -gt 0 ] || ! grep -q '^exit status ' "$logs"/* || bad=1
  passed=$((passed + good)) failed=$((failed + bad))
  if [ "$bad" -gt 0 ]; then
    echo "FAIL  $title on ${isa:-?}: $good of ${all:-?} passed, $bad failed"
    grep -l '^exit status ' "$logs"/* | while read -r log; do show "$log" 200; done
  else
    echo "PASS  $title on $isa: $good cases ($((SECONDS - start)) s)"
  fi
}

# sum_of passed|failed LOGS: that count of doctest's, of all the logs.
sum_of() {
  sed -nE "s/^\[doctest\] test cases:.*\| +([0-9]+) $1.*/\1/p" "$2"/* | awk '{ n += $1 } END { print n + 0 }'
}
LAUNCH=()

# on_each_isa TITLE BINARY [doctest flags]: unit_tests once for each instruction set of this CPU.
on_each_isa() {
  local title=$1 binary=$2 isa; shift 2
  for isa in $(isas "$binary"); do MAML_ISA=$isa unit_tests "$title" "$binary" "$@"; done
  for isa in $(lacking "$binary"); do echo "SKIPPED $isa: this CPU lacks it"; skipped=$((skipped + 1)); done
}

# check NAME COMMAND...: exit status 0 passes, 77 skips (the last line of output says why), all else fails. The command
# gets MAML (the program), BUILD (its build folder), ROOT (the repository) and TMP, a fresh folder of its own. Parts that
# one which passes says it SKIPPED are shown and counted.
check() {
  local name=$1 start=$SECONDS status=0 log=$scratch/check.log; shift
  rm -rf "$scratch/tmp"; mkdir "$scratch/tmp"
  ( ulimit -c 0
    MAML=$ROOT/build/release/maml BUILD=$ROOT/build/release TMP=$scratch/tmp \
      timeout --foreground -k 10 "${TEST_TIMEOUT:-900}" "$@"; exit $? ) >"$log" 2>&1 </dev/null || status=$?
  case $status in
    0)
      passed=$((passed + 1)); echo "PASS  $name on $(active_isa) ($((SECONDS - start)) s)"
      skipped=$((skipped + $(grep -c '^SKIPPED ' "$log" || true)))
      grep '^SKIPPED ' "$log" || true ;;
    77) skipped=$((skipped + 1)); echo "SKIPPED $name: $(tail -n 1 "$log")" ;;
    *) failed=$((failed + 1)); echo "FAIL  $name (exit status $status)"; show "$log" 100 ;;
  esac
}

# scripts FOLDER: check on each FOLDER/*.sh that is executable or begins with `#!`, so that one that cannot be run fails.
# What is left is for the others to source.
scripts() {
  local script
  for script in "$1"/*.sh; do
    if [ -x "$script" ] || [ "$(head -c 2 "$script")" = '#!' ]; then check "$script" "$ROOT/$script"; fi
  done
}

# closing: the counts, and the exit status that goes with them.
closing() {
  local line="$passed passed, $failed failed"
  [ "$skipped" = 0 ] || line+=", $skipped skipped"
  printf '\n%s\n' "$line"
  [ "$failed" = 0 ]
}
