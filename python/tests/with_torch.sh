#!/usr/bin/env bash
# with_torch.sh PYTHON ARGUMENT..: runs that Python with a torch that it may import, that of scripts/bench-peers
# (build/peers/venv, or the folder of site-packages that MAML_PEERS names). Skips where there is none.
set -euo pipefail
python=$1; shift
root=$(cd "$(dirname "$0")/../.." && pwd)
PYTHONPATH=${MAML_PEERS:-$(echo "$root"/build/peers/venv/lib/python*/site-packages)}
export PYTHONPATH
if ! "$python" -c 'import torch'; then
  echo "no torch for $python in $PYTHONPATH (scripts/bench-peers installs it; MAML_PEERS names another place)"; exit 77
fi
exec "$python" "$@"
