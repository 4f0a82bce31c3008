#!/usr/bin/env bash
# Tables of one's own: from a raw CSV file to predictions for a new sensor (examples/sensors), the same from NumPy's
# arrays, and each kind of wrong input.
set -uo pipefail
cd "$TMP" || exit 1
source "$ROOT/tests/e2e/refused.sh"

# The example, trained for a short while.
holds 'RMSE of load' "$ROOT/examples/sensors/run.sh" train.iterations=300 train.validate_every=100 eval.tasks=20
holds '3,651 rows of 60 tasks' "$MAML" data info sensors.safetensors
holds 'train +38 ' "$MAML" data info sensors.safetensors
holds 's[0-9]+ +test +[0-9]+ +[0-9.]+ to ' "$MAML" data show sensors.safetensors --split test
holds '^inputs = \["hour", "temperature"\]' cat runs/sensors/config.toml
holds '^deviations = \[6\.[0-9]+, ' cat runs/sensors/config.toml
holds 'Adapted: 5 inner steps' "$MAML" info mine.safetensors
adapt() { "$MAML" adapt runs/sensors --support mine.csv "$@"; }
predict() { "$MAML" predict mine.safetensors "$@"; }
holds '^  new.csv +336 +load +[0-9.]+ +[0-9.]+' adapt --query new.csv
adapt --query new.csv --json >adapted.json || failures=$((failures + 1))
holds '' python3 - <<'PY'
import csv, json, math
def read(name):
    return list(csv.DictReader(open(name, newline="")))
told, new = json.load(open("adapted.json")), read("new.csv")
support, query = told["files"]
assert (support["file"], support["rows"], query["rows"], told["steps"]) == ("mine.csv", 10, 336, 5), told
# Ten readings make the forecast of the sensor's two weeks better than what is known of sensors at large.
assert query["rmse"]["load"]["after"] < 0.6 * query["rmse"]["load"]["before"], told
predictions = read("predictions.csv")
assert [{k: v for k, v in row.items() if k != "predicted_load"} for row in predictions] == new
squares = [(float(row["predicted_load"]) - float(row["load"])) ** 2 for row in predictions]
rmse = math.sqrt(sum(squares) / len(squares))
assert abs(rmse / query["rmse"]["load"]["after"] - 1) < 1e-4, (rmse, told)
# What is asked about: other columns in another order, no target, tabs, quotes.
with open("few.tsv", "w", newline="") as file:
    writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_ALL)
    writer.writerow(["temperature", "a note", "hour"])
    for row in new[:3]: writer.writerow([row["temperature"], "say \"x\"", row["hour"]])
PY
predict few.tsv --separator tab >few.txt || failures=$((failures + 1))
holds '' python3 - <<'PY'
import csv
few = list(csv.DictReader(open("few.txt", newline=""), delimiter="\t"))
whole = list(csv.DictReader(open("predictions.csv", newline="")))[:3]
assert list(few[0]) == ["temperature", "a note", "hour", "predicted_load"] and few[0]["a note"] == 'say "x"'
assert [row["predicted_load"] for row in few] == [row["predicted_load"] for row in whole]
PY

# Rows with a target are judged: by a line behind what is written, or on standard error.
predict new.csv >printed.csv 2>told.txt || failures=$((failures + 1))
holds '' cmp printed.csv predictions.csv
holds '^RMSE of load: [0-9.]+$' cat told.txt
sed '2,$s/,[^,]*$/,/' new.csv >blank.csv
sed '3,$s/,[^,]*$/,/' new.csv >one.csv
sed '5s/,[^,]*$/,high/' new.csv >high.csv
holds '^336 predictions are in none_judged.csv$' predict blank.csv --out none_judged.csv
holds '^RMSE of load: [0-9.]+ \(over 1 of 336 rows\)$' predict one.csv --out one_judged.csv
for judged in none one; do
  holds '' cmp <(cut -d, -f5 predictions.csv) <(cut -d, -f5 ${judged}_judged.csv)
done
cases=$((cases + 1))
if predict blank.csv 2>&1 | grep RMSE; then failures=$((failures + 1)); echo "FAILED: rows without a target are judged"; fi
refused '\[high.csv:5\] column load is to be a number, but is .high' predict high.csv --out high_judged.csv

# The small library, which has no tanh, given standardised values says the same.
holds '' "$MAML" train sensors --set 'model.layers=["linear 20", "relu", "linear 1"]' --set train.iterations=50 \
  --set train.validate_every=0 --out runs/small --quiet
holds '' "$MAML" adapt runs/small --support mine.csv --out small_mine.safetensors
holds '' "$MAML" predict small_mine.safetensors new.csv --out small.csv
holds 'data.means and data.deviations, which .maml info runs/small' "$MAML" export runs/small --format embed
holds 'data.means and data.deviations, which .maml info small_mine.safetensors' \
  "$MAML" export small_mine.safetensors --format embed
