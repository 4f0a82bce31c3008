#!/usr/bin/env bash
# The README's program compiles, its commands name verbs and presets that exist, and it is one screen and a half.
set -euo pipefail
cd "$ROOT"
sed -n '/^```cpp$/,/^```$/p' README.md | sed '1d;$d' >"$TMP/readme.cpp"
test "$(wc -l <"$TMP/readme.cpp")" -ge 12
"${CXX:-c++}" -std=c++20 -fsyntax-only -Wall -Wextra -I. "$TMP/readme.cpp"
test "$(wc -l <README.md)" -le 80
grep -q '^    scripts/setup python && python3 -m venv ' README.md && grep -q '^    pip install \.' README.md
grep -oE '^    maml [a-z-]+( [a-z0-9-]+)?' README.md | while read -r _ verb what; do
  "$MAML" "$verb" --help >/dev/null || { echo "maml $verb is no verb"; exit 1; }
  case "${what:-}" in sinusoid-*) "$MAML" info "$what" >/dev/null ;; esac
done
