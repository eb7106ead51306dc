"""`anomalib-ts fit`, `score`, `threshold`, `check`, `export`: a model that leaves the program.

Light as `main`: what is heavy is imported by the functions that need it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anomalib_ts.cli.export import export
from anomalib_ts.cli.plant_words import (
    alarms_described,
    counted,
    described,
    duration,
    facts,
    say,
)

if TYPE_CHECKING:
    from anomalib_ts.core.recording import Recording
    from anomalib_ts.data.base import DataSet
    from anomalib_ts.deploy.model import PlantModel
    from anomalib_ts.deploy.tables import ScoredRecording
    from anomalib_ts.deploy.target import AlarmTarget

MOSTLY = 0.5
"""In alarm for a larger share of the data, and what changed is more than a fault."""

ALARM_STATUS = 3
"""Exit status of `score --fail-on-alarm` where there was an alarm."""

FIT = """\
examples:
  anomalib-ts fit detector=iforest data=csv data.path=healthy.csv model=pump.ats
  anomalib-ts fit detector=iforest data=csv data.path=healthy.csv model=pump.ats \\
      --false-alarms-per-day 0.1 --shortest 3 --merge 10min

The last fifth of the data is held back: the detector is not fitted on it, and the threshold of
alarms is set on its scores.
"""
SCORE = """\
examples:
  anomalib-ts score pump.ats tomorrow.csv
  anomalib-ts score pump.ats data=csv data.path=tomorrow.csv --fail-on-alarm
  anomalib-ts score pump.ats days/ --output scores --format parquet
  anomalib-ts score pump.ats log.csv --follow
  tail -f log.csv | anomalib-ts score pump.ats -

exit status: 0 success; 2 a wrong call, or data that cannot be used; 3 with --fail-on-alarm, if
there was an alarm
"""
THRESHOLD = """\
examples:
  anomalib-ts threshold pump.ats                               what it is now
  anomalib-ts threshold pump.ats --false-alarms-per-day 0.1    moves it, without fitting again
"""


CHECK = """\
examples:
  anomalib-ts check data=csv data.path=my.csv
  anomalib-ts check my.csv
