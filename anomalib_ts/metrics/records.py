"""Metrics of whole records (clips) by machine id and domain, as in DCASE Task 2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from anomalib_ts.core.runs import BoolArray
from anomalib_ts.errors import InputError, UndefinedMetricError
from anomalib_ts.metrics.scored import ScoredSeries
from anomalib_ts.metrics.threshold_free import auroc, pauc

DOMAINS = ("source", "target")
"""What DCASE tells apart: the conditions of training, and others with few training clips."""


def evaluate_records(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    machine_ids: Sequence[str],
    domains: Sequence[str] | None = None,
    *,
    max_fpr: float = 0.1,
    rule: Literal["dcase2021", "dcase2022"] = "dcase2022",
) -> dict[str, float]:
    """AUROC and pAUC of record scores, for each machine id and over all of them.

    Without domains this is DCASE 2020 (Koizumi et al. 2020): both areas for each id, and their
    arithmetic means. With domains, the source and the target AUROC of each id are added, and the
    official score, the harmonic mean of all AUROC and pAUC. `dcase2022`, in use since 2022 (Dohi
    et al. 2022), ranks the normal records of one domain against the anomalous ones of both, and
    takes one pAUC an id over both domains. `dcase2021` (Kawaguchi et al. 2021) keeps the domains
    apart in both areas.

    >>> from anomalib_ts.metrics import evaluate_records
    >>> found = evaluate_records([0, 1, 0, 1], [0.1, 0.9, 0.8, 0.3], ["00", "00", "02", "02"])
    >>> found["auroc"], found["auroc/00"], found["auroc/02"]
    (0.5, 1.0, 0.0)

    Args:
        labels: `(records,)`, 0 = normal, 1 = anomalous.
        scores: `(records,)`, finite, higher = more anomalous.
        machine_ids: `(records,)` machine (or section) of each record.
        domains: `(records,)` each `source` or `target`; None = not known.
        max_fpr: End of the false-positive range of the pAUC.
        rule: How the areas of a domain are taken.

    Returns:
        `auroc`, `pauc` (means over ids) and `auroc/ID`, `pauc/ID`; with domains also
        `auroc_source`, `auroc_target`, both with `/ID`, and `harmonic_mean`; under `dcase2021`
        `pauc_source` and `pauc_target` in the same way. All in [0, 1].

    Raises:
        InputError: Different lengths, or a domain that is neither source nor target.
        UndefinedMetricError: A machine id (in a domain) lacks normal or anomalous records; the
            message names it.
    """
    areas = record_areas(labels, scores, machine_ids, domains, max_fpr=max_fpr, rule=rule)
    for reason in areas.undefined.values():
        raise UndefinedMetricError(reason)
    return areas.values


@dataclass(frozen=True)
class RecordAreas:
    """What `evaluate_records` gives, as far as it is defined.

    Attributes:
        values: by name; a mean is over the machines on which the area is defined.
        undefined: why the others have no value, by name.
    """

    values: dict[str, float]
    undefined: dict[str, str]


def record_areas(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    machine_ids: Sequence[str],
    domains: Sequence[str] | None = None,
    *,
    max_fpr: float = 0.1,
    rule: Literal["dcase2021", "dcase2022"] = "dcase2022",
) -> RecordAreas:
    """What `evaluate_records` computes, with a reason where an area has no value.

    An area has none where a machine (in a domain) lacks normal or anomalous records; the official
    score has none then, since it is a mean over all of them.

    Raises:
        InputError: Different lengths, or a domain that is neither source nor target.
    """
    whole = ScoredSeries(labels, scores)
    ids = _column(machine_ids, "machine_ids", len(whole))
    places = None if domains is None else _domain_column(domains, len(whole))
    areas = RecordAreas({}, {})
    for machine in np.unique(ids):
        mask = ids == machine
        name = f"machine id {machine!s}"
        keys = [f"auroc/{machine}", f"pauc/{machine}"]
        _add(areas, keys, whole, mask, name=name, max_fpr=max_fpr)
        if places is not None:
            _add_domains(areas, whole, mask, places, str(machine), max_fpr=max_fpr, rule=rule)
    means = _means(areas)
    if places is not None:
        if areas.undefined:
            areas.undefined["harmonic_mean"] = next(iter(areas.undefined.values()))
        else:
            means["harmonic_mean"] = _official(areas.values, rule)
    return RecordAreas(means | areas.values, areas.undefined)


def evaluate_kinds(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    kinds: Sequence[str],
    machine_ids: Sequence[str] | None = None,
) -> dict[str, float]:
    """AUROC of the normal records against the anomalous ones of each kind.

    >>> from anomalib_ts.metrics import evaluate_kinds
    >>> evaluate_kinds([0, 0, 1, 1], [0.1, 0.5, 0.9, 0.2], ["", "", "bearing", "rub"])
    {'auroc@bearing': 1.0, 'auroc@rub': 0.5}

    Args:
        labels: `(records,)`, 0 = normal, 1 = anomalous.
        scores: `(records,)`, finite, higher = more anomalous.
        kinds: `(records,)` kind of each anomalous record, empty where it is not known; those of
            normal records do not matter.
        machine_ids: `(records,)` machine of each record. With it a value is the mean over the
            machines that have both normal records and such anomalous ones; without it all records
            are ranked together.

    Returns:
        `auroc@KIND` in [0, 1], by kind in alphabetical order. A kind that occurs on no machine
        with normal records is left out.

    Raises:
        InputError: Different lengths.
    """
    whole = ScoredSeries(labels, scores)
    column = _column(kinds, "kinds", len(whole))
    ids = np.zeros(len(whole), "U1")
    if machine_ids is not None:
        ids = _column(machine_ids, "machine_ids", len(whole))
    values: dict[str, float] = {}
    for kind in np.unique(column[whole.labels & (column != "")]):
        chosen = ~whole.labels | (column == kind)
        areas = [
            auroc(ScoredSeries(whole.labels[mask], whole.scores[mask]))
            for mask in (chosen & (ids == machine) for machine in np.unique(ids))
            if whole.labels[mask].any() and not whole.labels[mask].all()
        ]
        if areas:
            values[f"auroc@{kind}"] = float(np.mean(areas))
    return values


def _add_domains(
    areas: RecordAreas,
    whole: ScoredSeries,
    mask: BoolArray,
    places: npt.NDArray[np.str_],
    machine: str,
    *,
    max_fpr: float,
    rule: str,
) -> None:
    for domain in DOMAINS:
        chosen = places == domain
        keys = [f"auroc_{domain}/{machine}", f"pauc_{domain}/{machine}"]
        if rule == "dcase2022":
            chosen |= whole.labels
            keys = keys[:1]
        name = f"machine id {machine} in the {domain} domain"
        _add(areas, keys, whole, mask & chosen, name=name, max_fpr=max_fpr)


def _add(
    areas: RecordAreas,
    keys: list[str],
    whole: ScoredSeries,
    mask: BoolArray,
    *,
    name: str,
    max_fpr: float,
) -> None:
    """Add AUROC and, with a second key, pAUC of the records in `mask`, or why there is none."""
    labels = whole.labels[mask]
    if labels.all() or not labels.any():
        reason = (
            f"{name} has {np.count_nonzero(~labels)} normal and {np.count_nonzero(labels)} "
            "anomalous records, and an AUC needs both"
        )
        areas.undefined.update(dict.fromkeys(keys, reason))
        return
    part = ScoredSeries(labels, whole.scores[mask])
    found = (auroc(part), pauc(part, max_fpr))
    areas.values.update(zip(keys, found, strict=False))


def _means(areas: RecordAreas) -> dict[str, float]:
    """Arithmetic mean over machine ids of every kind of area; why there is none goes with it."""
    of_kind: dict[str, list[float]] = {}
    for key, value in areas.values.items():
        of_kind.setdefault(key.split("/", 1)[0], []).append(value)
    for key, reason in list(areas.undefined.items()):
        if (kind := key.split("/", 1)[0]) not in of_kind:
            areas.undefined.setdefault(kind, reason)
    return {kind: float(np.mean(values)) for kind, values in of_kind.items()}


def _official(values: dict[str, float], rule: str) -> float:
    kinds = {"auroc_source", "auroc_target"}
    kinds |= {"pauc"} if rule == "dcase2022" else {"pauc_source", "pauc_target"}
    chosen = np.array([v for key, v in values.items() if key.split("/", 1)[0] in kinds])
    return 0.0 if (chosen == 0).any() else float(len(chosen) / np.sum(1 / chosen))


def _column(values: Sequence[str], name: str, n: int) -> npt.NDArray[np.str_]:
    column = np.asarray(values, dtype=np.str_)
    if column.shape != (n,):
        raise InputError(f"{name} must name one value for each of {n} records, not {column.shape}")
    return column


def _domain_column(domains: Sequence[str], n: int) -> npt.NDArray[np.str_]:
    column = _column(domains, "domains", n)
    unknown = set(column.tolist()) - set(DOMAINS)
    if unknown:
        raise InputError(f"domains must be 'source' or 'target', not {sorted(unknown)[0]!r}")
    return column
