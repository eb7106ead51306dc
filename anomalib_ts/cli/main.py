"""The command `anomalib-ts`. Each subcommand imports only what it needs, when it is called."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, TypeAlias

from anomalib_ts.cli.judge import add_judge
from anomalib_ts.cli.new import add_new
from anomalib_ts.cli.results_commands import (
    add_clips,
    add_evaluate,
    add_leaderboard,
    add_list,
    add_report,
    add_reproduce,
    add_scores,
)
from anomalib_ts.cli.unit_commands import UNIT_COMMANDS, add_unit_command, unit_command

if TYPE_CHECKING:
    _Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

DESCRIPTION = "Anomaly detection for time series and machine sounds."
EPILOG = """\
examples:
  anomalib-ts run                                   the demonstration, under a minute
  anomalib-ts run detector=iforest data=csv data.path=my.csv
  anomalib-ts run -m detector=fastflow1d,iforest seed=0,1,2 results=my_results
  anomalib-ts leaderboard my_results --format csv
  anomalib-ts fit detector=iforest data=csv data.path=healthy.csv model=pump.ats
  anomalib-ts score pump.ats tomorrow.csv --fail-on-alarm

exit status: 0 success; 1 a unit (a detector on a case) failed, the others are stored; 2 a wrong
call or setting, or data that is not there; 130 interrupted, and what had finished is stored
"""
RUN_HELP = """\
usage: anomalib-ts run [-m] [key=value ...]

Run a detector on a data set, store the results and print them as a table.

  key=value     change any setting of conf/config.yaml; `anomalib-ts list` shows the choices,
                `anomalib-ts list detector usad` the settings of one of them
  -m            multirun: key=a,b,c runs every combination
  --cfg job     show the configuration instead of running it
  --hydra-help  Hydra's own options

examples:
  anomalib-ts run
  anomalib-ts run detector=iforest data=tsb_uad data.root=DIR data.dataset=Dodgers protocol=whole
  anomalib-ts run -m detector=fastflow1d,iforest seed=0,1,2,3,4 results=my_results

exit status: 0 if every unit is ok, also those stored before; 1 if any failed; 2 for a wrong
setting or data that is not there; 130 if interrupted
"""
PLANT = {
    "fit": "fit a detector and its alarms, and write them to one file",
    "score": "score data with such a file, and raise alarms",
    "check": "look at data before anything is fitted: gaps, odd channels, what to choose",
    "threshold": "show or move the threshold of such a file, without fitting again",
    "export": "write the detector of such a file as an ONNX graph",
}
"""The commands of `anomalib_ts.cli.plant`, which mix options and settings in any order."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the exit status is 0 for success, 1 for failed work, 2 for a wrong call."""
    given = sys.argv[1:] if arguments is None else arguments
    from anomalib_ts.core.streams import prepare_streams, printable, silence_output  # noqa: PLC0415
    from anomalib_ts.errors import AnomalibTsError  # noqa: PLC0415

    prepare_streams()
    os.environ["MPLBACKEND"] = "agg"  # pictures are files here, also where a notebook called us
    try:
        status = _command(given)
        sys.stdout.flush()
    except AnomalibTsError as error:
        sys.stderr.write(f"anomalib-ts: {printable(str(error))}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\nanomalib-ts: interrupted. Finished results are stored; the same ")
        sys.stderr.write("command goes on where this one stopped.\n")
        return 130
    except BrokenPipeError:  # whoever read it has gone away
        silence_output()
        return 0
    except OSError as error:  # a file or folder that was named
        sys.stderr.write(f"anomalib-ts: {printable(_described(error))}\n")
        return 2
    return status


def _described(error: OSError) -> str:
    path = error.filename2 or error.filename
    return f"{path}: {error.strerror}" if path and error.strerror else str(error)


def _command(given: list[str]) -> int:
    if given[:1] == ["run"]:
        return _run(given[1:])
    if given[:1] and given[0] in PLANT:
        from anomalib_ts.cli.plant import command  # noqa: PLC0415

        return command(given[0], given[1:])
    if given[:1] and given[0] in UNIT_COMMANDS:
        return unit_command(given[0], given[1:])
    options = _parser().parse_args(given)
    return int(options.command(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "anomalib-ts",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = metadata.version("anomalib-ts")
    parser.add_argument("--version", action="version", version=f"anomalib-ts {version}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    commands.add_parser("run", help="run a detector on a data set", add_help=False)
    for name, about in PLANT.items():
        commands.add_parser(name, help=about, add_help=False)
    for add in (
        add_list,
        add_new,
        add_leaderboard,
        add_report,
        add_clips,
        add_scores,
        add_reproduce,
        add_evaluate,
        partial(add_unit_command, "synth"),
        add_judge,
        partial(add_unit_command, "sparseness"),
    ):
        add(commands)
    return parser


def _run(arguments: list[str]) -> int:
    if {"-h", "--help"} & set(arguments):
        sys.stdout.write(RUN_HELP)
        return 0
    from anomalib_ts.cli.hydra_app import run  # noqa: PLC0415

    return run(arguments)
