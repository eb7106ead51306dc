"""All normal data trains, and no point is scored by a model that has seen it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.runs import run_slices
from anomalib_ts.data.base import Case
from anomalib_ts.errors import ConfigError, InputError
from anomalib_ts.protocols.base import Fold, Part, Protocol, whole_parts


@dataclass(frozen=True)
class Folds(Protocol):
    """Cuts the test recordings into contiguous folds and scores each by a model of the others.

    Labels choose the training data, as under `Normal`, and what trains is all that is labelled
    normal outside of the scored fold and a gap around it. A model is shown the gap beside what it
    scores, so that windows at the ends of a fold are whole; the gap's points do not count, and
    the model has not seen them either. Where there are at least as many test recordings as folds
    (clips), folds are made of whole recordings, in their order, and need no gap.

    The models' scores are made comparable by what each gives to the data it trained on: the
    median of those scores is taken away. They are not divided by their spread, which measures how
    well a model remembers and not what it would give to other normal data. The data set's own
    training part is not used.

    >>> from anomalib_ts import Case, Recording
    >>> case = Case("pump", test=(Recording(range(12), labels=[0] * 11 + [1]),))
    >>> for fold in Folds(k=3, gap=1).folds(case, supervision="none"):
    ...     print([r.values[:, 0].astype(int).tolist() for r in fold.train], fold.parts[0].begin)
    [[5, 6, 7, 8, 9, 10]] 0
    [[0, 1, 2], [9, 10]] 4
    [[0, 1, 2, 3, 4, 5, 6]] 8

    Attributes:
        k: number of folds, and of fits, at least 2.
        gap: points on each side of a fold that do not train its model, at least 0. Windows longer
            than that are still scored without having been seen, but close to what was.
    """

    k: int = 5
    gap: int = 128

    def __post_init__(self) -> None:
        if self.k < 2:
            raise ConfigError(f"protocol.k must be at least 2, not {self.k}")
        if self.gap < 0:
            raise ConfigError(f"protocol.gap must be at least 0, not {self.gap}")

    def deal(self, case: Case) -> Case:
        """The case without the data set's own training part.

        Raises:
            InputError: a recording has no labels, or is too short for the folds.
        """
        for recording in case.test:
            if not recording.is_labelled:
                raise InputError(
                    f"{recording.name}: protocol=folds trains on what is labelled normal, and "
                    "there are no labels; use protocol=whole or protocol=prefix"
                )
            if not self._by_recording(case) and len(recording) < self.k:
                raise InputError(
                    f"{recording.name}: {len(recording)} points are too few for {self.k} folds; "
                    "use a smaller protocol.k"
                )
        return replace(case, train=())

    def folds(self, case: Case, supervision: str) -> tuple[Fold, ...]:
        """One fit a fold; for the arguments see `Protocol`.

        Raises:
            InputError: a fold has nothing to train on.
        """
        del supervision
        cut = self._of_recordings if self._by_recording(case) else self._of_points
        folds = cut(case.test)
        for number, fold in enumerate(folds, 1):
            if not fold.train:
                raise InputError(
                    f"{case.name}: fold {number} of {self.k} has nothing normal to train on "
                    f"outside of it and its gap of {self.gap} points; use a smaller protocol.gap, "
                    "more folds, or another protocol"
                )
        return folds

    def _by_recording(self, case: Case) -> bool:
        return len(case.test) >= self.k

    def _of_recordings(self, test: Sequence[Recording]) -> tuple[Fold, ...]:
        folds = []
        for numbers in np.array_split(np.arange(len(test)), self.k):
            scored = set(numbers.tolist())
            others = [r for i, r in enumerate(test) if i not in scored]
            train = tuple(stretch for r in others for stretch in _normal(r))
            folds.append(Fold(train, whole_parts((i, test[i]) for i in sorted(scored))))
        return tuple(folds)

    def _of_points(self, test: Sequence[Recording]) -> tuple[Fold, ...]:
        folds = []
        for k in range(self.k):
            train: list[Recording] = []
            parts = []
            for number, recording in enumerate(test):
                n = len(recording)
                begin, end = n * k // self.k, n * (k + 1) // self.k
                hidden = slice(max(0, begin - self.gap), min(n, end + self.gap))
                train += _normal(recording, hidden)
                lead = begin - hidden.start
                parts.append(Part(recording[hidden], number, begin, end, lead))
            folds.append(Fold(tuple(train), tuple(parts)))
        return tuple(folds)


def _normal(recording: Recording, hidden: slice | None = None) -> list[Recording]:
    """The stretches labelled normal outside of `hidden`; itself if that is all of it."""
    normal = ~recording.anomalous_points
    if hidden is not None:
        normal[hidden] = False
    return [recording] if normal.all() else [recording[part] for part in run_slices(normal)]
