"""Patches encoded so that neighbours in time lie near each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import training_windows
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.memory.representations import Representation, Rows, Values
from anomalib_ts.errors import InputError
from anomalib_ts.saved.values import storable
from anomalib_ts.settings.fields import configured, setting

if TYPE_CHECKING:
    from anomalib_ts.detectors.memory.torch_model import PatchEncoder


@configured
class Contrast(Representation):
    """Features of an encoder that learns to tell windows apart and their neighbours together.

    Two parts of a window, each three quarters of it from a random place, shall be nearer to each
    other than to parts of the other windows of a batch (InfoNCE). The encoder is the 1-D ResNet of
    `autoencoder`; the mean over its positions counts, of unit length. No decoder is trained, and
    nothing has to be rebuilt point by point.

    >>> from anomalib_ts.detectors.memory import Memory
    >>> few = TrainerSettings(max_steps=2, progress=False)
    >>> memory = Memory(window=16, representation=Contrast(width=8, features=4, trainer=few))
    >>> memory.fit(np.sin(np.arange(400) / 5)).deviation_.shape
    (4,)

    References:
        Park et al., PaAno: Patch-based representation learning for time-series anomaly detection,
        ICLR 2026, for patches, contrast and a memory; it takes triplets, and a pretext task that is
        left out here. Oord et al., Representation learning with contrastive predictive coding,
        2018, for the loss.
    """

    mixed: ClassVar[bool] = False

    width: int = setting(32, "channels inside the encoder", at_least=1)
    features: int = setting(32, "of a window", at_least=2)
    temperature: float = setting(
        0.1, "the smaller, the more the nearest other windows count", above=0.0
    )
    batch_size: int = setting(128, "windows a training step, compared with each other", at_least=2)
    learning_rate: float = setting(1e-3, "of Adam", at_least=0.0)
    trainer: TrainerSettings | None = setting(
        None, "how long and on what to train; None for the defaults; no checkpoints are kept"
    )

    def learn(self, train: tuple[Recording, ...], window: int, seed: int) -> None:
        """Train the encoder.

        Raises:
            InputError: the window is shorter than 8 points.
        """
        from anomalib_ts.detectors.deep.batches import FullBatches  # noqa: PLC0415
        from anomalib_ts.detectors.deep.lightning_model import AdamModule  # noqa: PLC0415
        from anomalib_ts.detectors.deep.training_loop import seeded, train_module  # noqa: PLC0415

        if window < 8:
            raise InputError(f"parts of a window of {window} points are too short; take 8 or more")
        self.channels_ = train[0].channels
        with seeded(seed):
            network = self._network()
        batches = FullBatches(training_windows(train, window), self.batch_size, seed)
        module = AdamModule(network, network.loss, self.learning_rate)
        settings = replace(self.trainer or TrainerSettings(), checkpoint=False, logger=None)
        train_module(module, batches, settings, seed=seed, stage="contrast")
        self.network_ = network

    def rows(self, windows: Values) -> Rows:
        """Features `(b, features)` of unit length."""
        import torch  # noqa: PLC0415

        with torch.no_grad():
            features = self.network_.encode(torch.from_numpy(np.array(windows)))
        rows: Rows = features.numpy()
        return rows

    def state(self) -> dict[str, Any]:
        """The network by its weights."""
        state = super().state()
        if "network_" in state:
            state["network_"] = dict(state["network_"].state_dict())
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Make the network anew, and give it its weights."""
        from anomalib_ts.detectors.deep.base import check_weights  # noqa: PLC0415
        from anomalib_ts.detectors.deep.training_loop import seeded  # noqa: PLC0415

        weights = state.pop("network_")
        super().restore(state)
        with seeded(0):
            network = self._network()
        check_weights(network, weights)
        network.load_state_dict(weights)
        self.network_ = network.eval()

    def _network(self) -> PatchEncoder:
        from anomalib_ts.detectors.memory.torch_model import PatchEncoder  # noqa: PLC0415

        return PatchEncoder(self.channels_, self.width, self.features, self.temperature)


storable(Contrast)
