#!/usr/bin/env bash
# From a table of sensors to predictions for a new one, in the current folder:  run.sh [key=value..]
# MAML is the program (else `maml` of the search path); further words are options for training (train.iterations=500).
set -euo pipefail
maml=${MAML:-maml}
options=()
for option in "$@"; do options+=(--set "$option"); done
python3 "$(dirname "${BASH_SOURCE[0]}")/draw_sensors.py"
"$maml" data import csv sensors.csv --task sensor --inputs hour,temperature --targets load --overwrite
"$maml" train sensors --out runs/sensors --overwrite "${options[@]}"
"$maml" adapt runs/sensors --support mine.csv --query new.csv --out mine.safetensors --overwrite
"$maml" predict mine.safetensors new.csv --out predictions.csv --overwrite
head -n 5 predictions.csv
