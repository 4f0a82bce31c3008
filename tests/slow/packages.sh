# For the scripts beside this file: sourced, it sets `python` to a Python that has the packages of requirements.txt.
# That is MAML_PYTHON, or else build/tools/venv, made where it is not there yet; the script skips where pip cannot.
venv=$ROOT/build/tools/venv wanted=$ROOT/tests/slow/requirements.txt
python=${MAML_PYTHON:-$venv/bin/python}
if [ -z "${MAML_PYTHON:-}" ] && ! cmp -s "$wanted" "$venv/complete"; then
  if ! python3 -m venv "$venv" >venv.log 2>&1 ||
    ! "$python" -m pip --disable-pip-version-check install -q -r "$wanted" >>venv.log 2>&1; then
    echo "no packages of $wanted (name a Python that has them: MAML_PYTHON=...): $(tail -n 1 venv.log)"; exit 77
  fi
  cp "$wanted" "$venv/complete"
fi
