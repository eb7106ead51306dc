"""`anomalib-ts sparseness`: what `main` needs of it. Light as `main` is."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    _Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

SPARSENESS_HELP = """\
usage: anomalib-ts sparseness [key=value ...]

Train a classifier of images, change what it has not seen by FGSM and by noise of the same size, and
say whether the sparseness of its layers tells. Every combination of key=a,b,c is run, stored and
not run again.

  key=value     change any setting of conf/sparseness.yaml; `anomalib-ts list classifier` shows the
                choices

examples:
  anomalib-ts sparseness
  anomalib-ts sparseness experiment=psi_digits results=psi
  anomalib-ts sparseness root=DIR side=32 classifier=alexnet,vgg11 classifier.epochs=10 seed=0,1,2

exit status: 0 if every unit is ok, 1 if any failed, 2 for a wrong setting or images that are not
there
"""


def add_sparseness(commands: _Commands) -> None:
    """List `sparseness` among the commands; its arguments are settings, which it reads itself."""
    commands.add_parser(
        "sparseness", help="do a classifier's layers tell attacked images", add_help=False
    )


def sparseness(arguments: list[str]) -> int:
    """Run `sparseness` with its arguments, or show its help."""
    if {"-h", "--help"} & set(arguments):
        sys.stdout.write(SPARSENESS_HELP)
        return 0
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read once, when torch is imported
    from anomalib_ts.cli.sparseness import SPARSENESS  # noqa: PLC0415

    return SPARSENESS([argument for argument in arguments if argument not in ("-m", "--multirun")])
