"""Who is held out of training to set the threshold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anomalib_ts.core.recording import Recording
from anomalib_ts.errors import InputError
from anomalib_ts.protocols.weak_split import stratified


def hold_out_recordings(
    train: Sequence[Recording], share: float
) -> tuple[tuple[Recording, ...], tuple[Recording, ...]]:
    """Take a share of the normal training recordings away, the same ones in each call.

    Args:
        train: normal recordings and, for weak supervision, labelled anomalies, which all stay.
        share: of the normal recordings, in [0, 1), stratified by machine id.

    Returns:
        What still trains, in its order, and what is held out, at least one recording if `share`
        is above 0.

    Raises:
        InputError: fewer than two recordings are normal.
    """
    if not share:
        return tuple(train), ()
    normal = [recording for recording in train if not recording.is_anomalous]
    if len(normal) < 2:
        raise InputError(
            f"threshold.held_out={share:g} takes whole normal recordings from training, and there "
            f"are only {len(normal)}; use threshold.held_out=0"
        )
    count = min(max(1, round(share * len(normal))), len(normal) - 1)
    taken = {id(r) for r in stratified(normal, np.random.default_rng(0))[:count]}
    held_out = tuple(recording for recording in normal if id(recording) in taken)
    return tuple(recording for recording in train if id(recording) not in taken), held_out