"""


def command(name: str, arguments: list[str]) -> int:
    """Run one of the commands; the exit status."""
    return _COMMANDS[name](arguments)


def _parser(name: str, about: str, examples: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        f"anomalib-ts {name}",
        description=about,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


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
    parser = _parser("fit", "Fit a detector, set its alarms, and write both to one file.", FIT)
    parser.add_argument(
        "settings", nargs="+", metavar="key=value", help="as for `run`, and model=FILE"
    )
    parser.add_argument(
        "--hold-back", metavar="F", type=float, default=0.2, help="share for the threshold (0.2)"
    )
    _alarm_options(parser)
    options = parser.parse_intermixed_args(arguments)
    path, settings = _model_path(options.settings)
    from anomalib_ts.cli.hydra_app import composed_parts  # noqa: PLC0415

    parts = composed_parts(settings, ("data", "detector"))
    from anomalib_ts.core.console import log_to_terminal  # noqa: PLC0415
    from anomalib_ts.deploy.model import PlantModel  # noqa: PLC0415
    from anomalib_ts.settings.config import create  # noqa: PLC0415

    log_to_terminal()
    recordings = _healthy(create(parts["data"], "data"))
    detector = create(parts["detector"], "detector")
    target = _first_target(options, recordings)
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
    return Path(found[0]), [text for text in settings if not text.startswith("model=")]


def _healthy(data_set: DataSet) -> list[Recording]:
    """What all cases of a data set train on: their training part, or all of them."""
    import warnings  # noqa: PLC0415

    from anomalib_ts.errors import AnomalibTsWarning  # noqa: PLC0415

    recordings: list[Recording] = []
    for name in data_set.case_names():
        case = data_set.load(name)
        recordings += case.train or case.test
    labelled = sum(int(recording.anomalous_points.sum()) for recording in recordings)
    if labelled:
        warnings.warn(
            f"{labelled} points of the data are labelled as anomalous; a model for alarms is "
            "fitted on healthy data, and a detector that learns without labels takes all for it",
            AnomalibTsWarning,
            stacklevel=2,
        )
    return recordings


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
    parser = _parser("threshold", about, THRESHOLD)
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("-o", "--output", metavar="FILE", help="another file (the model itself)")
    _alarm_options(parser)
    options = parser.parse_args(arguments)
    from anomalib_ts.core.console import log_to_terminal  # noqa: PLC0415
    from anomalib_ts.deploy.model import PlantModel  # noqa: PLC0415
    from anomalib_ts.deploy.target import retargeted  # noqa: PLC0415

    log_to_terminal()
    model = PlantModel.load(options.model)
    changes = _changes(options, model.healthy.period)
    if any(value is not None for value in changes.values()):
        before = model.rule.threshold
        model = model.with_target(retargeted(model.target, **changes))
        path = model.save(options.output or options.model)
        say([f"{path}: the threshold was {before:.6g} and is {model.rule.threshold:.6g}"])
    else:
        say([f"{options.model}: {described(model)}"])
    say(alarms_described(model))
    return 0


def _score(arguments: list[str]) -> int:
    parser = _parser("score", "Score data with a model, and raise alarms.", SCORE)
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="files, folders, settings of data (data=csv data.path=FILE), or - for standard input",
    )
    parser.add_argument("-o", "--output", metavar="DIR", default="scores", help="folder (scores)")
    parser.add_argument("--format", choices=("csv", "parquet"), default="csv", help="of the scores")
    parser.add_argument("--no-picture", action="store_true", help="draw none")
    parser.add_argument(
        "--fail-on-alarm", action="store_true", help="exit status 3 if there is one"
    )
    parser.add_argument("--follow", action="store_true", help="go on with what the file grows by")
    parser.add_argument(
        "--idle", metavar="S", type=float, help="with --follow, end after S seconds of nothing"
    )
    parser.add_argument(
        "--history",
        metavar="N",
        type=int,
        help="with - or --follow, points before a new one (1024)",
    )
    options = parser.parse_intermixed_args(arguments)
    if options.follow or "-" in options.inputs:
        return _score_live(options)
    return _score_files(options)


def _score_files(options: argparse.Namespace) -> int:
    settings = [text for text in options.inputs if "=" in text and not Path(text).exists()]
    paths = [text for text in options.inputs if text not in settings]
    parts: dict[str, Any] = {}
    if settings:
        from anomalib_ts.cli.hydra_app import composed_parts  # noqa: PLC0415

        chosen = any(text.startswith("data=") for text in settings)
        parts = composed_parts(settings if chosen else ["data=csv", *settings], ("data",))
    from anomalib_ts.core.console import log_to_terminal  # noqa: PLC0415
    from anomalib_ts.deploy.model import PlantModel  # noqa: PLC0415
    from anomalib_ts.settings.config import create  # noqa: PLC0415

    log_to_terminal()
    model = PlantModel.load(options.model)
    data_sets: list[DataSet] = [_file(path, model) for path in paths]
    if parts:
        data_sets.append(create(parts["data"], "data"))
    alarms = 0
    for data_set in data_sets:
        for name in data_set.case_names():
            scored = _scored(model, data_set.load(name).test)
            alarms += sum(len(part.alarms) for part in scored)
            _write(options, model, name, scored)
    return ALARM_STATUS if alarms and options.fail_on_alarm else 0


def _file(path: str, model: PlantModel) -> DataSet:
    """Files that are read as those of training were."""
    from anomalib_ts.settings.config import create_stored  # noqa: PLC0415

    data_set: DataSet = create_stored(
        {**model.reading, "_target_": "anomalib_ts.data.CsvFile", "path": path}, "data"
    )
    return data_set


def _scored(model: PlantModel, recordings: Sequence[Recording]) -> list[ScoredRecording]:
    from anomalib_ts.deploy.tables import ScoredRecording  # noqa: PLC0415

    found = []
    for recording in recordings:
        scores = model.score(recording)
        found.append(ScoredRecording(recording, scores, model.alarms(scores)))
    return found


def _write(
    options: argparse.Namespace, model: PlantModel, name: str, scored: list[ScoredRecording]
) -> None:
    from anomalib_ts.deploy.tables import alarm_rows, write_tables  # noqa: PLC0415

    folder = Path(options.output)
    write_tables(folder, name, scored, options.format)
    rows = alarm_rows(scored)
    if not options.no_picture:
        from anomalib_ts.deploy.picture import draw_scored  # noqa: PLC0415

        title = f"{name}: {counted(len(rows), 'alarm')}"
        draw_scored(folder / f"{name}.png", scored, model.rule.threshold, title)
    points = sum(len(part.scores) for part in scored)
    say([f"{name}: {points:,} points, {counted(len(rows), 'alarm')} -> {folder}/{name}.*"])
    if sum(row["points"] for row in rows) > MOSTLY * points:
        import logging  # noqa: PLC0415

        logging.getLogger(__name__).warning(
            "warning: %s is in alarm most of the time: the plant is not as it was in training. If "
            "it is healthy, fit a model on newer data",
            name,
        )
    for row in rows:
        lasted = f"{row['points']} points" if row["seconds"] is None else duration(row["seconds"])
        peak = f"peak {row['peak_score']:.4g} at {row['peak']}"
        say([f"  {row['start']} to {row['end']} ({lasted}), {peak}"])


def _score_live(options: argparse.Namespace) -> int:
    from anomalib_ts.core.console import log_to_terminal  # noqa: PLC0415
    from anomalib_ts.deploy import live  # noqa: PLC0415
    from anomalib_ts.deploy.model import PlantModel  # noqa: PLC0415
    from anomalib_ts.errors import ConfigError  # noqa: PLC0415

    log_to_terminal()
    if len(options.inputs) != 1:
        raise ConfigError("with - or --follow, give that one input")
    model = PlantModel.load(options.model)
    layout = {
        name: model.reading[name] for name in ("delimiter", "decimal") if name in model.reading
    }
    history = live.HISTORY if options.history is None else options.history
    scorer = live.LiveScorer(model, history, **layout)
    (source,) = options.inputs
    if source == "-":
        blocks = live.blocks_of_pipe(sys.stdin.fileno())
    else:
        blocks = live.blocks_of_file(Path(source), options.idle, scorer.restart)
    say(["time,score,alarm"])
    for lines in blocks:
        say([f"{when},{score!r},{alarm}" for when, score, alarm in scorer.push(lines)])
        sys.stdout.flush()
    return ALARM_STATUS if scorer.alarms.count and options.fail_on_alarm else 0


def _check(arguments: list[str]) -> int:
    parser = _parser("check", "Look at data before anything is fitted, and say what suits.", CHECK)
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="a file, or settings of data")
    options = parser.parse_args(arguments)
    from anomalib_ts.cli.hydra_app import composed_parts  # noqa: PLC0415

    settings = [text if "=" in text else f"data.path={text}" for text in options.inputs]
    chosen = any(text.startswith("data=") for text in settings)
    parts = composed_parts(settings if chosen else ["data=csv", *settings], ("data",))
    from anomalib_ts.core.console import log_to_terminal  # noqa: PLC0415
    from anomalib_ts.deploy.inspection import advice, findings  # noqa: PLC0415
    from anomalib_ts.settings.config import create  # noqa: PLC0415

    log_to_terminal()
    data_set: DataSet = create(parts["data"], "data")
    for name in data_set.case_names():
        case = data_set.load(name)
        for recording in (*case.train, *case.test):
            found = findings(recording)
            say([facts(recording), *(f"  ! {one.text}" for one in found)])
        if not case.train:
            say(["  no training part: `run` takes the first 10 % (prefix), `fit` all of it"])
        say([f"  {line}" for line in advice(max((*case.train, *case.test), key=len))])
    return 0


_COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "fit": _fit,
    "score": _score,
    "threshold": _threshold,
    "check": _check,
    "export": export,
}