holds '' python3 -B - <<'PY'
import array, csv, os, sys, tomllib
sys.path.insert(0, os.path.join(os.environ["ROOT"], "examples/embed"))
from adapt import Adapter
with open("runs/small/config.toml", "rb") as file:
    data = tomllib.load(file)["data"]
columns = dict(zip(data["inputs"] + data["targets"], zip(data["means"], data["deviations"])))
def standardised(file, names):
    return array.array("f", ((float(row[name]) - columns[name][0]) / columns[name][1]
                             for row in csv.DictReader(open(file, newline="")) for name in names))
with open("small.maml-adapt", "rb") as file:
    adapter = Adapter(os.environ["BUILD"] + "/embed/libmaml_adapt.so", file.read(), 10, 100)
adapter.run(standardised("mine.csv", data["inputs"]), standardised("mine.csv", data["targets"]))
mean, deviation = columns["load"]
predicted = [float(row["predicted_load"]) for row in csv.DictReader(open("small.csv", newline=""))]
given = adapter.predict(standardised("new.csv", data["inputs"]))
assert len(given) == len(predicted) == 336
assert all(abs(y * deviation + mean - wanted) < 1e-4 * deviation for y, wanted in zip(given, predicted))
PY

# A file of many sensors: one of them is named.
refused 'rows of 60 tasks by its column sensor \(s01, s02, s03, ..\).*--where sensor=s01' \
  "$MAML" adapt runs/sensors --support sensors.csv --out x.safetensors
holds 'sensors.csv +[0-9]+ +load' "$MAML" adapt runs/sensors --support sensors.csv --where sensor=s07 --out s07.safetensors
holds 's07' "$MAML" predict s07.safetensors sensors.csv --where sensor=s07
refused 'sensors.csv\] has rows of 60 tasks' "$MAML" predict s07.safetensors sensors.csv
refused 'has no row where sensor=s99' "$MAML" predict s07.safetensors sensors.csv --where sensor=s99

