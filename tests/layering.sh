#!/usr/bin/env bash
# Includes within the library point only up the list of its folders: a file in one folder includes from that folder and
# from those before it. maml/maml.h, the umbrella, is for users: nothing in the library includes it. Offences are printed
# as FILE:LINE: REASON.     layering.sh [ROOT]
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
find maml -mindepth 2 \( -name '*.h' -o -name '*.cpp' \) -print0 | sort -z | xargs -0 -r awk '
  BEGIN { n = split("base kernels io diff nn tasks algorithms train images export", list, " "); for (i = 1; i <= n; ++i) level[list[i]] = i }
  function offence(text) { print FILENAME ":" FNR ": " text; bad = 1 }
  FNR == 1 { split(FILENAME, part, "/"); here = part[2]; if (!(here in level)) offence("folder " here " is not in the list of layers") }
  match($0, /^[ \t]*#[ \t]*include[ \t]*["<][^">]+/) {
    name = substr($0, RSTART, RLENGTH); sub(/^[^"<]*["<]/, "", name); m = split(name, part, "/")
    if (part[1] != "maml") { if ($0 ~ /include[ \t]*"/) offence("include \"" name "\" does not begin with maml/"); next }
    if (m == 2) offence("the library includes " name)
    else if (!(part[2] in level)) offence("include of " name ": folder " part[2] " is not in the list of layers")
    else if (level[part[2]] > level[here]) offence(here " includes " name ", but " part[2] " comes after " here)
  }
  END { exit bad }'
