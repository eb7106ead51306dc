"""What every deep detector does alike: windows into a network, its scores back to points."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from anomalib_ts.core.recording import FloatArray, Recording, RecordingLike, as_recording
from anomalib_ts.core.windows import OverlapMean, Tail, Windows, check_window, training_windows
from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.deep.batches import FullBatches
from anomalib_ts.detectors.deep.checkpoints import forget
from anomalib_ts.detectors.deep.examples import Batches, BatchSource
from anomalib_ts.detectors.deep.identity import fit_of
from anomalib_ts.detectors.deep.inference import run_network
from anomalib_ts.detectors.deep.lightning_model import AdamModule
from anomalib_ts.detectors.deep.score_function import (
    ScoreFunction,
    channel_order,
    cut,
    overlap_mean,
)
from anomalib_ts.detectors.deep.trainer import DivergedError
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.deep.training_loop import seeded, train_module
from anomalib_ts.detectors.streaming import Margins
from anomalib_ts.errors import InputError
from anomalib_ts.settings.fields import configured, setting

Network = TypeVar("Network", bound=nn.Module)

MOST_VALUES = 2**24
"""Values of a window at most, where a network is made anew for weights from a file."""


@configured
class DeepDetector(Detector, Generic[Network]):
    """Scores windows with a network, each as a whole or point by point.

    A new one writes `_network`. Its network has a method `loss` that takes a batch of windows
    `(b, c, w)`, and a method `scores` that takes windows to one score each `(b,)`, or to one a
    point `(b, w)`. What differs from that is said by overriding `_learn`, `_batches` or
    `_scores`. A point's score is the mean over the windows that hold it; points that `tail=drop`
    leaves out have the score of the last point before them. The trained network is `model_`, on
    the CPU; `steps_` has the training steps that each stage took.
    """

    window: int = setting(32, "points a window", at_least=1)
    stride: int | None = setting(
        None,
        "points between two windows, up to a window; None for windows side by side",
        at_least=1,
    )
    tail: Tail = setting(
        "overlap",
        "what becomes of points after the last whole window: `overlap` adds one that ends at the "
        "end, `pad` reflects them until they fill one, `drop` leaves them out",
    )
    batch_size: int = setting(128, "windows a training step", at_least=2)
    learning_rate: float = setting(1e-3, "of Adam, in all stages", at_least=0)
    seed: int = setting(0, "of the initial weights and the order of the windows")
    trainer: TrainerSettings | None = setting(
        None, "how long and on what to train each stage; None for the defaults"
    )

    @abstractmethod
    def _network(self, train: tuple[Recording, ...]) -> Network:
        """An untrained network; torch is seeded when this is called."""

    def _learn(self, network: Network, windows: Windows, train: tuple[Recording, ...]) -> None:
        """Train the network on the windows of the training recordings; one stage by default."""
        del train
        loss: Any = network.loss
        self._train(network, loss, self._batches(windows), stage=type(self).__name__)

    def _batches(self, windows: BatchSource) -> Batches:
        """Windows as training batches, all of one size."""
        return FullBatches(windows, self.batch_size, self.seed)

    def _scores(self, recording: Recording, x: Tensor) -> Tensor:
        """Scores `(b,)` or `(b, w)` of windows `(b, c, w)` of a recording."""
        del recording
        network: Any = self.model_
        scores: Tensor = network.scores(x)
        return scores

    def _fit(self, train: tuple[Recording, ...]) -> None:
        windows = training_windows(train, self._window, self._training_step, self.tail)
        settings = self._settings
        wanted = settings.checkpoint or settings.logger
        self._current = fit_of(self, settings, train) if wanted else None
        self.steps_: dict[str, int] = {}
        with seeded(self.seed):
            network = self._network(train)
        try:
            self._learn(network, windows, train)
        except DivergedError:  # it would diverge again
            self._forget_checkpoints()
            raise
        self.model_: Network = network
        self._forget_checkpoints()

    def _state(self) -> dict[str, Any]:
        """The network, if it has been trained, is told by its weights."""
        state = super()._state()
        return state | {"model_": dict(self.model_.state_dict())} if "model_" in state else state

    def _restore(self, state: dict[str, Any]) -> None:
        """Make the network anew, as the settings of the fit say, and give it its weights."""
        weights = state.pop("model_", None)
        super()._restore(state)
        if weights is None:
            return
        as_fitted = copy(self)
        as_fitted.__dict__.update(self._params_of_fit_)
        train = as_fitted._stand_in()
        with (
            seeded(self.seed),
            torch.device("meta"),
        ):  # as large as they may say, it takes no memory
            check_weights(as_fitted._network(train), weights)
        with seeded(self.seed):
            network = as_fitted._network(train)
        network.load_state_dict(weights)
        self.model_ = network

    def _stand_in(self) -> tuple[Recording, ...]:
        """Recordings of noise that make a network of the same shape as the training data did."""
        machines = getattr(self, "machine_ids_", ("",))
        if self._window * self.n_channels_ > MOST_VALUES:
            raise InputError(f"a window of {self._window} points is too long")
        shape = (self._window, self.n_channels_)
        noise = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
        return tuple(Recording(noise, machine_id=str(machine)) for machine in machines)

    @property
    def _channel_scores(self) -> Callable[[Tensor], Tensor] | None:
        """Takes windows to what each channel adds to their scores, `(b, c)` or `(b, c, w)`.

        None where the scores are no sums over channels.
        """
        return None

    def _score(self, recording: Recording) -> FloatArray:
        return self._point_means(recording, partial(self._scores, recording))[:, 0] * self._unit

    def score_function(self, recording: RecordingLike) -> ScoreFunction | None:
        """The scores of a recording, differentiable, see `Detector.score_function`."""
        as_fitted, item = self._as_fitted(), as_recording(recording)
        given = as_fitted._prepared(item)
        return ScoreFunction(
            network=as_fitted.model_,
            window=as_fitted._window,
            of_windows=partial(as_fitted._scores, given),
            of_points=partial(as_fitted._tensor_scores, given),
            scaler=self.scaler_,
            order=channel_order(item, self.channel_names_),
        )

    def _tensor_scores(self, recording: Recording, x: Tensor) -> Tensor:
        """What `_score` gives `(n,)`, of a series `(n, c)` as a tensor, in one pass.

        Whoever overrides `_score` overrides this, too.

        Args:
            recording: what the series is a piece of, for all but its values.
            x: standardised values.
        """
        piece = Recording(x.detach().numpy())
        windows = Windows([piece], self._window, self._step, self.tail)
        scores = self._scores(recording, cut(windows, len(x), x))
        return overlap_mean(windows, len(x), scores) * self._unit

    def _contributions(self, recording: Recording) -> FloatArray:
        if self._channel_scores is None:
            return super()._contributions(recording)
        parts = self._point_means(recording, self._channel_scores, recording.channels)
        return parts * self._unit

    @property
    def _has_own_contributions(self) -> bool:
        own = type(self)._contributions is not DeepDetector._contributions
        return own or self._channel_scores is not None

    @property
    def _unit(self) -> float:
        """What the network's scores are multiplied with: their unit."""
        return 1.0

    @property
    def _margins(self) -> Margins | None:
        if self.capabilities.transductive:
            return None
        return Margins.overlapping(self._window, self._step)

    def _point_means(
        self, recording: Recording, scorer: Callable[[Tensor], Tensor], columns: int = 1
    ) -> FloatArray:
        """Means `(n, columns)` over the windows that hold a point.

        Args:
            recording: of n points.
            scorer: takes windows `(b, c, w)` to `(b, columns)` or `(b, columns, w)`; the middle
                axis may lack if there is one column.
            columns: how many numbers a point gets.
        """
        windows = Windows([recording], self._window, self._step, self.tail)
        points = [OverlapMean(len(windows.values), self._window) for _ in range(columns)]
        for starts, scores in self._run(self.model_, scorer, windows, stage="score"):
            parts = scores.reshape(len(starts), columns, -1)
            for column, mean in enumerate(points):
                mean.add(starts, np.broadcast_to(parts[:, column], (len(starts), self._window)))
        means = np.stack([mean.mean() for mean in points], axis=1)[: len(recording)]
        missing = len(recording) - len(means)
        return np.pad(means, ((0, missing), (0, 0)), mode="edge")

    @property
    def _window(self) -> int:
        """Points that the network is given at a time; a detector may learn it from the data."""
        return self.window

    @property
    def _step(self) -> int:
        """Points between two scored windows."""
        return self._window if self.stride is None else self.stride

    @property
    def _training_step(self) -> int:
        """Points between two training windows: as many as in scoring, by default."""
        return self._step

    @property
    def _settings(self) -> TrainerSettings:
        return self.trainer or TrainerSettings()

    def _train(
        self,
        network: nn.Module,
        loss: Callable[[Any], Tensor],
        batches: Batches,
        *,
        stage: str,
        weight_decay: float = 0.0,
    ) -> None:
        """Minimise a loss of the network over batches with Adam."""
        module = AdamModule(network, loss, self.learning_rate, weight_decay)
        self._train_module(module, batches, stage=stage)

    def _train_module(self, module: pl.LightningModule, batches: Batches, *, stage: str) -> None:
        """Train a Lightning module of one's own, see `train_module`."""
        self.steps_[stage] = train_module(
            module, batches, self._settings, seed=self.seed, stage=stage, fit=self._current
        )

    def _forget_checkpoints(self) -> None:
        folder = self._settings.checkpoint_folder()
        if folder is not None and self._current is not None:
            forget(folder, self._current.digest)
        self._current = None

    def fitted_values(self) -> dict[str, float]:
        """The training steps of each stage, where callbacks may end one early."""
        if not self._settings.callbacks:
            return {}
        return {f"steps {stage}": float(steps) for stage, steps in self.steps_.items()}

    def _run(
        self, network: nn.Module, function: Callable[[Tensor], Tensor], windows: Windows, stage: str
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
        """Apply a function of a network to windows without learning, see `run_network`."""
        return run_network(network, function, windows, self._settings, stage=stage)

    def _check_settings(self) -> None:
        super()._check_settings()
        check_window(self.window, self._step)


def check_weights(network: nn.Module, weights: Mapping[str, Any]) -> None:
    """Compare weights with the network that they are for.

    Raises:
        InputError: one is missing, unknown, or of another shape or type.
    """
    wanted = {name: (tuple(one.shape), one.dtype) for name, one in network.state_dict().items()}
    found = {name: (tuple(one.shape), one.dtype) for name, one in weights.items()}
    for name in (*wanted, *found):
        if wanted.get(name) != found.get(name):
            there, needed = (str(side.get(name, "none")) for side in (found, wanted))
            raise InputError(f"its weights {name[:80]} are {there}, and must be {needed}")
