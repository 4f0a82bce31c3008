#!/usr/bin/env bash
# docs/add-a-layer.md: its example compiles, what it quotes of the linear layer stands there, and what it says a pass can
# do, a pass can do.
set -euo pipefail
page=$ROOT/docs/add-a-layer.md
cd "$TMP"

# block N: the N-th block of C++ on the page, which there is.
block() {
  awk -v wanted="$1" '/^```cpp$/ { n++; inside = 1; next } /^```$/ { inside = 0 } inside && n == wanted' "$page" | grep .
}

mkdir -p maml/nn
block 1 >maml/nn/softplus.cpp
echo '#include "maml/nn/layer.h"
namespace maml { LayerPtr make_softplus(const LayerText&, const Shape&); }' >declared.h
"${CXX:-c++}" -std=c++20 -fsyntax-only -Wall -Wextra -Werror -I. -I"$ROOT" -include declared.h maml/nn/softplus.cpp

# The lines of the page stand in the source, one after the other; blank ones do not count.
quoted_from() {
  local quoted source
  quoted=$(block "$1")
  source=$(grep . "$ROOT/$2")
  [[ $source == *"$quoted"* ]] || { printf 'not in %s:\n%s\n' "$2" "$quoted"; exit 1; }
}
quoted_from 2 maml/nn/linear_pass-inl.h
quoted_from 3 maml/nn/linear.cpp

for name in $(grep -oE 'Pass::(template )?[a-z_]+' "$page" | sed -E 's/.*(::|template )//' | sort -u); do
  grep -qE "\b$name\(" "$ROOT/maml/kernels/pass-inl.h" || { echo "no pass can $name"; exit 1; }
done
