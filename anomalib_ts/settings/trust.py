"""Which class a `_target_` may name.

Importing a module runs it, so a name is judged before anything of it is imported. It may be of

* this package, or a package that an installed plug-in's entry points name;
* a module that the environment variable `ANOMALIB_TS_ALLOW` lists (`my_module,other.package`);
* a module that this program has imported itself;
* Lightning and Hydra, for their loggers and callbacks in the places that are for these, and
  scikit-learn and PyOD for their outlier detectors in the one for those;
* and, where the user named it (on the command line, or in a configuration given to `job_of`), a
  module of the user's own: one that is found neither among installed packages nor in Python's
  library.

A record or a results folder may come from anybody, so the last of these is not for the settings
that stand in them. In all cases the class must also be of the kind that its place asks for.

A file that runs code when it is opened (a TorchScript network) is another matter: nothing tells
whether the user named it or a record did, and it may change. `ANOMALIB_TS_ALLOW` must list its
digest (`sha256:` and 64 hex digits).
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

from anomalib_ts.errors import ConfigError, UntrustedError
from anomalib_ts.settings.fields import constructor_hints
from anomalib_ts.settings.registry import CLASS_ENTRY_POINTS, CONF_ENTRY_POINTS
from anomalib_ts.settings.signatures import import_class

ALLOW = "ANOMALIB_TS_ALLOW"
"""Environment variable: by commas, modules whose classes may be named anywhere, and digests."""
KINDS = {
    "detector": "anomalib_ts.detectors.base.Detector",
    "data": "anomalib_ts.data.base.DataSet",
    "protocol": "anomalib_ts.protocols.base.Protocol",
    "threshold": "anomalib_ts.evaluation.thresholds.Threshold",
    "metrics": "anomalib_ts.evaluation.judge.Evaluation",
    "attack": "anomalib_ts.robustness.attack.Attack",
    "classifier": "anomalib_ts.robustness.classifiers.classifier.Classifier",
    "limits": "anomalib_ts.run.limits.Limits",
    "trainer": "anomalib_ts.detectors.deep.training.TrainerSettings",
    "judge": "anomalib_ts.synthetic.judges.judge.Judge",
    "image": "anomalib_ts.synthetic.tables.row_images.ImageSettings",
    "generator": "anomalib_ts.synthetic.generators.base.Generator",
    "figure": "anomalib_ts.views.figures.base.StudyFigure",
    "logger": "pytorch_lightning.loggers.Logger",
    "callback": "pytorch_lightning.callbacks.Callback",
    "estimator": "anomalib_ts.detectors.classical.estimator.OutlierEstimator",
    "hydra callback": "hydra.experimental.callback.Callback",
}
"""The class that settings of each part of a configuration make an instance of."""

OF_LIBRARIES = {
    "logger": ("pytorch_lightning",),
    "callback": ("pytorch_lightning",),
    "estimator": ("sklearn", "pyod.models"),
    "hydra callback": ("hydra.experimental",),
}
"""Parts for which a library's own classes may be named too."""

NOT_OF_LIBRARIES = ("pyod.models.embedding",)
"""Modules of these that are not meant: it fetches models to embed texts and images with."""

Kind = tuple[type, ...]
_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
_typed: set[str] = set()
_in_worker = False


def check_origin(path: str, where: str, *, typed: bool, part: str = "") -> None:
    """Refuse a class whose module may not be imported; nothing is imported to tell.

    Args:
        path: of the class, dotted.
        where: what messages call its settings.
        typed: whether the user named it here and now. The module is then good for the rest of
            the process, so that what was checked can be created.
        part: what the settings make, see `OF_LIBRARIES`.

    Raises:
        ConfigError: it is no dotted name.
        UntrustedError: the module is none of those above; the message says how to allow it.
    """
    if not _PATH.fullmatch(path):
        raise ConfigError(f"{where}: {path!r} is not the dotted name of a class")
    module = path.partition(".")[0]
    if (typed or _in_worker) and module not in _typed and _is_users(module):
        _typed.add(module)
    if _is_below(path, OF_LIBRARIES.get(part, ())) and not _is_below(path, NOT_OF_LIBRARIES):
        return
    if not (_is_chosen(path) or module in _typed or _loaded(path)):
        raise UntrustedError(_refusal(path, where))


def check_all_origins(settings: Mapping[str, Any], where: str) -> None:
    """`check_origin` for the `_target_` of settings that were stored, at every level."""
    if isinstance(path := settings.get("_target_"), str):
        check_origin(path, where, typed=False)
    for key, value in settings.items():
        if isinstance(value, Mapping):
            check_all_origins(value, f"{where}.{key}")


