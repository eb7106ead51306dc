"""The recordings of stored units, the most anomalous first, so that somebody can listen to them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import numpy as np

from anomalib_ts.core.names import nearest
from anomalib_ts.core.recording import FloatArray
from anomalib_ts.data.base import DataSet
from anomalib_ts.errors import (
    ConfigError,
    DamagedResultError,
    DataNotFoundError,
    UntrustedError,
)
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.evaluation.judge import Evaluation
from anomalib_ts.results.blamed import Blamed
from anomalib_ts.results.left_out import LeftOut
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store
from anomalib_ts.results.unit_key import Unit
from anomalib_ts.settings.config import create_stored
from anomalib_ts.views.culprits import Culprit, culprits, highest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RankedClip:
    """A scored recording among those of its case.

    Attributes:
        rank: 1 for the most anomalous.
        place: among the recordings of the case, from 0.
        score: its point scores reduced to one, as the evaluation reduced them.
        alarm: whether the score exceeds the threshold; None where the threshold decides on points.
        label: 0 or 1 if known; where points are labelled, 1 if any of them is anomalous.
        kind: of anomaly, where known.
        name, machine_id, domain: of the recording.
        blamed: the channels or bands that its score comes from, where its detector could say.
    """

    rank: int
    place: int
    score: float
    alarm: bool | None
    label: int | None
    kind: str
    name: str
    machine_id: str
    domain: str
    blamed: tuple[Culprit, ...] = ()


@dataclass(frozen=True)
class RankedUnit:
    """A stored unit and all its clips, the most anomalous first."""

    record: Record
    clips: list[RankedClip]


def rank_clips(
    record: Record,
    truth: GroundTruth,
    scores: FloatArray,
    blamed: Blamed | None = None,
    frequencies: FloatArray | None = None,
) -> list[RankedClip]:
    """The recordings of a scored case, the most anomalous first; ties in the order of the case.

    Args:
        record: of the unit; says how scores are reduced and where the alarm goes off.
        truth: of the case.
        scores: `(n,)`, the recordings' scores one after another.
        blamed: which channels they come from.
        frequencies: of the channels, for spectrograms; see `DataSet.frequencies`.
    """
    evaluation = Evaluation(**record.judged)
    reduced = evaluation.clip_scores([scores[part] for part in truth.stretches])
    threshold = clip_threshold(record)
    alarms = [None] * len(reduced) if threshold is None else (reduced > threshold).tolist()
    labels, told = _clip_labels(truth), blamed or Blamed.none()
    return [
        RankedClip(
            rank=rank,
            place=place,
            score=float(reduced[place]),
            alarm=alarms[place],
            label=labels[place],
            kind=str(truth.kinds[place]),
            name=str(truth.names[place]),
            machine_id=str(truth.machine_ids[place]),
            domain=str(truth.domains[place]),
            blamed=_culprits(told, truth, scores, place, frequencies),
        )
        for rank, place in enumerate(np.argsort(-reduced, kind="stable").tolist(), 1)
    ]


def clip_threshold(record: Record) -> float | None:
    """The threshold of clip scores; None if the record's decides on something else."""
    return record.threshold if record.decides == Evaluation(**record.judged).reduce else None


def scored_records(store: Store, case: str = "*", detector: str | None = None) -> list[Record]:
    """All stored units with scores, by data set, case, detector and seed.

    Args:
        store: the results.
        case: a pattern of case names, such as `fan*`.
        detector: only units of this detector, by its config name.

    Raises:
        DataNotFoundError: there is no such unit; the message says why.
    """
    return sorted(_chosen(store, case, detector), key=_order)


def ranked_units(store: Store, case: str = "*", detector: str | None = None) -> list[RankedUnit]:
    """All stored units with several recordings, by data set, case, detector and seed.

    Args:
        store: the results.
        case: a pattern of case names, such as `fan*`.
        detector: only units of this detector, by its config name.

    Raises:
        DataNotFoundError: there is no such unit; the message says why.
    """
    records = scored_records(store, case, detector)
    damaged = LeftOut()
    found = list(_rank(store, records, damaged))
    if not found and damaged.count:
        raise DamagedResultError(str(damaged))
    if damaged.count:
        log.warning("%s", damaged)
    if not found:
        failed = failures(r for r in store.records() if fnmatchcase(r.unit.case, case))
        raise DataNotFoundError(
            f"there is nothing to rank: the scored results in {store.folder} are of one long "
            f"recording each; {failed or 'see `anomalib-ts report` for these'}"
        )
    return found


