"""`anomalib-ts synth` and `sparseness`, whose units are stored: what `main` needs of them.

Light as `main`: what is heavy is imported by the functions that need it.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    _Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

_SYNTH = """\
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

_SPARSENESS = """\
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


class _Words(NamedTuple):
    about: str
    help: str


UNIT_COMMANDS = {
    "synth": _Words("how good are generated intrusion data (NSL-KDD)", _SYNTH),
    "sparseness": _Words("do a classifier's layers tell attacked images", _SPARSENESS),
}
"""Each is `COMMAND` of the module of its name, a `UnitCommand`."""


def add_unit_command(name: str, commands: _Commands) -> None:
    """List one among the commands; its arguments are settings, which it reads itself."""
    commands.add_parser(name, help=UNIT_COMMANDS[name].about, add_help=False)


def unit_command(name: str, arguments: list[str]) -> int:
    """Run one with its arguments, or show its help."""
    if {"-h", "--help"} & set(arguments):
        sys.stdout.write(UNIT_COMMANDS[name].help)
        return 0
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read once, when torch is imported
    run = import_module(f"anomalib_ts.cli.{name}").COMMAND
    return int(run([one for one in arguments if one not in ("-m", "--multirun")]))
