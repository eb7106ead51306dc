"""What can be chosen: detectors, data sets, protocols, ... of this package and of plug-ins.

A choice is a YAML file in a folder of `conf/`; its first comment describes it. Installed
packages add choices through entry points:

* group `anomalib_ts.conf`: a package whose folders (`detector/`, `data/`, ...) hold such files;
* group `anomalib_ts.detectors` or `anomalib_ts.data`: a class. Its settings and their defaults
  are then read off its constructor.

What a plug-in brings that cannot be used is left out with one warning, and all else works.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

log = logging.getLogger(__name__)

GROUPS = {
    "detector": "Detectors",
    "detector/representation": "What detector=memory compares windows by",
    "detector/scorer": "How detector=memory compares them",
    "data": "Data sets",
    "protocol": "Protocols",
    "metrics": "Metrics",
    "threshold": "Thresholds",
    "attack": "Attacks on detectors",
    "trainer": "Training schedules",
    "logger": "Loggers of training",
    "callbacks": "Callbacks of training",
    "baselines": "Baselines",
    "data/audio": "How sounds are read",
    "data/spectrogram": "Spectrograms",
    "figure": "Figures",
    "judge": "Judges of generated tables (synth)",
    "image": "Images of rows (synth)",
    "generator": "Generators of rows (synth)",
    "classifier": "Classifiers of images (sparseness)",
    "experiment": "Experiments",
    "experiment/method": "Methods as a published table has them",
    "hydra/launcher": "Launchers of multiruns",
    "hydra/sweeper": "Sweepers",
}
"""The config groups, by what stands before the `=` on the command line."""
CONF_ENTRY_POINTS = "anomalib_ts.conf"
CLASS_ENTRY_POINTS = {"detector": "anomalib_ts.detectors", "data": "anomalib_ts.data"}


@dataclass(frozen=True)
class Choice:
    """One entry of a config group.

    Attributes:
        name: what follows `detector=` on the command line.
        description: one line for `anomalib-ts list`.
        origin: the distribution that brings it; empty for this package.
        target: the dotted path of the class, where the choice has no YAML file.
        path: the YAML file, where it has one.
    """

    name: str
    description: str
    origin: str = ""
    target: str = ""
    path: Path | None = None


def config_folder() -> Path:
    """The folder `conf/`: inside an installed package, beside the package in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def plugin_config_packages() -> list[tuple[str, str]]:
    """`(package, distribution)` of each installed plug-in that brings config files."""
    return [(package, origin) for package, origin, _ in _config_packages()]


def choices(group: str) -> dict[str, Choice]:
    """All choices of a config group by name, without importing any of them.

    Of two with one name, this package's comes first, then the first plug-in's.
    """
    found: dict[str, Choice] = {}
    for choice in (*_file_choices(group), *_class_choices(group)):
        if choice.name not in found:
            found[choice.name] = choice
        else:
            _warn(
                f"{group} {choice.name}",
                choice.origin,
                f"the name is taken by {found[choice.name].origin or 'anomalib_ts'}",
            )
    return dict(sorted(found.items()))


def _file_choices(group: str) -> Iterator[Choice]:
    for folder, origin in _folders():
        for path in sorted((folder / group).glob("*.yaml")):
            yield Choice(path.stem, _description(path), origin, path=path)


def _class_choices(group: str) -> Iterator[Choice]:
    points = _entry_points(CLASS_ENTRY_POINTS[group]) if group in CLASS_ENTRY_POINTS else []
    for point in points:
        target = point.value.partition("[")[0].strip().replace(":", ".")
        if (description := _class_description(target, point.name, _origin(point))) is not None:
            yield Choice(point.name, description, _origin(point), target)


def _entry_points(group: str) -> Iterable[metadata.EntryPoint]:
    """Entry points of a group, each once, though its distribution may be found twice."""
    found = metadata.entry_points(group=group)
    return list({(point.name, point.value, _origin(point)): point for point in found}.values())


@cache
def _class_description(target: str, name: str, origin: str) -> str | None:
    """The first line of a class's docstring; None if the class cannot be used."""
    from anomalib_ts.settings.signatures import check_imports, signature_of  # noqa: PLC0415

    try:
        check_imports(target)
        doc = signature_of(target).doc
    except (Exception, SystemExit) as error:
        _warn(name, origin, " ".join(str(error).split()) or repr(error))
        return None
    return doc.strip().partition("\n")[0]


def _folders() -> Iterator[tuple[Path, str]]:
    yield config_folder(), ""
    for _, origin, places in _config_packages():
        for place in places:
            yield Path(place), origin


@cache
def _config_packages() -> list[tuple[str, str, list[str]]]:
    """Package, distribution and folders of the config packages that can be found."""
    found = []
    for point in _entry_points(CONF_ENTRY_POINTS):
        try:
            spec = find_spec(point.value)
        except (Exception, SystemExit) as error:
            _warn(point.name, _origin(point), " ".join(str(error).split()) or repr(error))
            continue
        places = list(spec.submodule_search_locations or []) if spec else []
        if places:
            found.append((point.value, _origin(point), places))
        else:
            _warn(point.name, _origin(point), f"there is no package {point.value}")
    return found


@cache
def _warn(what: str, origin: str, why: str) -> None:
    """Say once a process what is left out."""
    log.warning("plug-in %s (%s) is left out: %s", what, origin or "anomalib_ts", why)


def _origin(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"


def _description(path: Path) -> str:
    """The first comment of the file that is no directive (`# @package ...`) to Hydra."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        return f"cannot be read: {error}"
    for line in lines:
        if not line.startswith("#"):
            break
        if not line.startswith("# @"):
            return line.removeprefix("#").strip()
    return ""