def rank_unit(store: Store, record: Record) -> RankedUnit | None:
    """A stored unit with its clips; None if it is of one single recording, or has no scores."""
    damaged = LeftOut()
    ranked = next(_rank(store, [record] if record.scores else [], damaged), None)
    if damaged.count:
        log.warning("%s", damaged)
    return ranked


def clip_files(unit: Unit, clips: Sequence[RankedClip]) -> list[Path | None]:
    """Where the file of each clip of a unit lies, or lay; None if it has none."""
    try:
        data_set: DataSet = create_stored(unit.data_settings, "data")
    except UntrustedError as error:
        _say_once(f"where clips lie is not shown: {error}")
        return [None] * len(clips)
    except ConfigError:  # a plug-in or the audio libraries are missing: only the names are left
        return [None] * len(clips)
    return [data_set.file(unit.case, clip.name) for clip in clips]


def frequencies_of(unit: Unit) -> FloatArray | None:
    """Of the channels in Hz; None where they have none, or the data set cannot be made."""
    try:
        data_set: DataSet = create_stored(unit.data_settings, "data")
    except (ConfigError, UntrustedError):
        return None
    return data_set.frequencies()


@cache
def _say_once(message: str) -> None:
    log.warning(message)


def failures(records: Iterable[Record]) -> str:
    """How many of some units failed, and why the first one did; empty if none."""
    failed = [record for record in records if record.status != "ok"]
    if not failed:
        return ""
    unit, said = failed[0].unit, " ".join(failed[0].error.get("message", "").split())
    counted = "a unit" if len(failed) == 1 else f"{len(failed)} units"
    return f"{counted} failed, {unit.case} with {unit.detector}: {failed[0].status}: {said}"


def _chosen(store: Store, case: str, detector: str | None) -> list[Record]:
    stored = list(store.records())
    records = [record for record in stored if record.scores]
    if not records:
        why = failures(stored) or "run again with save_scores=true"
        raise DataNotFoundError(f"no scores in {store.folder}: {why}")
    of_case = [record for record in records if fnmatchcase(record.unit.case, case)]
    if not of_case:
        offer = nearest(case, sorted({record.unit.case for record in records}))
        raise DataNotFoundError(f"no case in {store.folder} is called {case!r}; {offer}")
    of_detector = [record for record in of_case if detector in (None, record.unit.detector)]
    if not of_detector:
        offer = nearest(str(detector), sorted({record.unit.detector for record in of_case}))
        raise DataNotFoundError(f"no result in {store.folder} is of {detector!r}; {offer}")
    return of_detector


def _order(record: Record) -> tuple[str, str, str, str, str, int]:
    """Units that were scored against the same stand together."""
    unit = record.unit
    split = f"{unit.protocol} {unit.protocol_settings} {unit.threshold} {unit.fingerprint}"
    return unit.data, unit.case, split, unit.detector, unit.variant, unit.seed


def _rank(store: Store, records: list[Record], damaged: LeftOut) -> Iterator[RankedUnit]:
    for record in records:
        try:
            case, scores = store.scored(record)
        except DamagedResultError as error:
            damaged.add("damaged", str(error))
            continue
        truth = GroundTruth.from_arrays(case)
        if len(truth.lengths) > 1:
            blamed = store.blamed(record)
            frequencies = frequencies_of(record.unit) if blamed else None
            yield RankedUnit(record, rank_clips(record, truth, scores, blamed, frequencies))


def _culprits(
    blamed: Blamed,
    truth: GroundTruth,
    scores: FloatArray,
    place: int,
    frequencies: FloatArray | None,
) -> tuple[Culprit, ...]:
    row = highest(blamed, scores, truth.stretches[place]) if blamed else None
    if row is None:
        return ()
    names = None if truth.channel_names is None else truth.channel_names.tolist()
    return culprits(blamed.shares[row], names, frequencies)


def _clip_labels(truth: GroundTruth) -> list[int | None]:
    anomalous = truth.anomalous_recordings
    return [None] * len(truth.lengths) if anomalous is None else list(map(int, anomalous))
