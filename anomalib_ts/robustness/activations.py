"""What the layers of a network answer, by hooks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Units: TypeAlias = Literal["channels", "all"]

RECTIFIERS: tuple[type[nn.Module], ...] = (nn.ReLU, nn.ReLU6)
"""Layers that answer nothing below 0."""


def layer_responses(
    network: nn.Module, function: Callable[[Tensor], Tensor], x: Tensor, units: Units = "channels"
) -> dict[str, NDArray[np.float32]]:
    """The response of every rectified layer to some inputs.

    >>> network = nn.Sequential(nn.Conv1d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(18, 2))
    >>> layer_responses(network, network, torch.ones(5, 1, 8))["1"].shape
    (5, 3)

    Layers without a rectifier (the last linear one, flow couplings, a sigmoid) are left out, since
    sparseness is defined for responses from 0 on; so are leaky ones. A layer that runs several
    times in one pass has an entry a run: `relu`, `relu#2`.

    Args:
        network: its hooks are taken away again, even if the function fails.
        function: of the network, takes the inputs.
        x: `(b, ...)` inputs.
        units: `channels` for the mean over the positions of each feature map, `all` for every
            position of every map as a unit of its own. Layers without positions have units only.

    Returns:
        `(b, n)` by the name of the layer, in the order in which they run.
    """
    found: dict[str, NDArray[np.float32]] = {}
    with _hooks(network) as answers, torch.no_grad():
        network.eval()
        function(x)
    for name, answer in answers:
        if len(answer) != len(x):  # it does not answer input by input
            continue
        flat = answer.flatten(1) if units == "all" else answer.flatten(2).mean(2)
        found[name] = flat.cpu().numpy()
    return found


@contextmanager
def _hooks(network: nn.Module) -> Iterator[list[tuple[str, Tensor]]]:
    answers: list[tuple[str, Tensor]] = []
    runs: defaultdict[str, int] = defaultdict(int)

    def note(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(module: nn.Module, given: Any, answer: Tensor) -> None:
            del module, given
            runs[name] += 1
            label = name if runs[name] == 1 else f"{name}#{runs[name]}"
            answers.append((label, answer[..., None] if answer.ndim == 2 else answer))

        return hook

    hooked = [
        (name, module) for name, module in network.named_modules() if isinstance(module, RECTIFIERS)
    ]
    handles = [module.register_forward_hook(note(name)) for name, module in hooked]
    try:
        yield answers
    finally:
        for handle in handles:
            handle.remove()
