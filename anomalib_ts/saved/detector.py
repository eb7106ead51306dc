"""Fitted detectors in model files: their class by name, settings, what was learnt, and a proof.

The proof is what the detector scored on a short made-up recording when it was saved. It is scored
again when the file is loaded, so that a file that was damaged, or that this version of a library
reads otherwise, does not go unnoticed.
"""

from __future__ import annotations

import inspect
import platform
import warnings
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.plain import plain_text
from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.errors import (
    AnomalibTsError,
    AnomalibTsWarning,
    InputError,
    UntrustedError,
)
from anomalib_ts.saved import estimators as _estimators  # noqa: F401 - registers its kinds
from anomalib_ts.saved.archive import read_archive, write_archive
from anomalib_ts.saved.values import Reader, Writer, path_of
from anomalib_ts.settings.signatures import import_class
from anomalib_ts.settings.trust import ALLOW, check_kind, check_origin, kind_of_part

FORMAT = 1
"""Of model files; raised when what older versions wrote is read in another way."""

PROOF_LENGTHS = (256, 2048)
"""Points of the recording that a proof is scored on; the second where the first is too short."""

CLOSE = 1e-3
"""How far scores of the proof may be from those that were saved, as a share of their range."""

VERSIONS = ("anomalib-ts", "numpy", "scikit-learn", "torch")
"""Distributions whose versions stand in a model file."""

Parts = dict[str, Any]


def save_model(path: str | Path, detector: Any, parts: Mapping[str, Any] | None = None) -> Path:
    """Write a fitted detector, and what belongs to it, to a model file.

    Args:
        path: where to.
        detector: fitted.
        parts: other values, by name, of the kinds that a model file holds.

    Raises:
        ContractError: something in the detector is of no kind that a model file holds.
        AnomalibTsError: the file cannot be written.
    """
    writer, name = Writer(), type(detector).__name__
    proof = _proof(detector)
    content = {
        "format": FORMAT,
        "versions": _versions(),
        "detector": {
            "class": path_of(type(detector)),
            "distribution": _distribution(type(detector)),
            "version": int(detector.version),
            "settings": writer.tree(detector.get_params(deep=False), name),
            "state": writer.tree(detector._state(), name),
            "proof": None if proof is None else writer.tree(proof, "proof"),
        },
        "parts": writer.tree(dict(parts or {}), "model"),
    }
    return write_archive(path, content, writer.arrays)


def load_model(path: str | Path) -> tuple[Any, Parts]:
    """The detector of a model file, and what else was saved with it; nothing in it is run.

    Raises:
        DataNotFoundError: there is no such file.
        UntrustedError: the detector is of a plug-in that is not installed.
        InputError: the file is no model, damaged, or of a version that cannot be read.
    """
    content, arrays = read_archive(path)
    _check_format(path, content)
    reader = Reader(arrays)
    try:
        part = content["detector"]
        kind = _class_of(part)
        detector = _restored(kind, part, reader, content, path)
        proof = reader.value(part["proof"])
        parts = reader.value(content["parts"])
        if type(parts) is not dict:
            raise InputError("its parts are none")
        unused = arrays.keys() - reader.used
        if unused:
            raise InputError(f"it holds {len(unused)} arrays that nothing refers to")
        difference = _difference(detector, proof)
    except UntrustedError as error:
        raise UntrustedError(f"the model {path} cannot be used: {error}") from None
    except AnomalibTsError as error:
        raise InputError(f"the model {path} cannot be used: {error}") from None
    except Exception as error:  # whatever odd shapes, types and names lead to
        shown = plain_text(str(error) or repr(error), 300).split("\n")[0]
        raise InputError(
            f"the model {path} is damaged or was altered: {type(error).__name__}: {shown}"
        ) from None
    _check_difference(path, difference, content, kind)
    return detector, parts


def _check_format(path: str | Path, content: Mapping[str, Any]) -> None:
    found = content.get("format")
    if type(found) is not int or not found >= 1:
        raise InputError(f"{path} is no model file of anomalib_ts: it states no format")
    if found > FORMAT:
        by = str(_mapping(content.get("versions")).get("anomalib-ts", "a later version"))[:40]
        raise InputError(
            f"{path} was written by anomalib-ts {by} in format {found}, and this version reads "
            f"formats up to {FORMAT}; install that version"
        )
    needed = {"format", "versions", "detector", "parts"}
    if set(content) != needed:
        odd = ", ".join(sorted(needed ^ set(content)))[:200]
        raise InputError(f"{path} is no model file of anomalib_ts: missing or unknown: {odd}")


def _class_of(part: Mapping[str, Any]) -> Any:
    name = part["class"]
    try:
        check_origin(name, "detector", typed=False)
        return check_kind(import_class(name), name, "detector", kind_of_part("detector"))
    except (UntrustedError, ImportError) as error:
        source = plain_text(str(part.get("distribution") or "an unknown package"), 100)
        wanted = f"it needs the detector {name} of {source}"
        if isinstance(error, ImportError):
            raise UntrustedError(f"{wanted}, which cannot be imported: {error}") from None
        raise UntrustedError(
            f"{wanted}, which is not installed here as a plug-in; install it, or, if you trust "
            f"it, set {ALLOW}={name.rpartition('.')[0]}"
        ) from None


