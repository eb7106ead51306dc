"""`anomalib-ts judge`: what `main` needs of it. Light as `main` is."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    _Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]


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
    parser.add_argument(
        "--rows", type=int, default=1000, help="in a sample, at most (1000); at least 20"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (0)")
    parser.set_defaults(command=_judge)


def _judge(options: argparse.Namespace) -> int:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read once, when torch is imported
    from anomalib_ts.cli.judge_tables import run  # noqa: PLC0415

    return run(options)
