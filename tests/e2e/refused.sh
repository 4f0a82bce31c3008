# For the scripts beside this file: sourced, it counts cases and failures.
failures=0 cases=0

# refused PATTERN COMMAND...: exit status 2, nothing on stdout, one line on stderr that matches the (extended) pattern,
# no file more or less.
refused() {
  local pattern=$1 status=0 before after
  shift
  cases=$((cases + 1))
  before=$(find . | sort | md5sum)
  "$@" >stdout.txt 2>stderr.txt || status=$?
  local lines; lines=$(wc -l <stderr.txt)
  local text; text=$(cat stderr.txt)
  local printed; printed=$(wc -c <stdout.txt)
  rm -f stdout.txt stderr.txt
  after=$(find . | sort | md5sum)
  if [ "$status" != 2 ] || [ "$lines" != 1 ] || [ "$printed" != 0 ] || [ "$before" != "$after" ] ||
    ! grep -Eq '^maml: \[' <<<"$text" || ! grep -Eq -e "$pattern" <<<"$text"; then
    failures=$((failures + 1))
    echo "FAILED: $*"
    echo "  exit $status, $lines lines on stderr, $printed bytes on stdout; wanted: $pattern"
    sed 's/^/  > /' <<<"$text"
    [ "$before" = "$after" ] || find . | sort | sed 's/^/  left: /'
  fi
}

# holds PATTERN COMMAND...: it succeeds and prints that.
holds() {
  local pattern=$1 status=0; shift
  cases=$((cases + 1))
  "$@" >holds.txt 2>&1 || status=$?
  if [ "$status" != 0 ] || { [ -n "$pattern" ] && ! grep -Eq -e "$pattern" holds.txt; }; then
    failures=$((failures + 1))
    echo "FAILED: $*: exit $status, wanted: $pattern"
    sed 's/^/  > /' holds.txt
  fi
  rm -f holds.txt
}
