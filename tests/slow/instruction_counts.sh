#!/usr/bin/env bash
# A meta-iteration of the sinusoid takes no more instructions than bench/baseline.json says; left out where that has no
# row of this compiler.
exec python3 -B "$ROOT/bench/guard.py" --only counts --maml "$MAML"
