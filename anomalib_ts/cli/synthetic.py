"""`anomalib-ts synth` and `judge`, for generated tables: what `main` needs of them.

Light as `main`: what is heavy is imported by the functions that need it.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    _Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

SYNTH_HELP = """\
usage: anomalib-ts synth [key=value ...]

Train a judge on NSL-KDD's rows, let a generator make rows, and say how good they are. Every
combination of key=a,b,c is run, stored and not run again.

  key=value     change any setting of conf/synth.yaml; `anomalib-ts list judge`, `list image` and
                `list generator` show the choices

examples:
  anomalib-ts synth root=DIR
  anomalib-ts synth root=DIR image=atan8,log_atan8 generator=wgan_gp,gaussian seed=0,1,2
  anomalib-ts synth root=DIR experiment=nids_tables results=tables

exit status: 0 if every unit is ok, 1 if any failed, 2 for a wrong setting or data that is not there
"""


def add_synth(commands: _Commands) -> None:
    """List `synth` among the commands; its arguments are settings, which `synth` reads."""
    commands.add_parser(
        "synth", help="how good are generated intrusion data (NSL-KDD)", add_help=False
    )


def add_judge(commands: _Commands) -> None:
    """The command `judge`."""
    parser = commands.add_parser("judge", help="how good is a generated table, beside real ones")
    for name, what in (
        ("--train", "table that the generator learnt from (CSV with a header)"),
        ("--real", "real rows that it has not seen"),
        ("--fake", "the rows that it made"),
        ("--label", "column of the label"),
    ):
        metavar = "COLUMN" if name == "--label" else "FILE"
        parser.add_argument(name, required=True, metavar=metavar, help=what)
    parser.add_argument("-o", "--output", metavar="FILE", help="also write a page: judge.html")
    parser.add_argument("--draws", type=int, default=5, help="of samples, at least 2 (5)")
    parser.add_argument("--rows", type=int, default=1000, help="in a sample, at most (1000)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (0)")
    parser.set_defaults(command=_judge)


def synth(arguments: list[str]) -> int:
    """Run `synth` with its arguments, or show its help."""
    if {"-h", "--help"} & set(arguments):
        sys.stdout.write(SYNTH_HELP)
        return 0
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read once, when torch is imported
    from anomalib_ts.cli.synth import SYNTH  # noqa: PLC0415

    return SYNTH([argument for argument in arguments if argument not in ("-m", "--multirun")])


def _judge(options: argparse.Namespace) -> int:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read once, when torch is imported
    from anomalib_ts.cli.judge_tables import run  # noqa: PLC0415

    return run(options)
