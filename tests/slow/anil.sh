#!/usr/bin/env bash
# ANIL is at least 4 times as fast as MAML on 784-256-128-64-64-5, 5-way 1-shot, K = 5 (features once a task).
set -euo pipefail
"$BUILD/bench_anil"
