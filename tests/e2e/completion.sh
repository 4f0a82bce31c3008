#!/usr/bin/env bash
# What an installed maml brings along: completion in bash, zsh and fish (the last two where they are installed), typed
# into the shells as a person does, and a man page that the formatters take without a warning.
set -euo pipefail
unset MAML_PRESETS XDG_CONFIG_HOME XDG_DATA_HOME
cmake --install "$BUILD" --prefix "$TMP/prefix" >/dev/null
share=$TMP/prefix/share
for file in man/man1/maml.1 bash-completion/completions/maml zsh/site-functions/_maml \
  fish/vendor_completions.d/maml.fish; do
  test -s "$share/$file" || { echo "$file is not installed"; exit 1; }
done
export PATH=$TMP/prefix/bin:$PATH HOME=$TMP/home XDG_DATA_DIRS=$share:/usr/local/share:/usr/share
mkdir -p "$HOME" "$TMP/work/runs/one" "$TMP/work/some folder" && cd "$TMP/work"
touch mine.toml notes.txt

# What each line becomes. A folder's `/` and a space at the end are left out: shells differ in them.
cat >../cases.txt <<'CASES'
maml exp | maml export
maml data imp | maml data import
maml data import mini | maml data import mini-imagenet
maml train sinusoid-20shot-o | maml train sinusoid-20shot-oracle
maml train mine | maml train mine.toml
maml train --over | maml train --overwrite
maml train x --set outer.sched | maml train x --set outer.schedule=
maml train x --set outer.schedule=cos | maml train x --set outer.schedule=cosine
maml train x --set outer.algorithm=meta | maml train x --set outer.algorithm=meta_sgd
maml export x --format n | maml export x --format npz
maml export x --format=n | maml export x --format=npz
maml plot ru | maml plot runs
maml plot runs/o | maml plot runs/one
maml train x --out=ru | maml train x --out=runs
maml adapt runs/one --query notes.txt some | maml adapt runs/one --query notes.txt some folder
maml completion f | maml completion fish
CASES
sed 's/ | .*//' ../cases.txt >../typed.txt
sed 's/.* | //' ../cases.txt >../wanted.txt
mapfile -t typed <../typed.txt

complete_in() { # SHELL SETUP
  python3 "$ROOT/tests/e2e/type_in_shell.py" tab "$@" "${typed[@]}" | sed 's, *$,,; s,/$,,' >../became.txt
  diff ../wanted.txt ../became.txt || { echo "in ${1%% *}"; exit 1; }
}
tried=bash
complete_in "bash --norc --noprofile -i" "source '$share/bash-completion/completions/maml'"
if command -v zsh >/dev/null; then
  complete_in "zsh -f -i" \
    "bindkey -e; fpath=('$share/zsh/site-functions' \$fpath); autoload -Uz compinit; compinit -u -D"
  tried+=", zsh"
fi
if command -v fish >/dev/null; then
  mkdir -p "$HOME/.local/share/fish/generated_completions" # else it reads all man pages of the machine first
  complete_in fish true
  tried+=", fish"
fi

# All candidates, as bash lists them.
python3 "$ROOT/tests/e2e/type_in_shell.py" all "bash --norc --noprofile -i" \
  "source '$share/bash-completion/completions/maml'" \
  "maml " "maml train sinusoid-5" "maml train m" "maml train note" >../all.txt
maml --help | sed -n '/^Subcommands:/,/^$/{ s/^  \([a-z-]*\) .*/\1/p }' | sort >../verbs.txt
test "$(wc -l <../verbs.txt)" -ge 15
sed -n 1p ../all.txt | tr ' ' '\n' | sed '1d; /^$/d' | sort | diff ../verbs.txt -
test "$(sed -n 2p ../all.txt)" = "maml train sinusoid-5shot sinusoid-5shot-oracle sinusoid-5shot-pretrained"
sed -n 3p ../all.txt | grep -q ' mine.toml.* mini-imagenet-5way-1shot '
test "$(sed -n 4p ../all.txt)" = "maml train note" # no TOML file

# Another folder of presets is seen at once. Nothing fails where nothing can be said.
mkdir presets && cp "$share/maml/presets/sinusoid-5shot.toml" presets/only.toml
test "$(MAML_PRESETS=presets maml __complete train '' | grep -v '^:' | cut -f1)" = only
test -z "$(maml __complete)$(maml __complete train x --seed '')$(maml __complete no verb '')"
if maml completion tcsh 2>../refused.txt; then exit 1; fi
grep -q "one of bash, zsh, fish" ../refused.txt

# The man page: every verb, every option, every key; accepted without a warning. It follows the program and has no date.
page=$share/man/man1/maml.1
cmp "$page" <(maml man)
if command -v mandoc >/dev/null; then
  mandoc -T lint -W warning "$page" | grep -v 'missing date' >../warnings.txt || true
  test ! -s ../warnings.txt || { cat ../warnings.txt; exit 1; }
  tried+=", mandoc"
fi
if command -v groff >/dev/null; then
  MANWIDTH=100 groff -man -ww -Tutf8 -P-cbou -rLL=100n "$page" >../page.txt 2>../warnings.txt
  test ! -s ../warnings.txt || { cat ../warnings.txt; exit 1; }
  for words in 'maml data import images' '--split-seed N' 'inner.step_weights_until = 0' MAML_PRESETS; do
    grep -qF -- "$words" ../page.txt || { echo "the man page lacks $words"; exit 1; }
  done
  tried+=", groff"
fi
plain=$(sed 's/\\-/-/g; s/\\f[BIR]//g' "$page")
while read -r verb; do
  grep -qx ".SS \"maml $verb\"" <<<"$plain" || { echo "the man page lacks the verb $verb"; exit 1; }
  maml __complete "$verb" -- | sed '/^--help\t/d; s,\t.*,,' | while read -r option; do
    grep -qE -- "^(.*, )?$option( |,|\$)" <<<"$plain" || { echo "the man page lacks $verb $option"; exit 1; }
  done
done <../verbs.txt
maml __complete train x --set '' | sed -n 's/=\t.*//p' >../keys.txt
test "$(wc -l <../keys.txt)" -ge 60
while read -r key; do grep -qF "$key = " <<<"$plain" || { echo "the man page lacks $key"; exit 1; }; done <../keys.txt
echo "$tried"
