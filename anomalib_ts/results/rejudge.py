"""Metrics of stored scores, by other rules or for other metrics; nothing is refitted."""

from __future__ import annotations

import logging
from dataclasses import replace

from anomalib_ts.errors import DamagedResultError
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.evaluation.judge import Evaluation
from anomalib_ts.metrics.registry import select
from anomalib_ts.results.left_out import LeftOut
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store

log = logging.getLogger(__name__)


def threshold_of(record: Record, evaluation: Evaluation, truth: GroundTruth) -> float | None:
    """The record's threshold; None if it decides on something else than these rules judge."""
    return record.threshold if record.decides == evaluation.decides(truth) else None


def rejudge(store: Store, record: Record, evaluation: Evaluation) -> Record:
    """Compute the metrics from stored scores and add them to the record, here and on disk.

    What other rules gave before is dropped: one record never mixes two. A threshold fitted on
    clips that were reduced in another way decides nothing.

    Raises:
        DamagedResultError: scores or labels are not what they were when the unit was run.
    """
    if not record.scores:
        return record
    case, scores = store.scored(record)
    truth = GroundTruth.from_arrays(case)
    judged = evaluation.judge(truth, scores, threshold_of(record, evaluation, truth))
    same = record.judged == evaluation.rules
    values = (record.metrics if same else {}) | judged.values
    before = record.undefined if same else {}
    undefined = {key: why for key, why in before.items() if key not in values}
    updated = replace(
        record,
        metrics=values,
        undefined=undefined | judged.undefined,
        judged=evaluation.rules,
    )
    return store.save(updated)


def complete(store: Store, record: Record, evaluation: Evaluation) -> Record:
    """The record with all wanted metrics, computed only if one is missing or rules differ.

    Raises:
        DamagedResultError: scores or labels are not what they were when the unit was run; this
            is asked whether they are needed now or not, so that the next run mends them.
    """
    rows = select(evaluation.metrics, has_threshold=record.threshold is not None)
    known = record.metrics.keys() | record.undefined.keys()
    missing = any(row.key not in known for row in rows)
    if missing or record.judged != evaluation.rules:
        return rejudge(store, record, evaluation)
    store.check(record)
    return record


def evaluate_store(store: Store, metrics: str | list[str]) -> list[Record]:
    """Compute metrics of all stored scores, and add them to the records; nothing is refitted.

    Each record is judged by the rules (window, reduction of clips) it was judged by before.

    Returns:
        All records; those without stored scores as they were, and those whose scores are damaged,
        of which a warning tells.
    """
    evaluation, damaged = Evaluation(metrics), LeftOut("not judged again")
    records = []
    for record in store.records():
        try:
            records.append(rejudge(store, record, replace(evaluation, **record.judged)))
        except DamagedResultError as error:
            damaged.add("damaged", str(error))
            records.append(record)
    if damaged.count:
        log.warning("%s", damaged)
    return records
