"""What a generator is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import InputError, NotFittedError
from anomalib_ts.settings.fields import check_settings, configured, setting
from anomalib_ts.synthetic.tables.row_images import RowImages
from anomalib_ts.synthetic.tables.table import IntArray, Table


@configured
class Generator(ABC):
    """Learns a table and makes rows of the labels that it is asked for.

    A new one writes `_fit` and `_sample`.
    """

    seed: int = setting(0, "of all that is drawn")

    def fit(self, train: Table) -> Generator:
        """Learn from real rows.

        Raises:
            ConfigError: a setting is out of range.
        """
        check_settings(self)
        self._train: Table | None = train
        self._fit(train)
        return self

    def sample(self, labels: IntArray, seed: int | None = None) -> Table:
        """A row for each label.

        Args:
            labels: `(n,)` codes.
            seed: of this draw; None is the generator's own.

        Raises:
            NotFittedError: `fit` was not called.
            InputError: no training row has one of the labels.
        """
        train = getattr(self, "_train", None)
        if train is None:
            raise NotFittedError(f"{type(self).__name__}: call fit before sample")
        unknown = np.setdiff1d(labels, train.labels)
        if len(unknown):
            names = ", ".join(train.schema.labels[label] for label in unknown[:5])
            raise InputError(f"no training row is labelled {names}, so none can be made")
        rng = np.random.default_rng(self.seed if seed is None else seed)
        return Table(train.schema, train.schema.nearest_legal(self._sample(labels, rng)), labels)

    def bind(self, images: RowImages, watch: Callable[[int], None] | None = None) -> Generator:
        """For generators of images: which, and what is called with the number of each step.

        Others do nothing here.
        """
        del images, watch
        return self

    @abstractmethod
    def _fit(self, train: Table) -> None:
        """Learn."""

    @abstractmethod
    def _sample(self, labels: IntArray, rng: np.random.Generator) -> FloatArray:
        """`(n, c)` values for the labels, which the training table has; need not be legal."""


@configured
class LabelByLabel(Generator):
    """A generator that treats each label by itself; a new one writes `_draw`."""

    def _fit(self, train: Table) -> None:
        self._rows = {
            int(label): train.values[train.labels == label] for label in np.unique(train.labels)
        }

    def _sample(self, labels: IntArray, rng: np.random.Generator) -> FloatArray:
        values = np.empty((len(labels), next(iter(self._rows.values())).shape[1]))
        for label in np.unique(labels):
            wanted: NDArray[np.bool_] = labels == label
            values[wanted] = self._draw(int(label), int(wanted.sum()), rng)
        return values

    @abstractmethod
    def _draw(self, label: int, count: int, rng: np.random.Generator) -> FloatArray:
        """`(count, c)` values of one label."""