def _restored(
    kind: Any, part: Mapping[str, Any], reader: Reader, content: Mapping[str, Any], path: str | Path
) -> Any:
    settings, state = reader.value(part["settings"]), reader.value(part["state"])
    unknown = sorted(set(settings) - set(inspect.signature(kind).parameters))
    if unknown:
        by = str(_mapping(content["versions"]).get("anomalib-ts"))[:40]
        raise InputError(
            f"{kind.__name__} has no setting {', '.join(unknown)[:200]} (any more); the model was "
            f"written by anomalib-ts {by}: fit it again"
        )
    odd = [key for key in state if key in settings or callable(getattr(kind, key, None))]
    if odd:
        raise InputError(f"{kind.__name__} learns no {', '.join(odd)[:200]}")
    detector = kind(**settings)
    detector._check_settings()
    try:
        detector._restore(state)
        _check_contract(detector)
    except AnomalibTsError as error:
        if part["version"] == kind.version:
            raise
        raise InputError(
            f"it holds version {part['version']} of {kind.__name__}, and this is version "
            f"{kind.version}, which learns other things ({error}): fit it again"
        ) from None
    if part["version"] != kind.version:
        warnings.warn(
            f"{path} holds version {part['version']} of {kind.__name__}, and this is version "
            f"{kind.version}, which may score otherwise; fit it again",
            AnomalibTsWarning,
            stacklevel=4,
        )
    return detector


def _check_contract(detector: Any) -> None:
    """What the public methods of a detector rely on."""
    channels, names, scaler = detector.n_channels_, detector.channel_names_, detector.scaler_
    if type(channels) is not int or not 0 < channels < 2**24:
        raise InputError("it states no number of channels")
    for array in (scaler.mean, scaler.scale):
        if type(array) is not np.ndarray or array.shape != (channels,) or array.dtype != np.float64:
            raise InputError(f"its scaler is none of {channels} channels")
        if not np.isfinite(array).all():
            raise InputError("its scaler holds numbers that are not finite")
    if names is not None and (type(names) is not tuple or len(names) != channels):
        raise InputError(f"it has not the names of {channels} channels")
    if set(detector._params_of_fit_) != set(detector.get_params(deep=False)):
        raise InputError("the settings that it was fitted with are not all there")


def _made_up(detector: Any, length: int) -> Recording:
    """Noise in the units of the training data, the same every time."""
    noise = np.random.default_rng(0).standard_normal((length, detector.n_channels_))
    with np.errstate(over="ignore"):
        values = detector.scaler_.mean + detector.scaler_.scale * noise
    largest = np.finfo(np.float64).max
    return Recording(
        np.clip(values, -largest, largest), channel_names=detector.channel_names_, name="proof"
    )


def _proof(detector: Any) -> NDArray[np.float64] | None:
    """The scores of a made-up recording; None if the detector refuses such recordings."""
    for length in PROOF_LENGTHS:
        try:
            scores: FloatArray = detector.score(_made_up(detector, length))
        except InputError:
            continue
        return scores
    return None


def _difference(detector: Any, proof: Any) -> float:
    """How far the proof's scores are now from what they were, as a share of their range."""
    if proof is None:
        return 0.0
    if type(proof) is not np.ndarray or proof.ndim != 1 or len(proof) not in PROOF_LENGTHS:
        raise InputError("its proof is none")
    now = detector.score(_made_up(detector, len(proof)))
    reach = max(float(np.ptp(proof)), float(abs(proof).max()) * CLOSE, np.finfo(np.float64).tiny)
    return float(abs(now - proof).max()) / reach


def _check_difference(
    path: str | Path, difference: float, content: Mapping[str, Any], kind: type
) -> None:
    if difference <= CLOSE:
        return
    then, now = _mapping(content["versions"]), _versions()
    changed = [
        f"{name} {then.get(name)} then, {now[name]} now"
        for name in now
        if then.get(name) != now[name]
    ]
    if not changed:
        raise InputError(
            f"the model {path} is damaged or was altered: its {kind.__name__} scores otherwise "
            f"than when it was saved, by {difference:.1%} of the scores' range"
        )
    warnings.warn(
        f"{path}: {kind.__name__} scores otherwise than when it was saved, by {difference:.1%} of "
        f"the scores' range ({'; '.join(changed)[:300]}); fit it again",
        AnomalibTsWarning,
        stacklevel=3,
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{n: metadata.version(n) for n in VERSIONS}}


def _distribution(kind: type) -> str:
    """Name and version of what brings a class; empty where nothing installed does."""
    name = _owner(kind.__module__.partition(".")[0])
    return f"{name} {metadata.version(name)}" if name else ""


@cache  # it reads the list of files of all that is installed, which takes most of a second
def _owner(package: str) -> str:
    """The distribution that an imported package is of."""
    if package == __name__.partition(".")[0]:
        return VERSIONS[0]
    return min(metadata.packages_distributions().get(package, []), default="")
