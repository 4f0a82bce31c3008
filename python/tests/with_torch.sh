#!/usr/bin/env bash
# with_torch.sh PYTHON ARGUMENT..: runs that Python with the torch in the folder of site-packages that MAML_PEERS names,
# or else of scripts/pytorch. Skips where there is none.
set -euo pipefail
python=$1; shift
[ -n "${MAML_PEERS:-}" ] || MAML_PEERS=$("$(dirname "$0")/../../scripts/pytorch")
export MAML_PEERS PYTHONPATH=$MAML_PEERS
if ! "$python" -c 'import torch'; then
  echo "no torch for $python in $PYTHONPATH (scripts/pytorch fetches it where pip can)"; exit 77
fi
exec "$python" "$@"
