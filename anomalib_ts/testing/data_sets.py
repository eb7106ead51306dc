"""The conformance of a data set: what the engine takes for granted when it loads one."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.errors import DataNotFoundError
from anomalib_ts.testing.probe import require

MOST_CASES = 3
"""So many cases of a data set are loaded, the first ones and the last."""

_NAMES_RULE = "`name` is a text, `case_names` lists different texts, at least one, alike each time"
_CASE_RULE = "`load` gives a Case of that name with recordings to score"
_CHANNELS_RULE = "all recordings of a case have the same number of channels"
_RECORDINGS_RULE = "the recordings that a case scores have different names"
_AGAIN_RULE = "`load` gives the same values and labels each time"
_DIGEST_RULE = "`fingerprint` gives one text for one case, another for another"
_UNKNOWN_RULE = "`load` raises DataNotFoundError for a case that there is not"
_PLACES_RULE = "`file` gives a Path or None, `frequencies` one number a channel or None"


def check_data_set(data_set: DataSet) -> None:
    """Check that a data set keeps the contract, up to the first rule that it breaks.

    >>> from anomalib_ts.data import MackeyGlass
    >>> check_data_set(MackeyGlass(n_points=1000, n_anomalies=1))

    Args:
        data_set: in a small configuration; up to three of its cases are loaded twice.

    Raises:
        AssertionError: a rule is broken; the message says which, how it was seen, what to do.
        TypeError: `data_set` is not an instance of a `DataSet`.
        AnomalibTsError: the data is not there, or cannot be read.
    """
    if not isinstance(data_set, DataSet):
        raise TypeError(f"check_data_set takes an instance of a DataSet, not {data_set!r}")
    names = _checked_names(data_set)
    chosen = names if len(names) <= MOST_CASES else [*names[: MOST_CASES - 1], names[-1]]
    digests = {name: _checked_digest(data_set, name) for name in chosen}
    seen = f"{len(set(digests.values()))} texts for {len(chosen)} cases"
    require(len(set(digests.values())) == len(chosen), _DIGEST_RULE, seen, "digest the data itself")
    for name in chosen:
        case = data_set.load(name)
        _check_case(case, name)
        _check_places(data_set, case)
        _check_again(case, data_set.load(name))
        fits = case.fingerprint in ("", digests[name])
        seen = f"Case.fingerprint of {name} is {case.fingerprint!r}, not {digests[name]!r}"
        require(fits, _DIGEST_RULE, seen, "leave Case.fingerprint empty, or make both alike")
    _check_unknown(data_set)


def _checked_names(data_set: DataSet) -> list[str]:
    remedy = "set `name`; list each case once, in a fixed order"
    name: Any = getattr(data_set, "name", None)
    require(isinstance(name, str) and name != "", _NAMES_RULE, f"name is {name!r}", remedy)
    names: Any = data_set.case_names()
    texts = isinstance(names, list) and all(isinstance(one, str) and one for one in names)
    require(texts and len(names) > 0, _NAMES_RULE, f"case_names gave {names!r}", remedy)
    require(len(set(names)) == len(names), _NAMES_RULE, "a case is listed twice", remedy)
    require(data_set.case_names() == names, _NAMES_RULE, "two calls gave two lists", remedy)
    return list(names)


def _checked_digest(data_set: DataSet, name: str) -> str:
    given: Any = data_set.fingerprint(name)
    text = isinstance(given, str) and given != ""
    require(text, _DIGEST_RULE, f"{name} gave {given!r}", "return a text that is not empty")
    again = data_set.fingerprint(name)
    require(given == again, _DIGEST_RULE, f"{name} gave {given!r}, then {again!r}", "no chance")
    return str(given)


def _check_case(case: Case, name: str) -> None:
    given: Any = case
    remedy = "return Case(case_name, test=(recording, ...), train=(...))"
    require(isinstance(given, Case), _CASE_RULE, f"{name} gave a {type(given).__name__}", remedy)
    require(case.name == name, _CASE_RULE, f"{name} gave a case called {case.name!r}", remedy)
    for part, recordings in (("test", given.test), ("train", given.train)):
        fits = isinstance(recordings, tuple) and all(isinstance(r, Recording) for r in recordings)
        require(fits, _CASE_RULE, f"{part} of {name} is no tuple of recordings", remedy)
    require(len(case.test) > 0, _CASE_RULE, f"{name} has nothing to score", remedy)
    counts = sorted({recording.channels for recording in (*case.test, *case.train)})
    require(len(counts) == 1, _CHANNELS_RULE, f"{name} has {counts}", "make a case of each")
    names = {recording.name for recording in case.test}
    seen = f"{name} has {len(case.test)} recordings and {len(names)} names"
    require(len(names) == len(case.test), _RECORDINGS_RULE, seen, "Recording(..., name=...)")


def _check_places(data_set: DataSet, case: Case) -> None:
    recording = case.test[0]
    place: Any = data_set.file(case.name, recording.name)
    fits = place is None or isinstance(place, Path)
    require(fits, _PLACES_RULE, f"file gave {place!r}", "return a pathlib.Path")
    centres: Any = data_set.frequencies()
    fits = centres is None or np.shape(centres) == (recording.channels,)
    seen = f"frequencies gave {np.shape(centres)} for {recording.channels} channels"
    require(fits, _PLACES_RULE, seen, "return one frequency in Hz for each channel")


def _check_again(first: Case, second: Case) -> None:
    remedy = "seed what is random, and change nothing in place"
    for part in ("test", "train"):
        one, other = getattr(first, part), getattr(second, part)
        alike = len(one) == len(other) and all(map(_equal, one, other))
        require(alike, _AGAIN_RULE, f"{part} of {first.name} differs when loaded again", remedy)


def _equal(one: Recording, other: Recording) -> bool:
    return all(
        np.array_equal(getattr(one, field.name), getattr(other, field.name))
        for field in fields(Recording)
    )


def _check_unknown(data_set: DataSet) -> None:
    missing = "no such case " + max(data_set.case_names(), key=len)
    try:
        data_set.load(missing)
    except DataNotFoundError:
        return
    except Exception as error:
        seen = f"it raised {type(error).__name__}: {error}"
    else:
        seen = "it loaded one"
    require(False, _UNKNOWN_RULE, seen, "raise anomalib_ts.errors.DataNotFoundError")
