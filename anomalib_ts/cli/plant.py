"""`anomalib-ts fit`, `threshold`, `check`, and where `score` and `export` are found.

Light as `main`: what is heavy is imported by the functions that need it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anomalib_ts.cli.export import export
from anomalib_ts.cli.plant_inputs import Inputs, healthy_recordings, warn_of_labels
from anomalib_ts.cli.plant_words import (
    alarms_described,
    command_parser,
    described,
    facts,
    recalibration_described,
    say,
)
from anomalib_ts.cli.score import score

if TYPE_CHECKING:
    from anomalib_ts.core.recording import Recording
    from anomalib_ts.data.base import DataSet
    from anomalib_ts.deploy.target import AlarmTarget

FIT = """\
examples:
  anomalib-ts fit detector=iforest data=csv data.path=healthy.csv model=pump.ats
  anomalib-ts fit detector=iforest data=csv data.path=healthy.csv model=pump.ats \\
      --false-alarms-per-day 0.1 --shortest 3 --merge 10min

The last fifth of the data is held back: the detector is not fitted on it, and the threshold of
alarms is set on its scores.
"""
THRESHOLD = """\
examples:
  anomalib-ts threshold pump.ats                               what it is now
  anomalib-ts threshold pump.ats --false-alarms-per-day 0.1    moves it, without fitting again
  anomalib-ts threshold pump.ats february.csv -o pump2.ats     sets it on new healthy data
  anomalib-ts threshold pump.ats data=csv data.path=february.csv --false-alarms-per-day 0.1

New healthy data take the place of those that were held back before; the file is replaced as a
whole, so keep the former one with -o if you may want to go back.
"""
CHECK = """\
examples:
  anomalib-ts check data=csv data.path=my.csv
  anomalib-ts check my.csv
"""


def command(name: str, arguments: list[str]) -> int:
    """Run one of the commands; the exit status."""
    return _COMMANDS[name](arguments)


def _alarm_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("alarms")
    group.add_argument(
        "--false-alarms-per-day", metavar="N", type=float, dest="per_day", help="on healthy data"
    )
    group.add_argument(
        "--false-alarm-rate",
        metavar="P",
        type=float,
        dest="rate",
        help="instead, the share of healthy points above the threshold",
    )
    group.add_argument(
        "--threshold", metavar="X", type=float, dest="value", help="instead, the threshold itself"
    )
    group.add_argument(
        "--method",
        choices=("pot", "gamma", "empirical"),
        help="how the threshold is found: peaks over threshold (pot), a gamma distribution, or "
        "what was seen",
    )
    group.add_argument(
        "--shortest", metavar="T", help="an alarm lasts at least so many points, or 5min (1)"
    )
    group.add_argument(
        "--merge", metavar="T", help="alarms at most so many points, or 5min, apart are one (0)"
    )
    group.add_argument(
        "--hysteresis",
        metavar="F",
        type=float,
        help="an alarm ends at this share of the way from the usual score to the threshold (1)",
    )


def _changes(options: argparse.Namespace, period: float | None) -> dict[str, Any]:
    """What the options say of a target; None for what they leave open."""
    from anomalib_ts.deploy.target import in_points  # noqa: PLC0415

    names = ("per_day", "rate", "value", "method", "hysteresis")
    found = {name: getattr(options, name) for name in names}
    for name in ("shortest", "merge"):
        text = getattr(options, name)
        found[name] = None if text is None else in_points(text, period, f"--{name}")
    return found


def _fit(arguments: list[str]) -> int:
    parser = command_parser(
        "fit", "Fit a detector, set its alarms, and write both to one file.", FIT
    )
    parser.add_argument(
        "settings", nargs="+", metavar="key=value", help="as for `run`, and model=FILE"
    )
    parser.add_argument(
        "--hold-back", metavar="F", type=float, default=0.2, help="share for the threshold (0.2)"
    )
    _alarm_options(parser)
    options = parser.parse_intermixed_args(arguments)
    from anomalib_ts.errors import ConfigError  # noqa: PLC0415

    if not 0 < options.hold_back < 1:
        raise ConfigError(f"--hold-back must lie in (0, 1), not {options.hold_back:g}")
    path, settings = _model_path(options.settings)
    from anomalib_ts.cli.hydra_app import composed_parts  # noqa: PLC0415

    parts = composed_parts(settings, ("data", "detector"))
    from anomalib_ts.core.console import log_to_terminal  # noqa: PLC0415
    from anomalib_ts.core.files import try_writing  # noqa: PLC0415
    from anomalib_ts.deploy.model import PlantModel  # noqa: PLC0415
    from anomalib_ts.settings.config import create  # noqa: PLC0415

    log_to_terminal()
    detector = create(parts["detector"], "detector")
    recordings = healthy_recordings([create(parts["data"], "data")])
    warn_of_labels(recordings)
    target = _first_target(options, recordings)
    try_writing(path.parent)  # what cannot be kept need not be fitted
    model = PlantModel.fit(
        detector,
        recordings,
        target,
        hold_back=options.hold_back,
        reading=_reading(parts["data"]),
    )
    model.save(path)
    say([f"{path}: {described(model)}", *alarms_described(model)])
    return 0


def _model_path(settings: Sequence[str]) -> tuple[Path, list[str]]:
    from anomalib_ts.errors import ConfigError  # noqa: PLC0415

    found = [text.partition("=")[2] for text in settings if text.startswith("model=")]
    if len(found) != 1 or not found[0]:
        raise ConfigError("say where the model goes, once: model=pump.ats")
    path = Path(found[0])
    if path.is_dir():
        raise ConfigError(f"the model cannot be written to {path}: that is a folder")
    return path, [text for text in settings if not text.startswith("model=")]


def _first_target(options: argparse.Namespace, recordings: Sequence[Recording]) -> AlarmTarget:
    """The target that options ask for; else one false alarm in ten days, or in 1,000 points."""
    from anomalib_ts.deploy.target import AlarmTarget, retargeted  # noqa: PLC0415

    period = recordings[0].sampling_period if recordings else None
    start = AlarmTarget(rate=0.001) if period is None else AlarmTarget(per_day=0.1)
    return retargeted(start, **_changes(options, period))


def _reading(data: dict[str, Any]) -> dict[str, Any]:
    """The settings that files of a user's own were read with, but for which these were."""
    if data["_target_"] != "anomalib_ts.data.CsvFile":
        return {}
    from anomalib_ts.deploy.model import READING  # noqa: PLC0415

    return {name: data[name] for name in READING if data.get(name) is not None}


