#!/usr/bin/env bash
# The pages: every link leads to a file that is there; the config keys, presets, verbs and options that they name exist;
# docs/coming-from.md has all 23 flags of the original.
set -euo pipefail
cd "$ROOT"
failed=0
wrong() { echo "$*"; failed=1; }

# Links of Markdown, those to the web and those within a page left out.
links=0
for page in *.md docs/*.md; do
  while read -r target; do
    links=$((links + 1))
    [ -e "$(dirname "$page")/$target" ] || wrong "$page: no file $target"
  done < <(grep -oE '\]\([^)#[:space:]]+' "$page" | cut -c3- | grep -vE '^(https?|mailto):' || true)
done
test "$links" -ge 25 || wrong "only $links links were found"

page=docs/coming-from.md
"$MAML" info sinusoid-10shot |
  awk '/^\[/ { gsub(/[][]/, ""); table = $1 } / = / { print table "." $1 }' >"$TMP/keys.txt"
test "$(wc -l <"$TMP/keys.txt")" -ge 60
# Tables of the config, followed by a name; a file of that name (own_outer_loop.cpp, python.md) has none of them.
grep -ohE '`(model|inner|outer|data|train|eval)\.[a-z_]+' README.md docs/*.md | tr -d '`' | sort -u >"$TMP/named.txt"
test "$(wc -l <"$TMP/named.txt")" -ge 20
while read -r key; do
  case $key in
    *.toml | *.json | *.csv | *.h | *.cpp | *.safetensors) continue ;;
    data.test_) continue ;; # data.test_*: all that begin so
  esac
  grep -qx "$key" "$TMP/keys.txt" || wrong "the pages name $key, which no config has"
done <"$TMP/named.txt"

"$MAML" presets | awk 'NR > 1 { print $1 }' >"$TMP/presets.txt"
grep -oE '(sinusoid|omniglot|mini-imagenet)[a-z0-9-]*-[0-9]+shot[a-z-]*' "$page" | sort -u | while read -r preset; do
  grep -qx "$preset" "$TMP/presets.txt" || { echo "$page names the preset $preset, which is none"; exit 1; }
done || failed=1

# `maml VERB .. --option` in backquotes or indented: verb and options exist.
commands=0
while read -r _ verb rest; do
  commands=$((commands + 1))
  "$MAML" "$verb" --help >"$TMP/help.txt" 2>&1 || { wrong "the pages call maml $verb, which is no verb"; continue; }
  case $verb in # verbs below a verb have options of their own
    data)
      for kind in "fetch omniglot" info show "import omniglot" "import mini-imagenet" "import images" "import csv" "import npz"; do
        # shellcheck disable=SC2086
        "$MAML" data $kind --help >>"$TMP/help.txt" 2>&1 || true
      done
      ;;
  esac
  for option in $(grep -oE -- '(^|[[:space:]])--[a-z-]+' <<<" ${rest%%#*}" || true); do
    grep -qE -- "(^|[ ,])$option([ ,]|\$)" "$TMP/help.txt" ||
      wrong "the pages call maml $verb $option, which it does not have"
  done
done < <(grep -ohE '(^    |`)maml [a-z-]+[^`]*' README.md docs/*.md | sed 's/^ *//; s/^`//')
test "$commands" -ge 30 || wrong "only $commands commands were found"

flags="datasource num_classes baseline pretrain_iterations metatrain_iterations meta_batch_size meta_lr
  update_batch_size update_lr num_updates norm num_filters conv max_pool stop_grad log logdir resume train test_iter
  test_set train_update_batch_size train_update_lr"
test "$(wc -w <<<"$flags")" = 23
for flag in $flags; do
  test "$(grep -c "^| \`$flag\` |" "$page")" = 1 || wrong "$page: no row for the flag $flag"
done
echo "$links links, $(wc -l <"$TMP/named.txt") keys, $commands commands"
exit $failed
