#!/usr/bin/env bash
# The pages: every link leads to a file that is there; the config keys, presets, verbs and options that they name exist;
# docs/coming-from.md has all 23 flags of the original, docs/reproduce.md the presets' published numbers; the pictures
# of docs/gallery.md are there, small, and none of mini-ImageNet; README leads to each page.
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
for named_by in README.md docs/coming-from.md docs/reproduce.md docs/gallery.md; do
  while read -r preset; do
    grep -qx "$preset" "$TMP/presets.txt" || wrong "$named_by names the preset $preset, which is none"
  done < <(grep -oE '(sinusoid|omniglot|mini-imagenet)[a-z0-9-]*-[0-9]+shot[a-z-]*' "$named_by" | sort -u)
done

# The numbers of docs/reproduce.md are those that `maml presets` shows, all but those of the -fast twins.
"$MAML" presets | grep -v -e '-fast ' | sed -nE 's/^((omniglot|mini-imagenet)[^ ]*) .*[0-9]: ([0-9.]+)$/\1 \3/p' | sort >"$TMP/published.txt"
python3 - <<'PY' | sort | diff "$TMP/published.txt" - || wrong "docs/reproduce.md: not what maml presets shows"
import re
for row in re.findall(r"^\| (`.*) \|$", open("docs/reproduce.md").read(), re.M):
    cells = row.split(" | ")
    numbers, = (cell for cell in cells if re.fullmatch(r"[0-9.]+(, [0-9.]+)*", cell))
    for preset, number in zip(re.findall("`([^`]+)`", cells[0]), numbers.split(", "), strict=True):
        print(preset, number)
PY
test "$(wc -l <"$TMP/published.txt")" -ge 18 || wrong "few published numbers were found"

for page_of_docs in docs/*.md; do
  grep -qF "($page_of_docs)" README.md || wrong "README.md does not lead to $page_of_docs"
done

# The gallery: each picture has a command of its section above it; nothing lies beside them.
awk '/^## / { command = 0 } /^    maml / { command = 1 } /^!\[/ && !command { print; bad = 1 } END { exit bad }' \
  docs/gallery.md || wrong "docs/gallery.md: pictures without a command"
for picture in docs/gallery/*/*; do
  grep -qF "](${picture#docs/})" docs/gallery.md || wrong "docs/gallery.md does not show $picture"
  test "$(wc -c <"$picture")" -le 250000 || wrong "$picture is larger than 250 kB"
done
if grep -nE 'mini.*gallery/|gallery/.*mini' docs/gallery.md; then wrong "mini-ImageNet's pictures may not be shown"; fi

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
