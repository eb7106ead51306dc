"""Training batches of windows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anomalib_ts.detectors.deep.bags import Bags
from anomalib_ts.detectors.deep.examples import BatchSource, Part, as_tensors

LabelledBatch: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Windows `(m, c, w)`, how many of them each bag has `(b,)`, and 1 for anomalous bags `(b,)`."""


class _Draws:
    """Numbers below n without end: all of them in random order, then all again in another."""

    def __init__(self, n: int, random: np.random.Generator) -> None:
        self._n = n
        self._random = random
        self._left = np.empty(0, dtype=np.int64)

    def take(self, count: int) -> NDArray[np.int64]:
        while len(self._left) < count:
            self._left = np.append(self._left, self._random.permutation(self._n))
        taken, self._left = np.split(self._left, [count])
        return taken

    @property
    def left(self) -> Tensor:
        """The numbers that come next, without any draw."""
        return torch.from_numpy(self._left.copy())

    @left.setter
    def left(self, numbers: Tensor) -> None:
        self._left = numbers.numpy().copy()


class FullBatches:
    """Batches that are all of one size, with the class of each example where there are classes.

    The last batch of an epoch is filled up from the next: batch normalisation fails on a single
    example.

    Args:
        examples: what there is to learn from.
        batch_size: examples a batch, at least 2.
        seed: of the order.
        classes: `(n,)` a number for each example, handed out beside it; None for batches of
            examples alone.
    """

    def __init__(
        self,
        examples: BatchSource,
        batch_size: int,
        seed: int,
        classes: NDArray[np.int64] | None = None,
    ) -> None:
        self.examples = examples
        self.classes = classes
        self._batch_size = batch_size
        self._seed = seed
        self._random = np.random.default_rng(seed)
        self._draws = _Draws(len(examples), self._random)

    def __len__(self) -> int:
        return math.ceil(len(self.examples) / self._batch_size)

    def __iter__(self) -> Iterator[Tensor | tuple[Tensor, Tensor]]:
        for _ in range(len(self)):
            index = self._draws.take(self._batch_size)
            values = as_tensors(self.examples.gather(index))
            if self.classes is None:
                yield values
            else:
                yield values, torch.from_numpy(self.classes[index])

    def of(self, index: NDArray[np.int64]) -> Self:
        """Batches by the same rule and seed of the examples numbered `index` alone."""
        classes = None if self.classes is None else self.classes[index]
        return type(self)(Part(self.examples, index), self._batch_size, self._seed, classes)

    def state_dict(self) -> dict[str, Any]:
        """The order that was drawn and not yet handed out, and what the next is drawn from."""
        return {"random": self._random.bit_generator.state, "left": self._draws.left}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from such a state."""
        self._random.bit_generator.state = state["random"]
        self._draws.left = state["left"]


class BalancedBatches:
    """Batches in which the few labelled anomalies have a fixed share: oversampling in the batch.

    An epoch shows every normal bag once (and some of the next epoch's to fill the last batch);
    the anomalous ones are repeated as often as that takes, all of them equally often.

    Args:
        bags: normal and anomalous ones, at least one of each.
        batch_size: windows a batch, about, where bags are whole clips.
        share: of the anomalous bags in a batch, in (0, 1).
        seed: of the order.
    """

    def __init__(self, bags: Bags, batch_size: int, share: float, seed: int) -> None:
        size = max(2, round(batch_size / bags.counts.mean()))
        self._per_batch = _dealt(size, share)
        self._given = (batch_size, share, seed)
        self.examples = bags
        self.classes: NDArray[np.int64] = bags.anomalous.astype(np.int64)
        self._members = [np.flatnonzero(bags.anomalous == label) for label in (False, True)]
        self._random = np.random.default_rng(seed)
        self._draws = [_Draws(len(members), self._random) for members in self._members]

    def __len__(self) -> int:
        return math.ceil(len(self._members[0]) / self._per_batch[0])

    def __iter__(self) -> Iterator[LabelledBatch]:
        for _ in range(len(self)):
            index = np.concatenate(
                [
                    members[draws.take(count)]
                    for members, draws, count in zip(
                        self._members, self._draws, self._per_batch, strict=True
                    )
                ]
            )
            yield (
                as_tensors(self.examples.gather(index)),
                torch.from_numpy(self.examples.counts[index]),
                torch.from_numpy(self.examples.anomalous[index].astype(np.float32)),
            )

    def of(self, index: NDArray[np.int64]) -> Self:
        """Batches by the same rule and seed of the examples numbered `index` alone."""
        chosen = np.zeros(len(self.examples), dtype=np.bool_)
        chosen[index] = True
        return type(self)(self.examples.where(chosen), *self._given)

    def state_dict(self) -> dict[str, Any]:
        """The orders that were drawn and not yet handed out, and what the next is drawn from."""
        left = [draws.left for draws in self._draws]
        return {"random": self._random.bit_generator.state, "left": left}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from such a state."""
        self._random.bit_generator.state = state["random"]
        for draws, left in zip(self._draws, state["left"], strict=True):
            draws.left = left


def _dealt(size: int, share: float) -> tuple[int, int]:
    """Normal and anomalous bags a batch, at least one of each."""
    anomalous = min(max(1, round(size * share)), size - 1)
    return size - anomalous, anomalous
