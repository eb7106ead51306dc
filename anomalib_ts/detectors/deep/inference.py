"""Run a network over windows, nothing learnt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from anomalib_ts.core.progress import progress_line
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.deep.examples import as_tensors
from anomalib_ts.detectors.deep.training import TrainerSettings

SCORING_BATCH = 256
"""Windows that go through a network at a time when nothing is learnt."""


@contextmanager
def at_work(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Have a network in eval mode and on a device, and on the CPU again at the end."""
    _move(network.eval(), device)
    try:
        yield
    finally:
        _move(network, torch.device("cpu"))


def _move(network: nn.Module, device: torch.device) -> None:
    """Move a network that is not there; finding that out by moving it takes longer than a batch."""
    first = next(network.parameters(), None)
    if first is None or first.device != device:
        network.to(device)


def run_network(
    network: nn.Module,
    function: Callable[[Tensor], Tensor],
    windows: Windows,
    settings: TrainerSettings,
    *,
    stage: str,
) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
    """Apply a function of a network to every window, in eval mode and without gradients.

    Args:
        network: moved to the device of the settings, and back to the CPU at the end.
        function: takes windows `(b, c, w)` to `(b, ...)`; usually a method of the network.
        windows: what to run over.
        settings: which device, and whether to show progress.
        stage: what the progress line calls it.

    Yields:
        `(starts, result)` a batch: where the windows begin, `(b,)`, and what the function gave.
    """
    device = settings.device()
    done = 0
    with (
        at_work(network, device),
        progress_line(stage, len(windows), settings.progress) as report,
    ):
        for starts, values in windows.batches(SCORING_BATCH):
            with torch.inference_mode():
                result = function(as_tensors(values).to(device)).cpu().numpy()
            done += len(starts)
            report(done, "")
            yield starts, result