# The same numbers from NumPy's arrays give the same model; windows of rows that follow each other.
python3 - <<'PY'
import csv, io, struct, zipfile
rows = list(csv.DictReader(open("sensors.csv", newline="")))
def npy(descr, shape, data):
    head = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    head += " " * (63 - (10 + len(head)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data
def numbers(names):
    return b"".join(struct.pack("<d", float(row[name])) for row in rows for name in names)
with zipfile.ZipFile("sensors.npz", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("x.npy", npy("<f8", (len(rows), 2), numbers(["hour", "temperature"])))
    archive.writestr("y.npy", npy("<f8", (len(rows),), numbers(["load"])))
    archive.writestr("sensor.npy", npy("<U3", (len(rows),), b"".join(r["sensor"].encode("utf-32-le") for r in rows)))
PY
holds '3,651 rows of 60 tasks' "$MAML" data import npz sensors.npz --task sensor --inputs hour,temperature --targets load --out arrays.safetensors
short=(--set train.iterations=20 --set train.validate_every=0 --set eval.tasks=5 --quiet)
holds '' "$MAML" train sensors "${short[@]}" --out runs/csv
holds '' "$MAML" train sensors "${short[@]}" --set data.file=arrays.safetensors --out runs/npz
holds '' cmp runs/csv/metrics.csv runs/npz/metrics.csv
holds '' "$MAML" train sensors "${short[@]}" --set data.rows=window --out runs/window
cases=$((cases + 1))
if cmp -s runs/csv/metrics.csv runs/window/metrics.csv; then failures=$((failures + 1)); echo "FAILED: windows are no other rows"; fi

# Wrong tables.
import() { "$MAML" data import csv "$@" --out x.safetensors; }
of() { import "$@" --task sensor --inputs hour,temperature --targets load; }
refused 'needs --task' import sensors.csv
refused 'needs --inputs and --targets' import sensors.csv --task sensor
refused 'sensors.csv\] has no column huor; did you mean hour\?' import sensors.csv --task sensor --inputs huor --targets load
refused 'names the column load twice' import sensors.csv --task sensor --inputs load --targets load
refused "\[--inputs\] cannot be 'hour,'" import sensors.csv --task sensor --inputs hour, --targets load
refused 'cannot be read: No such file' of nowhere.csv
refused 'exists already' "$MAML" data import csv sensors.csv --task sensor --inputs hour --targets load
wrong() {  # wrong SED PATTERN: the table with that change is refused so
  sed "$1" sensors.csv >bad.csv
  refused "$2" of bad.csv
}
wrong '5s/,[^,]*$/,high/' '\[bad.csv:5\] column load is to be a number, but is .high'
wrong '5s/,[^,]*$/,nan/' '\[bad.csv:5\] column load has no value, but .nan'
wrong '5s/,[^,]*$/,inf/' '\[bad.csv:5\] column load is .inf., which is not finite'
wrong '5s/,[^,]*$/,/' '\[bad.csv:5\] column load has no value'
wrong '5s/,[^,]*$//' '\[bad.csv:5\] has 4 cells, but the first line names 5'
wrong '5s/s[0-9]*//' '\[bad.csv:5\] column sensor names no task'
wrong '5s/,/,"/' '\[bad.csv:5\] opens a quote'
wrong 's/,/;/g' 'has no column sensor.*separated by ;'
wrong '2,$s/^\([^,]*,[^,]*\),[^,]*/\1,7/' 'has the same number, 7, in the column hour of all training tasks'
wrong '1!d' 'has no task with a row'
sed '5s/,[^,]*$/,/' sensors.csv >bad.csv
holds '1 row without a value: skipped' of bad.csv --on-missing skip
rm x.safetensors
refused 'has 60 tasks, but --split deals out 1 . 1 . 1 = 3' import sensors.csv --task sensor --inputs hour --targets load --split 1/1/1
printf 's01,train\n' >list.csv
refused 'list.csv\] does not list task s02' import sensors.csv --task sensor --inputs hour --targets load --split list.csv
refused 'has no array z \(its arrays: sensor, x, y\)' "$MAML" data import npz sensors.npz --x z --out x.safetensors
refused '\[sensors.csv\] is no .npz file .save it with numpy.savez' "$MAML" data import npz sensors.csv --out x.safetensors

# Wrong for the training, or for the model.
printf 'sensor,hour,temperature,load\n' >short.csv
for sensor in 1 2 3; do for hour in 1 2 3; do echo "t$sensor,$hour,$((sensor + hour)),$hour" >>short.csv; done; done
holds '9 rows of 3 tasks' "$MAML" data import csv short.csv --task sensor --inputs hour,temperature --targets load --split 1/1/1
refused 'short.safetensors\] has 3 rows in task t[123] of its split train, but tasks want 10 support and 20 query rows' \
  "$MAML" train sensors --set data.file=short.safetensors --out runs/x
refused 'there is no gone.safetensors' "$MAML" train sensors --set data.file=gone.safetensors --out runs/x
"$MAML" data import csv sensors.csv --task sensor --inputs hour --targets load --out one.safetensors --quiet || exit 1
refused 'model.input\] is \[2\], but the tasks. inputs are \[1\]' "$MAML" train sensors --set data.file=one.safetensors --out runs/x
refused 'mine.csv\] has no column sensor' adapt --query new.csv --where sensor=s01
bad_support() {  # bad_support SED: adapting to the rows with that change
  sed "$1" mine.csv >bad.csv
  "$MAML" adapt runs/sensors --support bad.csv --out x.safetensors
}
refused '\[bad.csv\] has no column temperature' bad_support 's/temperature/temp/'
refused '\[bad.csv:3\] column hour is to be a number' bad_support '3s/,[0-9]*,/,noon,/'
refused '\[bad.csv\] has no row' bad_support '1!d'
refused 'kept.*something.safetensors' adapt --out kept
refused 'mine.safetensors\] exists already' adapt --out mine.safetensors
refused '\-\-picture and --set are not for' adapt --query new.csv --picture x
refused 'is adapted already' "$MAML" adapt mine.safetensors --query new.csv
refused '\[predict\] name an adapted model' predict
refused 'runs/sensors\] is no adapted model' "$MAML" predict runs/sensors new.csv
refused 'nowhere.safetensors\] cannot be read: No such file' "$MAML" predict nowhere.safetensors new.csv
mkdir folder
refused 'folder\] is a folder .name a file with --out' predict new.csv --out folder --overwrite
refused 'folder\] cannot be read: Is a directory .name a file' predict folder
refused 'sensors.safetensors\] is no adapted model' "$MAML" predict sensors.safetensors new.csv
refused 'predictions.csv\] exists already' predict new.csv --out predictions.csv
refused 'has a column predicted_load already' predict predictions.csv
refused '\[few.tsv:1\] has text behind a closing quote.*--separator' predict few.tsv
refused "separator\] cannot be 'ab'" predict few.tsv --separator ab
cp sensors.safetensors flipped.safetensors
printf '\007' | dd of=flipped.safetensors bs=1 seek=10000 conv=notrunc status=none
refused 'flipped.safetensors\] is damaged: checksum differs' "$MAML" data info flipped.safetensors
refused 'flipped.safetensors\] is damaged' "$MAML" train sensors --set data.file=flipped.safetensors --out runs/x
"$MAML" train sinusoid-5shot --set train.iterations=2 --set train.validate_every=0 --set eval.tasks=2 --quiet --out waves || exit 1
refused '\-\-where and --separator are for' "$MAML" adapt waves --support mine.csv --query new.csv --where a=b

echo "$cases cases, $failures failed"
[ "$failures" = 0 ]
