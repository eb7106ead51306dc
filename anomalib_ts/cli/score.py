"""`anomalib-ts score`: data scored with a model, in files or as they come.

Light as `main`: what is heavy is imported by the functions that need it.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from anomalib_ts.cli.plant_inputs import Inputs
from anomalib_ts.cli.plant_words import MOSTLY, command_parser, counted, duration, say

if TYPE_CHECKING:
    from anomalib_ts.core.recording import Recording
    from anomalib_ts.deploy.live import LivePoint
    from anomalib_ts.deploy.model import PlantModel
    from anomalib_ts.deploy.tables import ScoredRecording

ALARM_STATUS = 3
"""Exit status of `score --fail-on-alarm` where there was an alarm."""

EXAMPLES = """\
examples:
  anomalib-ts score pump.ats tomorrow.csv
  anomalib-ts score pump.ats data=csv data.path=tomorrow.csv --fail-on-alarm
  anomalib-ts score pump.ats days/ --output scores --format parquet
  anomalib-ts score pump.ats log.csv --follow
  tail -f log.csv | anomalib-ts score pump.ats -

exit status: 0 success; 2 a wrong call, or data that cannot be used; 3 with --fail-on-alarm, if
there was an alarm
"""


def score(arguments: list[str]) -> int:
    """Run the command; the exit status."""
    parser = command_parser("score", "Score data with a model, and raise alarms.", EXAMPLES)
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
    parser.add_argument(
        "--follow", action="store_true", help="go on with what the file grows by, until Ctrl-C"
    )
    parser.add_argument(
        "--idle", metavar="S", type=float, help="with --follow, end after S seconds of nothing"
    )
    parser.add_argument(
        "--history",
        metavar="N",
        type=int,
        help="with - or --follow, score new points at once, with N before them, rather than when "
        "no later one can change the score",
    )
    options = parser.parse_intermixed_args(arguments)
    if options.follow or "-" in options.inputs:
        return _score_live(options)
    return _score_files(options)


def _score_files(options: argparse.Namespace) -> int:
    inputs = Inputs.of(options.inputs)
    from anomalib_ts.core.console import log_to_terminal  # noqa: PLC0415
    from anomalib_ts.deploy.model import PlantModel  # noqa: PLC0415

    log_to_terminal()
    model = PlantModel.load(options.model)
    alarms = 0
    cases = [(one, name) for one in inputs.data_sets(model.reading) for name in one.case_names()]
    _check_names([name for _, name in cases])
    for data_set, name in cases:
        scored = _scored(model, data_set.load(name).test)
        alarms += sum(len(part.alarms) for part in scored)
        _write(options, model, name, scored)
    return ALARM_STATUS if alarms and options.fail_on_alarm else 0


def _check_names(names: list[str]) -> None:
    """Results are files of these names."""
    from anomalib_ts.errors import ConfigError  # noqa: PLC0415

    for name, count in Counter(names).most_common(1):
        if count > 1:
            raise ConfigError(
                f"{count} inputs are called {name}, and the results of one would replace those of "
                "another; score them one after another, each with an --output of its own"
            )


def _scored(model: PlantModel, recordings: Sequence[Recording]) -> list[ScoredRecording]:
    from anomalib_ts.deploy.tables import ScoredRecording  # noqa: PLC0415

    found = []
    for recording in recordings:
        scores = model.score(recording)
        alarms = model.alarms(scores)
        blamed = model.blamed(recording, alarms)
        found.append(ScoredRecording(recording, scores, alarms, blamed))
    return found


def _write(
    options: argparse.Namespace, model: PlantModel, name: str, scored: list[ScoredRecording]
) -> None:
    from anomalib_ts.deploy.tables import alarm_rows, shares_as_text, write_tables  # noqa: PLC0415

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
        logging.getLogger(__name__).warning(
            "warning: %s is in alarm most of the time: the plant is not as it was in training. If "
            "it is healthy, fit a model on newer data",
            name,
        )
    for row in rows:
        seconds = row["seconds"]
        lasted = counted(row["points"], "point") if seconds is None else duration(seconds)
        peak = f"peak {row['peak_score']:.4g} at {row['peak']}"
        blamed = f": {shares_as_text(row['channels'])}" if row["channels"] else ""
        say([f"  {row['start']} to {row['end']} ({lasted}), {peak}{blamed}"])


def _score_live(options: argparse.Namespace) -> int:
    from anomalib_ts.core.console import log_to_terminal  # noqa: PLC0415
    from anomalib_ts.deploy import live  # noqa: PLC0415
    from anomalib_ts.deploy.model import PlantModel  # noqa: PLC0415
    from anomalib_ts.errors import ConfigError  # noqa: PLC0415

    log_to_terminal()
    if len(options.inputs) != 1:
        raise ConfigError("with - or --follow, give that one input")
    if options.history is not None and options.history < 0:
        raise ConfigError(f"--history must be at least 0, not {options.history}")
    if options.idle is not None and not options.idle >= 0:
        raise ConfigError(f"--idle must be at least 0, not {options.idle:g}")
    model = PlantModel.load(options.model)
    layout = {
        name: model.reading[name] for name in ("delimiter", "decimal") if name in model.reading
    }
    scorer = live.LiveScorer(model, options.history, **layout)
    if scorer.delay:
        logging.getLogger(__name__).info(
            "scores come %s late, when no later point can change them; --history 1024 gives "
            "preliminary ones at once",
            counted(scorer.delay, "point"),
        )
    (source,) = options.inputs
    if source == "-":
        blocks = live.blocks_of_pipe(sys.stdin.fileno())
    else:
        blocks = live.blocks_of_file(Path(source), options.idle, scorer.restart)
    say(["time,score,alarm" + ",channels" * scorer.blames])
    for lines in blocks:
        _say_points(scorer.push(lines), scorer.blames)
    _say_points(scorer.finish(), scorer.blames)
    return ALARM_STATUS if scorer.alarms.count and options.fail_on_alarm else 0


def _say_points(found: Sequence[LivePoint], blames: bool) -> None:
    from anomalib_ts.core.cells import csv_text  # noqa: PLC0415
    from anomalib_ts.deploy.tables import shares_as_text  # noqa: PLC0415

    rows = [
        (point.time, repr(point.score), point.alarm, *[shares_as_text(point.channels)] * blames)
        for point in found
    ]
    sys.stdout.write(csv_text(rows))
    sys.stdout.flush()
