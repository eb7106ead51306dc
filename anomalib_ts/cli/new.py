"""`anomalib-ts new`: the files of a plug-in package to start from.

Light as `main`: what is written are the templates beside this file, with names put in.
"""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

    _Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

TEMPLATES = Path(__file__).with_name("templates")
"""A folder for each kind and `common`; paths have `PACKAGE` and `NAME`, and end in `.in`."""

GROUPS = {"detector": "detector", "dataset": "data"}
"""The config group of each kind of plug-in."""

_NAME = re.compile(r"[a-z](_?[a-z0-9])*")
_NOT_TEXT = ("null", "true", "false", "nan", "inf")  # what Hydra reads them as


def add_new(commands: _Commands) -> None:
    """Add the command to those of `anomalib-ts`."""
    parser = commands.add_parser("new", help="start a plug-in package: a detector or a data set")
    parser.add_argument("kind", choices=tuple(GROUPS))
    parser.add_argument("name", metavar="NAME", help="what follows detector= or data=: my_pump")
    parser.set_defaults(command=_new)


def _new(options: argparse.Namespace) -> int:
    folder = write_package(options.kind, options.name, Path())
    choice = f"{GROUPS[options.kind]}={options.name}"
    sys.stdout.write(
        f"{folder}: a package with {choice}, its tests and a README\n"
        f'  cd {folder} && pip install -e ".[dev]" && pytest && anomalib-ts run {choice}\n'
    )
    return 0


def write_package(kind: str, name: str, where: Path) -> Path:
    """Write a plug-in package into a new folder.

    Args:
        kind: a key of `GROUPS`.
        name: of the choice, such as `my_pump`; the class is then `MyPump`, the package
            `anomalib_ts_my_pump`.
        where: the folder that the package's folder is made in.

    Returns:
        The package's folder, `anomalib-ts-my-pump`.

    Raises:
        ConfigError: the name cannot be one, or is taken, or the folder is there.
        AnomalibTsError: a file cannot be written.
    """
    from anomalib_ts.errors import AnomalibTsError, ConfigError  # noqa: PLC0415

    class_name = "".join(part.capitalize() for part in name.split("_"))
    _check_name(kind, name, class_name)
    names = {
        "name": name,
        "choice": f"{GROUPS[kind]}={name}",
        "class_name": class_name,
        "package": f"anomalib_ts_{name}",
        "distribution": f"anomalib-ts-{name.replace('_', '-')}",
    }
    folder = where / names["distribution"]
    try:
        folder.mkdir()
        for source in (TEMPLATES / "common", TEMPLATES / kind):
            for template in sorted(source.rglob("*.in")):
                text = Template(template.read_text(encoding="utf-8")).substitute(names)
                place = str(template.relative_to(source).with_suffix(""))
                path = folder / place.replace("PACKAGE", names["package"]).replace("NAME", name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    except FileExistsError:
        raise ConfigError(f"{folder} is there already; choose another name, or move it") from None
    except OSError as error:
        raise AnomalibTsError(f"cannot write {folder}: {error}") from error
    return folder


def _check_name(kind: str, name: str, class_name: str) -> None:
    import anomalib_ts  # noqa: PLC0415
    from anomalib_ts.errors import ConfigError  # noqa: PLC0415
    from anomalib_ts.settings.registry import choices  # noqa: PLC0415

    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name in _NOT_TEXT:
        raise ConfigError(
            f"{name!r} cannot be the name of a {kind}; write a name in small letters, digits and "
            "single underscores, such as my_pump, that is no word of Python's or Hydra's"
        )
    group = GROUPS[kind]
    if taken := choices(group).get(name):
        raise ConfigError(f"{group}={name} is there already, in {taken.origin or 'anomalib-ts'}")
    if class_name in anomalib_ts.__all__:
        raise ConfigError(f"{name!r} would be the class {class_name}, which anomalib_ts has")
