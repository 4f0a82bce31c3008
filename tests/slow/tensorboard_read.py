"""Reads event files with the package tensorboard and compares them with the run's own files.

    tensorboard_read.py KILLED TORN EXPORTED WHOLE

KILLED: a run of 40 iterations, killed after row 30 was logged and before its checkpoint, and resumed at 20; with
pictures in KILLED/plots if there are any. TORN: the folder as the kill left it, with half a record at its end. EXPORTED:
the event file of the run WHOLE, which wrote none itself.
"""
import csv
import json
import math
import os
import struct
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import metadata

SCALARS = {"meta_loss": "train/loss", "pre": "train/mse_before", "post": "train/mse_after", "rate": "train/outer_rate",
           "validation": "val/mse", "validation_ci95": "val/mse_ci95", "seconds": "time/seconds",
           "iterations_per_second": "time/iterations_per_second"}


def single(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def logged(run):
    """Points of each scalar, as the run's CSV files have them."""
    points = {}
    for name in "metrics.csv", "timing.csv":
        with open(os.path.join(run, name), newline="") as file:
            for row in csv.DictReader(file):
                step = int(row.pop("iteration"))
                for column, text in row.items():
                    if text:
                        points.setdefault(SCALARS[column], []).append((step, single(float(text))))
    assert len(points) == len(SCALARS), points
    return points


def read(folder):
    accumulator = EventAccumulator(folder, size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    accumulator.Reload()
    return accumulator


def scalars(accumulator):
    """Points of each scalar; their times never go back (but by the grain of a file system's)."""
    points = {}
    for tag in accumulator.Tags()["scalars"]:
        events = accumulator.Scalars(tag)
        assert all(a.wall_time <= b.wall_time + 0.02 for a, b in zip(events, events[1:])), tag
        points[tag] = [(event.step, event.value) for event in events]
    return points


def check_run(folder, run):
    """Scalars and HPARAMS of a run's event files."""
    accumulator = read(folder)
    shown = scalars(accumulator)
    with open(os.path.join(run, "eval.json")) as file:
        own, = json.load(file)["evaluations"]
    trained = own["steps"][1]  # sinusoid-10shot trains with one inner step
    assert trained["step"] == 1
    assert shown.pop("test/mse") == [(40, single(trained["mean"]))], shown
    assert shown.pop("test/mse_ci95") == [(40, single(trained["ci95"]))]
    expected = logged(run)
    assert shown == expected, (shown, expected)

    def plugin_data(tag):
        data = accumulator.SummaryMetadata(tag).plugin_data
        assert data.plugin_name == metadata.PLUGIN_NAME
        return data.content

    start = metadata.parse_session_start_info_plugin_data(plugin_data(metadata.SESSION_START_INFO_TAG))
    assert start.hparams["inner.alpha"].number_value == 0.001 and start.hparams["inner.steps"].number_value == 1
    assert start.hparams["outer.algorithm"].string_value == "maml" and start.hparams["data.oracle"].bool_value is False
    assert start.hparams["model.layers"].string_value.startswith('["linear 40'), start.hparams["model.layers"]
    end = metadata.parse_session_end_info_plugin_data(plugin_data(metadata.SESSION_END_INFO_TAG))
    assert end.status == 1 and end.end_time_secs >= start.start_time_secs > 1.7e9
    experiment = metadata.parse_experiment_plugin_data(plugin_data(metadata.EXPERIMENT_TAG))
    assert {info.name for info in experiment.hparam_infos} == set(start.hparams)
    assert all(info.description and info.type for info in experiment.hparam_infos)
    assert all(info.name.tag in accumulator.Tags()["scalars"] for info in experiment.metric_infos)


def check_page(logdir, runs):
    """What TensorBoard's own server would show on the HPARAMS page: a line for each run, with its last metrics."""
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(logdir)
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, logdir)
    context = backend_context.Context(base_plugin.TBContext(logdir=logdir, data_provider=provider))
    hparams = context.hparams_metadata(RequestContext(), "")
    experiment = context.experiment_from_metadata(RequestContext(), "", True, hparams, [])
    request = api_pb2.ListSessionGroupsRequest(slice_size=10, include_metrics=True,
                                               allowed_statuses=[api_pb2.STATUS_SUCCESS])
    for info in experiment.hparam_infos:
        request.col_params.add(hparam=info.name)
    for info in experiment.metric_infos:
        request.col_params.add(metric=info.name)
    handler = list_session_groups.Handler(RequestContext(), context, "", request)
    groups = handler.run().session_groups
    assert sorted(session.name for group in groups for session in group.sessions) == runs, groups
    for group in groups:
        values = {value.name.tag: value for value in group.metric_values}
        assert set(values) == {"test/mse", "val/mse", "train/loss"}, values
        assert all(value.training_step == 40 and math.isfinite(value.value) for value in values.values())
        assert group.hparams["data.shots"].number_value == 10


killed, torn, exported, whole = sys.argv[1:]
check_run(killed, killed)
check_run(exported, whole)
check_page(os.path.dirname(killed), [os.path.basename(killed)])

# The resumed run's second file begins with its version, then the start at the checkpoint's step.
first, second = sorted(name for name in os.listdir(killed) if "tfevents" in name)
version, start, *_ = EventFileLoader(os.path.join(killed, second)).Load()
assert version.file_version == "brain.Event:2" and start.session_log.status == 1 and start.step == 20, (version, start)
# What was lost is in the first file, and in the end nowhere.
lost = {event.step for event in EventFileLoader(os.path.join(killed, first)).Load()}
assert max(lost) == 30, lost
# Torn, it reads up to its last whole record.
assert scalars(read(torn))["train/loss"] == [point for point in logged(killed)["train/loss"] if point[0] <= 30]

plots = os.path.join(killed, "plots")
if os.path.isdir(plots):
    accumulator = read(plots)
    names = sorted(name[:-4] for name in os.listdir(plots) if name.endswith(".png"))
    assert sorted(accumulator.Tags()["images"]) == ["plots/" + name for name in names] and len(names) >= 3, names
    for name in names:
        image, = accumulator.Images("plots/" + name)
        with open(os.path.join(plots, name + ".png"), "rb") as file:
            png = file.read()
        assert image.encoded_image_string == png
        assert (image.width, image.height) == struct.unpack(">II", png[16:24])
print("read back")
