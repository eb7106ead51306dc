"""Scores of a whole series by one pass of a network that has no fixed length."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from anomalib_ts.core.progress import progress_line
from anomalib_ts.detectors.deep.inference import at_work
from anomalib_ts.detectors.deep.training import TrainerSettings

CHUNK = 16_384
"""Points scored at a time, so that memory does not grow with the series; a multiple of 4."""


def score_in_chunks(
    network: nn.Module,
    function: Callable[[Tensor], Tensor],
    values: NDArray[np.float32],
    settings: TrainerSettings,
    *,
    reach: int,
    multiple: int,
    stage: str,
) -> NDArray[np.float32]:
    """Apply a convolutional function to a series, in chunks that see what lies beside them.

    But for rounding it is what one pass over the series gives.

    Args:
        network: moved to the device of the settings, and back to the CPU at the end.
        function: takes series `(1, c, m)` of any length to `(1, ..., m)`; usually a method of the
            network.
        values: `(n, c)`, n >= 1.
        settings: which device, and whether to show progress.
        reach: a result depends on so many points before and after its own, at most.
        multiple: the function treats points alike that lie a multiple of this apart; a divisor of
            `CHUNK`.
        stage: what the progress line calls it.

    Returns:
        `(..., n)`.
    """
    device = settings.device()
    margin = -(-reach // multiple) * multiple
    parts = []
    with at_work(network, device), progress_line(stage, len(values), settings.progress) as report:
        for start in range(0, len(values), CHUNK):
            first = max(0, start - margin)
            x = np.array(values[first : start + CHUNK + margin].T, order="C")
            with torch.inference_mode():
                scores = function(torch.from_numpy(x)[None].to(device))[0]
            own = scores[..., start - first : start - first + CHUNK]
            parts.append(own.cpu().numpy())
            report(min(start + CHUNK, len(values)), "")
    return np.concatenate(parts, axis=-1)
