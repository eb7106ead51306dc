"""What can be chosen: detectors, data sets, protocols, ... of this package and of plug-ins.

A choice is a YAML file in a folder of `conf/`; its first comment describes it. Installed
packages add choices through entry points:

* group `anomalib_ts.conf`: a package whose folders (`detector/`, `data/`, ...) hold such files;
* group `anomalib_ts.detectors` or `anomalib_ts.data`: a class. Its settings and their defaults
  are then read off its constructor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

GROUPS = {
    "detector": "Detectors",
    "data": "Data sets",
    "protocol": "Protocols",
    "metrics": "Metrics",
    "threshold": "Thresholds",
    "trainer": "Training schedules",
    "figure": "Figures",
    "experiment": "Experiments",
}
CONF_ENTRY_POINTS = "anomalib_ts.conf"
CLASS_ENTRY_POINTS = {"detector": "anomalib_ts.detectors", "data": "anomalib_ts.data"}


@dataclass(frozen=True)
class Choice:
    """One entry of a config group.

    Attributes:
        name: what follows `detector=` on the command line.
        description: one line for `anomalib-ts list`.
        origin: the distribution that brings it; empty for this package.
        entry_point: the class, where the choice has no YAML file.
    """

    name: str
    description: str
    origin: str = ""
    entry_point: metadata.EntryPoint | None = None


def config_folder() -> Path:
    """The folder `conf/`: inside an installed package, beside the package in a checkout."""
    package = Path(__file__).parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def plugin_config_packages() -> list[tuple[str, str]]:
    """`(package, distribution)` of each installed plug-in that brings config files."""
    found = metadata.entry_points(group=CONF_ENTRY_POINTS)
    return [(point.value, _origin(point)) for point in found]


def choices(group: str) -> dict[str, Choice]:
    """All choices of a config group by name, without importing any of them."""
    found = {choice.name: choice for choice in _class_choices(group)}
    for folder, origin in _folders():
        for path in sorted((folder / group).glob("*.yaml")):
            found[path.stem] = Choice(path.stem, _description(path), origin)
    return dict(sorted(found.items()))


def _class_choices(group: str) -> Iterator[Choice]:
    if group not in CLASS_ENTRY_POINTS:
        return
    for point in metadata.entry_points(group=CLASS_ENTRY_POINTS[group]):
        yield Choice(point.name, point.value.replace(":", "."), _origin(point), point)


def _folders() -> Iterator[tuple[Path, str]]:
    yield config_folder(), ""
    for package, origin in plugin_config_packages():
        spec = find_spec(package)
        for place in (spec.submodule_search_locations or []) if spec else []:
            yield Path(place), origin


def _origin(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"


def _description(path: Path) -> str:
    """The first comment of the file that is no directive (`# @package ...`) to Hydra."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @"):
            return line.removeprefix("#").strip()
    return ""
