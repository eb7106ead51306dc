"""A detector's scores as a function that torch can differentiate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.scaling import STRAIGHT, ChannelScaler


@dataclass(frozen=True, eq=False)
class ScoreFunction:
    """The scores of one recording as a function of its values.

    What `Detector.score` does, but for rounding, standardising included, in a form that keeps the
    way from the scores back to the values. It runs on the CPU.

    >>> import numpy as np
    >>> from anomalib_ts import DenseAutoencoder, TrainerSettings
    >>> wave = np.sin(np.arange(400) / 5)
    >>> detector = DenseAutoencoder(window=8, width=8, trainer=TrainerSettings(max_steps=2))
    >>> function = detector.fit(wave[:200]).score_function(wave[200:])
    >>> values = torch.tensor(wave[200:, None], requires_grad=True)
    >>> function(values).sum().backward()
    >>> values.grad.shape
    torch.Size([200, 1])

    Attributes:
        network: the trained network behind the scores.
        window: points that it is given at a time when it trains.
        of_windows: takes standardised windows `(b, c, w)` to their scores, `(b,)` or `(b, w)`.
        of_points: takes a standardised series `(n, c)` to its point scores `(n,)`.
        scaler: standardises.
        order: where the channels of the training data stand in the recording.
    """

    network: nn.Module
    window: int
    of_windows: Callable[[Tensor], Tensor]
    of_points: Callable[[Tensor], Tensor]
    scaler: ChannelScaler
    order: list[int]

    def __call__(self, values: Tensor) -> Tensor:
        """Scores `(n,)` of values `(n, c)` in double precision and in their own units.

        The series may be a piece of the recording, see `Margins.piece`.
        """
        self.network.eval()
        return self.of_points(self.standardised(values))

    def standardised(self, values: Tensor) -> Tensor:
        """What the network is given of values `(n, c)`: see `ChannelScaler`, in float32."""
        mean, scale = (torch.from_numpy(x) for x in (self.scaler.mean, self.scaler.scale))
        z = (values[:, self.order] - mean) / scale
        size = z.abs().clamp_max(torch.finfo(z.dtype).max)
        if float(size.detach().max()) > STRAIGHT:
            beyond = z.sign() * STRAIGHT * (1 + (size.clamp_min(STRAIGHT) / STRAIGHT).log())
            z = torch.where(size > STRAIGHT, beyond, z)
        return z.float()


def cut(windows: Windows, points: int, x: Tensor) -> Tensor:
    """The windows `(b, c, w)` of a series `(n, c)`, cut out of the tensor that holds it.

    Args:
        windows: of the same series.
        points: n.
        x: the series.
    """
    places = windows.fitted(np.arange(points))[windows.starts[:, None] + np.arange(windows.window)]
    flat = x.index_select(0, torch.from_numpy(places.ravel()))
    return flat.reshape(*places.shape, x.shape[1]).transpose(1, 2)


def overlap_mean(windows: Windows, points: int, scores: Tensor) -> Tensor:
    """The mean score `(n,)` over the windows that hold a point, as `OverlapMean` has it.

    Args:
        windows: of a series.
        points: of the series, n.
        scores: of the windows, `(b,)` or `(b, w)`.
    """
    starts = torch.from_numpy(windows.starts)
    places = starts[:, None] + torch.arange(windows.window)
    each = scores.reshape(len(starts), -1).expand(-1, windows.window)
    size = len(windows.values)
    total = each.new_zeros(size).index_add(0, places.ravel(), each.ravel())
    count = each.new_zeros(size).index_add(0, places.ravel(), torch.ones(places.numel()).to(each))
    mean = (total / count)[:points]
    missing = points - len(mean)
    return functional.pad(mean[None], (0, missing), mode="replicate")[0] if missing else mean


def channel_order(recording: Recording, names: tuple[str, ...] | None) -> list[int]:
    """Where the channels called `names` stand in a recording; all in order without names."""
    if names is None or recording.channel_names is None:
        return list(range(recording.channels))
    return [recording.channel_names.index(name) for name in names]