def check_code_file(path: str, digest: str, where: str) -> None:
    """Refuse a file that runs code when it is opened, unless `ALLOW` lists its digest.

    Args:
        path: of the file, for the message.
        digest: SHA-256 of the bytes that are about to be opened, 64 hex digits.
        where: what messages call its setting.

    Raises:
        UntrustedError: the digest is not listed; the message says how to allow it.
    """
    if f"sha256:{digest}" not in _listed():
        raise UntrustedError(
            f"{where}: {path} holds a program, so it is not opened; if you trust it, add its "
            f"digest to the environment variable: {ALLOW}=sha256:{digest}"
        )


def trust_parent() -> None:
    """In a worker process: take all settings for typed ones, since the parent has judged them."""
    global _in_worker  # noqa: PLW0603
    _in_worker = True


def check_kind(target: Any, path: str, where: str, kind: Kind) -> type:
    """The class that was found at `path`, if it is of the kind that its place asks for.

    Args:
        target: what stands at `path`.
        path: see `check_origin`.
        where: see `check_origin`.
        kind: of which it must be a subclass of one; `(object,)` where the place names none. Then
            the module that defines the class must be trusted itself, so that no path leads
            through a trusted module to a class which that only imports.

    Raises:
        ConfigError: it is no class, an abstract one, or one of another kind.
        UntrustedError: it is defined elsewhere.
    """
    if not inspect.isclass(target):
        raise ConfigError(f"{where}: {path} is not a class")
    if not issubclass(target, kind):
        wanted = " or ".join(sorted(one.__name__ for one in kind))
        raise ConfigError(f"{where}: {path} is no {wanted}")
    if inspect.isabstract(target):
        raise ConfigError(f"{where}: {path} is abstract; name a class that is built on it")
    origin = target.__module__
    if object in kind and not (_is_chosen(origin) or origin.partition(".")[0] in _typed):
        raise UntrustedError(_refusal(f"{origin}.{target.__qualname__}", where))
    return target


def kind_of_part(part: str) -> Kind:
    """What the settings of a part of the configuration make: `detector` a `Detector`."""
    if part not in KINDS:
        return (object,)
    return (import_class(KINDS[part]),)


def kind_of_argument(target: type, name: str, where: str) -> Kind:
    """What an argument of a constructor takes, by its type hint; `(object,)` where that is open.

    Raises:
        ConfigError: there is no such argument, or it takes plain values only.
    """
    parameters = inspect.signature(target).parameters
    if name not in parameters:
        if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
            return (object,)
        raise ConfigError(f"{where}: no such setting of {target.__name__}")
    hint = constructor_hints(target).get(name, Any)
    parts = get_args(hint) or (hint,)
    # Any is a class itself
    classes = (part for part in parts if inspect.isclass(part) and part is not Any)
    kind = tuple(part for part in classes if not _is_plain(part))
    if not kind and Any not in parts and object not in parts:
        raise ConfigError(f"{where}: takes a value, not a _target_")
    return kind or (object,)


def _is_chosen(path: str) -> bool:
    """Whether a module, or one that holds it, is this package's, a plug-in's, or listed."""
    return _is_below(path, {__name__.partition(".")[0], *_plugin_packages(), *_listed()})


def _listed() -> set[str]:
    """What the user allows: modules, and digests of files."""
    return {name.strip() for name in os.environ.get(ALLOW, "").split(",")} - {""}


def _is_below(path: str, modules: Iterable[str]) -> bool:
    return any(path == name or path.startswith(f"{name}.") for name in modules)


@cache
def _plugin_packages() -> frozenset[str]:
    groups = (CONF_ENTRY_POINTS, *CLASS_ENTRY_POINTS.values())
    points = [point for group in groups for point in metadata.entry_points(group=group)]
    return frozenset(point.value.partition(":")[0].partition(".")[0] for point in points)


def _loaded(path: str) -> type | None:
    """The class at a path, found without importing anything."""
    parts = path.split(".")
    for end in range(len(parts) - 1, 0, -1):
        found: Any = sys.modules.get(".".join(parts[:end]))
        if found is not None:
            for name in parts[end:]:
                found = inspect.getattr_static(found, name, None)
            return found if inspect.isclass(found) else None
    return None


def _is_users(module: str) -> bool:
    """Whether a top-level module is neither Python's nor in a folder of installed packages."""
    if module in sys.stdlib_module_names:
        return False
    try:
        spec = find_spec(module)
    except (ValueError, ImportError):
        return False
    if spec is None:
        return True  # nothing is there: the import says so
    places = [*(spec.submodule_search_locations or []), *filter(None, [spec.origin])]
    return not any(_is_installed(Path(place)) for place in places)


def _is_installed(place: Path) -> bool:
    folders = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    names = {"site-packages", "dist-packages"}
    return bool(names & set(place.parts)) or any(place.is_relative_to(f) for f in folders)


def _is_plain(hint: type) -> bool:
    return hint.__module__ == "builtins" or getattr(hint, "_is_protocol", False)


def _refusal(path: str, where: str) -> str:
    module = path.rpartition(".")[0]
    return (
        f"{where}: {path} is neither of anomalib_ts nor of an installed plug-in, so it is not "
        f"imported; if you trust it, set {ALLOW}={module}"
    )
