"""The split of weakly supervised studies: some anomalous clips, labelled, join the training part.

Clips are split whole, never by block: two blocks of one recording on both sides of a split would
be as good as the answer.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case
from anomalib_ts.data.leaks import same_values
from anomalib_ts.errors import InputError


def weak_split(
    case: Case,
    n_test_normal: int | float = 200,
    n_test_anomalous: int | float = 200,
    *,
    n_train_anomalous: int | float | None = None,
    seed: int = 0,
    may_train: Callable[[Recording], bool] | None = None,
) -> Case:
    """Deal all clips of a case anew: a balanced test part, everything else trains.

    The clips of both parts are pooled, as in the paper of the weakly supervised autoencoder
    (`n_test_normal` normal clips and `n_test_anomalous` anomalous ones are tested, the others
    train). Each draw is stratified by machine id. The test part does not depend on
    `n_train_anomalous`, and fewer training anomalies are always some of the more, so a curve over
    their number compares like with like.

    Args:
        case: clips with record labels.
        n_test_normal: a number of clips, or a fraction of all normal clips in (0, 1).
        n_test_anomalous: likewise of the anomalous clips.
        n_train_anomalous: how many of the remaining anomalous clips train, as a number or as a
            fraction of them; None for all. The others are left out.
        seed: decides which.
        may_train: whether an anomalous clip may be a training clip. With it, faults of a kind
            that was never labelled can be tested.

    Returns:
        A case of the same name; its training part has all normal clips first, then the anomalous
        ones, with their labels.

    Raises:
        InputError: a clip has no label, there are too few clips, or the split would train on a
            sound that it tests, because two clips are the same.
    """
    pool = (*case.train, *case.test)
    unlabelled = [recording.name for recording in pool if recording.label is None]
    if unlabelled:
        raise InputError(f"{case.name}: {unlabelled[0]} has no label, so it cannot be split")
    rng = np.random.default_rng(seed)
    normal = stratified([r for r in pool if not r.is_anomalous], rng)
    anomalous = stratified([r for r in pool if r.is_anomalous], rng)
    n_normal = _count(n_test_normal, len(normal), f"{case.name}: normal test clips")
    n_anomalous = _count(n_test_anomalous, len(anomalous), f"{case.name}: anomalous test clips")
    if n_normal == len(normal):
        raise InputError(
            f"{case.name}: {n_normal} normal test clips of {len(normal)} leave none to train on; "
            "ask for fewer, or for a fraction such as 0.5"
        )
    remaining = [r for r in anomalous[n_anomalous:] if may_train is None or may_train(r)]
    n_labelled = len(remaining)
    if n_train_anomalous is not None:
        what = f"{case.name}: anomalous clips that may train"
        n_labelled = _count(n_train_anomalous, len(remaining), what)
    split = replace(
        case,
        train=(*normal[n_normal:], *remaining[:n_labelled]),
        test=(*normal[:n_normal], *anomalous[:n_anomalous]),
    )
    _refuse_leak(split)
    return split


def stratified(recordings: Sequence[Recording], rng: np.random.Generator) -> list[Recording]:
    """The recordings in a random order of which every beginning has each machine's fair share."""
    sizes = Counter(recording.machine_id for recording in recordings)
    seen: Counter[str] = Counter()
    placed: list[tuple[float, Recording]] = []
    for index in rng.permutation(len(recordings)):
        recording = recordings[index]
        machine = recording.machine_id
        # The k-th of n clips of a machine lands at random in the k-th n-th of the order.
        placed.append(((seen[machine] + rng.random()) / sizes[machine], recording))
        seen[machine] += 1
    return [recording for _, recording in sorted(placed, key=lambda pair: pair[0])]


def _refuse_leak(split: Case) -> None:
    """Copies within one part of a data set do no harm, until they are dealt to both sides."""
    leaked = same_values(split.train, split.test)
    if leaked:
        trained, tested = leaked[0]
        raise InputError(
            f"{split.name}: {len(leaked)} training clips are the same sound as test clips "
            f"({trained.name} is {tested.name}); remove one of the two, so that no split can "
            "train on what it tests"
        )


def _count(wanted: int | float, available: int, what: str) -> int:
    if isinstance(wanted, float) and 0 < wanted < 1:
        return max(1, math.floor(wanted * available + 0.5)) if available else 0
    if wanted != int(wanted) or wanted < 0:
        raise InputError(f"{what}: {wanted} is neither a number of clips nor a fraction in (0, 1)")
    if wanted > available:
        raise InputError(
            f"{what}: {int(wanted)} are asked for, but there are {available}; ask for fewer, or "
            "for a fraction such as 0.5"
        )
    return int(wanted)