def _threshold(arguments: list[str]) -> int:
    about = "Show or move the threshold of a model; nothing is fitted again."
    parser = command_parser("threshold", about, THRESHOLD)
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="HEALTHY",
        help="new healthy data to set it on in place of what was held back: files, folders, or "
        "settings of data",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="another file (the model itself)")
    _alarm_options(parser)
    options = parser.parse_intermixed_args(arguments)
    inputs = Inputs.of(options.inputs)
    from anomalib_ts.core.console import log_to_terminal  # noqa: PLC0415
    from anomalib_ts.deploy.model import PlantModel  # noqa: PLC0415
    from anomalib_ts.deploy.target import retargeted  # noqa: PLC0415

    log_to_terminal()
    model = former = PlantModel.load(options.model)
    changes = _changes(options, model.healthy.period)
    target = retargeted(model.target, **changes)
    if options.inputs:
        model = former.recalibrated(healthy_recordings(inputs.data_sets(former.reading)), target)
    elif any(value is not None for value in changes.values()):
        model = former.with_target(target)
    if model is former:
        say([f"{options.model}: {described(model)}", *alarms_described(model)])
        return 0
    path = model.save(options.output or options.model)
    say(
        [f"{path}: the threshold was {former.rule.threshold:.6g} and is {model.rule.threshold:.6g}"]
    )
    if options.inputs:
        say(recalibration_described(former, model))
    say(alarms_described(model))
    return 0


def _check(arguments: list[str]) -> int:
    parser = command_parser(
        "check", "Look at data before anything is fitted, and say what suits.", CHECK
    )
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="files, or settings of data")
    options = parser.parse_args(arguments)
    inputs = Inputs.of(options.inputs)
    from anomalib_ts.core.console import log_to_terminal  # noqa: PLC0415

    log_to_terminal()
    for data_set in inputs.data_sets({}):
        _say_findings(data_set)
    return 0


def _say_findings(data_set: DataSet) -> None:
    from anomalib_ts.deploy.inspection import advice, findings  # noqa: PLC0415

    for name in data_set.case_names():
        case = data_set.load(name)
        for recording in (*case.train, *case.test):
            found = findings(recording)
            say([facts(recording), *(f"  ! {one.text}" for one in found)])
        if not case.train:
            say(["  no training part: `run` takes the first 10 % (prefix), `fit` all of it"])
        say([f"  {line}" for line in advice(max((*case.train, *case.test), key=len))])


_COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "fit": _fit,
    "score": score,
    "threshold": _threshold,
    "check": _check,
    "export": export,
}
