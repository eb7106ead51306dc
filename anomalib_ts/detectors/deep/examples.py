"""Training examples that are held in memory, and the batches that are gathered from them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

Arrays: TypeAlias = NDArray[Any] | tuple[NDArray[Any], ...]


class BatchSource(Protocol):
    """Numbered training examples that can be gathered into a batch; `Windows` is one."""

    def __len__(self) -> int:
        """How many examples there are."""
        ...

    def gather(self, index: NDArray[np.int64]) -> Arrays:
        """The examples numbered `index` (b,): an array `(b, ...)`, or a tuple of such."""
        ...


class Batches(Protocol):
    """The batches of one epoch, drawn anew each time they are iterated over."""

    def __len__(self) -> int:
        """Batches an epoch."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Tensors, or tuples of tensors, on the CPU."""
        ...


@runtime_checkable
class DivisibleBatches(Batches, Protocol):
    """Batches some of whose examples can be held back."""

    @property
    def examples(self) -> BatchSource:
        """All examples."""
        ...

    @property
    def classes(self) -> NDArray[np.int64] | None:
        """`(n,)` a number for each example, where batches mix examples of several classes."""
        ...

    def of(self, index: NDArray[np.int64]) -> Self:
        """Batches by the same rule, from the same seed, of the examples numbered `index` alone."""
        ...


@dataclass(frozen=True)
class Part:
    """Some of the examples of another source.

    Attributes:
        source: all examples.
        index: `(k,)` the numbers of those that are in this part.
    """

    source: BatchSource
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.index)

    def gather(self, index: NDArray[np.int64]) -> Arrays:
        """The examples numbered `index` among those of this part."""
        return self.source.gather(self.index[index])


class ShuffledBatches:
    """Every example once an epoch, in an order that depends on nothing but the seed.

    Args:
        source: the examples.
        batch_size: examples a batch; the last batch of an epoch may be smaller.
        seed: of the order.
    """

    def __init__(self, source: BatchSource, batch_size: int, seed: int) -> None:
        self.examples = source
        self.classes = None
        self._batch_size = batch_size
        self._seed = seed
        self._random = np.random.default_rng(seed)

    def __len__(self) -> int:
        return math.ceil(len(self.examples) / self._batch_size)

    def __iter__(self) -> Iterator[Any]:
        order = self._random.permutation(len(self.examples))
        for first in range(0, len(order), self._batch_size):
            yield as_tensors(self.examples.gather(order[first : first + self._batch_size]))

    def of(self, index: NDArray[np.int64]) -> Self:
        """Batches by the same rule and seed of the examples numbered `index` alone."""
        return type(self)(Part(self.examples, index), self._batch_size, self._seed)

    def state_dict(self) -> dict[str, Any]:
        """What the order of the next epoch is drawn from."""
        return {"random": self._random.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from such a state."""
        self._random.bit_generator.state = state["random"]


def as_tensors(arrays: Arrays) -> Any:
    """Arrays as tensors, copied to where torch aligns them.

    NumPy aligns memory as its allocator happens to, and torch's kernels round differently by
    alignment: shared memory would make the last bits of a loss depend on what ran before.
    """
    if isinstance(arrays, tuple):
        return tuple(torch.from_numpy(array).clone() for array in arrays)
    return torch.from_numpy(arrays).clone()
