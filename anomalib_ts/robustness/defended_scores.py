"""The scores of a defended detector as a function that torch can differentiate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from anomalib_ts.detectors.deep.score_function import ScoreFunction


def defended_scores(
    inner: ScoreFunction,
    noises: Sequence[NDArray[np.float32]],
    bounds: tuple[NDArray[Any], NDArray[Any]] | None,
    smoothing: int,
) -> Callable[[Tensor], Tensor]:
    """What takes a standardised series `(n, c)` to its point scores `(n,)`, see `Defended`.

    Args:
        inner: the scores of the detector behind the defence.
        noises: `(n, c)`, what is added to each copy.
        bounds: `(c,)` smallest and largest value, or None.
        smoothing: points of which a value becomes the mean, odd.
    """

    def shown(z: Tensor) -> Tensor:
        if bounds is not None:
            low, high = (torch.from_numpy(bound) for bound in bounds)
            z = torch.minimum(torch.maximum(z, low), high)
        if smoothing > 1:
            half = smoothing // 2
            padded = functional.pad(z.T[None], (half, half), mode="replicate")
            z = functional.avg_pool1d(padded, smoothing, stride=1)[0].T
        return z

    def of_points(z: Tensor) -> Tensor:
        copies = [inner(shown(z + torch.from_numpy(noise[: len(z)])).double()) for noise in noises]
        return torch.stack(copies).mean(dim=0)

    return of_points
