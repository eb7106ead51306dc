"""Checks of what a score may depend on: not on labels, nor on what it should not have seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.testing.probe import (
    Check,
    Probe,
    altered,
    describe_change,
    flipped,
    labelled,
    relative_change,
    require,
)

_HISTORY_RULE = "a score does not depend on which recordings were scored before"
_SCORED_LABELS_RULE = "the labels and the name of the scored recording are not looked at"
_TRAINING_LABELS_RULE = "labels of training recordings are not looked at unless declared"
_WEAK_RULE = "a detector that declares supervision='weak' learns from labels"
_LOCAL_RULE = "a score does not depend on far parts of the scored recording unless transductive"
_CAUSAL_RULE = "a detector that declares causal=True does not look at later points"
_BLIND_RULE = "a detector that declares uses_values=False does not look at values"

_ALL_CHANNELS = slice(None)
# Room for rounding where sums run over a whole recording (an FFT, a cumulative sum).
_ROUNDING = 1e-6
# Room for float32 batches of another size, where the recording itself is cut.
_CUT_ROUNDING = 1e-3


def _check_history(probe: Probe) -> None:
    test = probe.test()
    other = altered(probe.test(seed=300)[: probe.length // 2], slice(None), 50.0, _ALL_CHANNELS)
    detector, late = probe.fitted(), probe.fitted()
    first = detector.score(test)
    late.score(other)
    remedy = "change no attribute in `_score`, and draw random numbers from a generator made there"
    for scores, when in (
        (detector.score(test), "scored a second time"),
        (late.score(test), "scored after another recording"),
    ):
        seen = f"{when}, {describe_change(first, scores)}"
        require(np.array_equal(first, scores), _HISTORY_RULE, seen, remedy)


def _check_scored_labels(probe: Probe) -> None:
    detector = probe.fitted()
    test = labelled([probe.test(), probe.test()])[1]
    unlabelled = detector.score(test.without_labels())
    remedy = "do not override `score`, which takes the labels away"
    for item, what in ((test, "labels"), (flipped(test), "other labels")):
        scores = detector.score(item)
        seen = f"with {what} in the scored recording {describe_change(unlabelled, scores)}"
        require(np.array_equal(unlabelled, scores), _SCORED_LABELS_RULE, seen, remedy)
    renamed = detector.score(replace(test, name="anomaly_id_00"))
    seen = f"under another name {describe_change(unlabelled, renamed)}"
    same = np.array_equal(unlabelled, renamed) or not probe.capabilities.uses_values
    require(same, _SCORED_LABELS_RULE, seen, "use names in messages only")


def _check_training_labels(probe: Probe) -> None:
    training, test = labelled(probe.training()), probe.test()
    without = probe.clone().fit([part.without_labels() for part in training]).score(test)
    remedy = (
        "declare supervision='weak' if labels are meant to be used; otherwise do not override "
        "`fit`, which takes the labels away"
    )
    for items, what in (
        (training, "labels"),
        ([flipped(part) for part in training], "flipped labels"),
    ):
        scores = probe.clone().fit(items).score(test)
        seen = f"with {what} in the training recordings {describe_change(without, scores)}"
        require(np.array_equal(without, scores), _TRAINING_LABELS_RULE, seen, remedy)


def _check_weak(probe: Probe) -> None:
    training, test = probe.training(), probe.test()
    right, wrong = probe.clone().fit(training), probe.clone().fit(training)
    # Standardisation leaves anomalies out, too; here both are given the same values.
    standardised = right.scaler_.transform(training)
    right._fit(standardised)
    wrong._fit(tuple(flipped(part) for part in standardised))
    seen = "turning every label of the training recordings round changed no score"
    remedy = "use `recording.labels` or `recording.label` in `_fit`, or declare supervision='none'"
    require(not np.array_equal(right.score(test), wrong.score(test)), _WEAK_RULE, seen, remedy)


def _check_local(probe: Probe) -> None:
    detector, test = probe.fitted(), probe.test()
    before = detector.score(test)
    quarter = len(test) // 4
    first, last = slice(0, quarter), slice(-quarter, None)
    _compare_far(before, detector.score(_times_1000(test, last)), "last", first)
    # A causal detector may carry a memory from the start of the recording on.
    if not probe.capabilities.causal:
        _compare_far(before, detector.score(_times_1000(test, first)), "first", last)


def _times_1000(test: Recording, part: slice) -> Recording:
    return altered(test, part, 1000.0, _ALL_CHANNELS)


def _compare_far(before: FloatArray, after: FloatArray, where: str, part: slice) -> None:
    change = relative_change(before[part], after[part])
    other = "first" if where == "last" else "last"
    seen = (
        f"with the {where} quarter of a recording made 1000 times larger, in its {other} quarter "
        f"{describe_change(before[part], after[part])}"
    )
    remedy = (
        "take minima, means, deviations, periods and the like from the training recordings, in "
        "`_fit`; neither scale nor rank scores over the recording; or declare transductive=True"
    )
    require(change.max() <= _ROUNDING, _LOCAL_RULE, seen, remedy)


def _check_causal(probe: Probe) -> None:
    detector, test = probe.fitted(), probe.test()
    before = detector.score(test)
    remedy = "score each point from windows that end there, or declare causal=False"
    for cut in (1, probe.window, len(test) // 2, len(test) - 1):
        after = detector.score(altered(test, slice(cut, None), -5.0, _ALL_CHANNELS))
        change = relative_change(before, after)[:cut]
        seen = (
            f"with other values from point {cut} on, {describe_change(before[:cut], after[:cut])}"
        )
        require(change.max() <= _ROUNDING, _CAUSAL_RULE, seen, remedy)
        after = detector.score(test[:cut])
        change = relative_change(before[:cut], after)
        seen = f"with the recording cut at point {cut}, {describe_change(before[:cut], after)}"
        require(change.max() <= _CUT_ROUNDING, _CAUSAL_RULE, seen, remedy)


def _check_blind(probe: Probe) -> None:
    test = probe.test()
    before = probe.fitted().score(test)
    other = altered(test, slice(None), -5.0, _ALL_CHANNELS)
    for training, recording in (
        (probe.training(), other),
        (probe.training(seed=50), test),
    ):
        after = probe.clone().fit(training).score(recording)
        seen = f"with other values {describe_change(before, after)}"
        remedy = "declare uses_values=True (the default)"
        require(np.array_equal(before, after), _BLIND_RULE, seen, remedy)


HISTORY = Check("history", _HISTORY_RULE, _check_history)
CHECKS = (
    Check("scored_labels", _SCORED_LABELS_RULE, _check_scored_labels),
    Check(
        "training_labels",
        _TRAINING_LABELS_RULE,
        _check_training_labels,
        lambda can: can.supervision == "none",
    ),
    Check("weak_labels", _WEAK_RULE, _check_weak, lambda can: can.supervision == "weak"),
    Check("locality", _LOCAL_RULE, _check_local, lambda can: not can.transductive),
    Check("causality", _CAUSAL_RULE, _check_causal, lambda can: can.causal),
    Check("values_unused", _BLIND_RULE, _check_blind, lambda can: not can.uses_values),
)
