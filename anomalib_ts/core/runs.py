"""Runs of True in a mask: where something begins and where it ends."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

BoolArray: TypeAlias = NDArray[np.bool_]
IntArray: TypeAlias = NDArray[np.signedinteger[Any]]


def runs(mask: BoolArray) -> tuple[IntArray, IntArray]:
    """Starts (inclusive) and ends (exclusive) of the runs of True in `(n,)`, in order.

    >>> import numpy as np
    >>> starts, ends = runs(np.array([True, True, False, True]))
    >>> starts.tolist(), ends.tolist()
    ([0, 3], [2, 4])
    """
    steps = np.flatnonzero(mask[1:] != mask[:-1]) + 1
    first = [0] if mask[:1].any() else []
    last = [len(mask)] if mask[-1:].any() else []
    edges = np.concatenate((first, steps, last)).astype(np.intp)
    return edges[::2], edges[1::2]


def run_slices(mask: BoolArray) -> list[slice]:
    """The same runs as slices.

    >>> import numpy as np
    >>> run_slices(np.array([False, True, True]))
    [slice(1, 3, None)]
    """
    starts, ends = runs(mask)
    return [slice(a, b) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
