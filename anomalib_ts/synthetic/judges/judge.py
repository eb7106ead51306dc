"""Judges: classifiers of real rows whose outputs the measures compare."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from anomalib_ts.core.recording import FloatArray
from anomalib_ts.errors import NotFittedError
from anomalib_ts.settings.fields import check_settings, configured, setting
from anomalib_ts.synthetic.judges.network import (
    Backbone,
    ImageClassifier,
    PointClassifier,
    in_batches,
)
from anomalib_ts.synthetic.tables.row_images import RowImages
from anomalib_ts.synthetic.tables.space import Space
from anomalib_ts.synthetic.tables.table import Table


@dataclass(frozen=True, eq=False)
class Seen:
    """What a judge makes of rows.

    Attributes:
        probabilities: `(n, labels)`.
        features: `(n, f)` of the last hidden layer.
    """

    probabilities: FloatArray
    features: FloatArray

    def accuracy(self, labels: NDArray[np.int64]) -> float:
        """Share of rows whose most likely label is the given one."""
        return float((self.probabilities.argmax(axis=1) == labels).mean())

    def labels_given(self) -> int:
        """How many different labels are the most likely of a row."""
        return len(np.unique(self.probabilities.argmax(axis=1)))


@configured
class Judge(ABC):
    """Learns the labels of a table; trained with Adam, at a rate that falls to 0 in a line."""

    epochs: int = setting(6, "times that all training rows are seen", at_least=1)
    batch_size: int = setting(128, "rows a training step", at_least=3)
    learning_rate: float = setting(1e-3, "of Adam, at the start", above=0)
    seed: int = setting(0, "of the initial weights and the order of the rows")

    def fit(self, train: Table, each_epoch: Callable[[int], None] | None = None) -> Judge:
        """Train from the beginning.

        Args:
            train: labelled rows.
            each_epoch: called with the number of each epoch that ended, from 1; it may `look`.

        Raises:
            ConfigError: a setting is out of range.
        """
        check_settings(self)
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            self.network_ = self._network(train)
            inputs, labels = self._inputs(train), torch.from_numpy(train.labels)
            self._train(inputs, labels, each_epoch or (lambda _: None))
        return self

    def bind(self, images: RowImages) -> Judge:
        """Look at rows as these images from now on; judges that look at none do nothing here."""
        del images
        return self

    def look(self, table: Table) -> Seen:
        """Probabilities and features of a table's rows.

        Raises:
            NotFittedError: `fit` was not called.
        """
        if not hasattr(self, "network_"):
            raise NotFittedError(f"{type(self).__name__}: call fit before look")
        probabilities, features = in_batches(self.network_, self._inputs(table))
        return Seen(probabilities.double().numpy(), features.double().numpy())

    def _train(self, inputs: Tensor, labels: Tensor, each_epoch: Callable[[int], None]) -> None:
        optimiser = torch.optim.Adam(self.network_.parameters(), lr=self.learning_rate)
        batches = -(-len(inputs) // self.batch_size)
        rate = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, self.epochs * batches)
        for epoch in range(1, self.epochs + 1):
            self.network_.train()
            for rows in torch.randperm(len(inputs)).tensor_split(batches):  # none of one row
                loss = functional.cross_entropy(self.network_(inputs[rows])[0], labels[rows])
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                optimiser.step()
                rate.step()
            each_epoch(epoch)

    @abstractmethod
    def _network(self, train: Table) -> nn.Module:
        """A new network for rows like these."""

    @abstractmethod
    def _inputs(self, table: Table) -> Tensor:
        """What the network is given of each row."""


@configured
class ImageJudge(Judge):
    """Looks at rows as images, with `small` or one of the paper's networks.

    `bind` says which images; without it they are of arc tangents with a fraction of each number.
    """

    backbone: Backbone = setting("small", "the network")
    dense: Literal[0, 1, 2] = setting(
        0, "hidden layers between the network and the labels, of a half and a quarter its outputs"
    )

    def bind(self, images: RowImages) -> ImageJudge:
        """Look at rows as these images from now on."""
        self._images = images
        return self

    def _network(self, train: Table) -> nn.Module:
        if not hasattr(self, "_images"):
            self.bind(RowImages(train.schema))
        side = self._images.side * self._images.expand
        return ImageClassifier(self.backbone, side, len(train.schema.labels), self.dense)

    def _inputs(self, table: Table) -> Tensor:
        return torch.from_numpy(self._images.encode(table))


@configured
class PointJudge(Judge):
    """Looks at rows as points of a `Space`: for any table, and quick.

    >>> import numpy as np
    >>> import pandas as pd
    >>> from anomalib_ts.synthetic.tables.table import Schema
    >>> frame = pd.DataFrame({"size": np.r_[np.zeros(50), np.ones(50)], "y": ["a", "b"] * 50})
    >>> frame["y"] = np.repeat(["a", "b"], 50)
    >>> table = Schema.of([frame], "y").read(frame, "rows")
    >>> PointJudge(epochs=30).fit(table).look(table).accuracy(table.labels)
    1.0
    """

    def _network(self, train: Table) -> nn.Module:
        self._space = Space(train)
        return PointClassifier(self._space.dimension, len(train.schema.labels))

    def _inputs(self, table: Table) -> Tensor:
        points: NDArray[Any] = self._space.points(table).astype(np.float32)
        return torch.from_numpy(points)
