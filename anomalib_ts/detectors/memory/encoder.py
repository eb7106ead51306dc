"""What the encoder of a deep detector makes of windows."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.memory.representations import Representation, Rows, Values
from anomalib_ts.errors import ConfigError
from anomalib_ts.saved.values import storable
from anomalib_ts.settings.config import create, handed_down
from anomalib_ts.settings.fields import configured, setting

AUTOENCODER = {"_target_": "anomalib_ts.detectors.Autoencoder"}
"""The detector unless another is set."""

WHERE = "detector.representation.detector"


@configured
class Encoder(Representation):
    """Features from the encoder of a deep detector that is trained on the windows first.

    A detector will do whose network has `encode`: `autoencoder`, and those on fully connected
    networks (`dense_autoencoder`, `deep_svdd`). It learns with its own settings, but for its
    window, which is the memory's. Of a feature map, the mean over its positions counts.

    >>> from anomalib_ts.detectors.memory import Memory
    >>> small = {"_target_": "anomalib_ts.detectors.Autoencoder", "width": 8, "features": 4}
    >>> trainer = {"_target_": "anomalib_ts.TrainerSettings", "max_steps": 2}
    >>> encoder = Encoder(detector={**small, "trainer": trainer})
    >>> memory = Memory(window=16, representation=encoder).fit(np.sin(np.arange(400) / 5))
    >>> memory.deviation_.shape
    (4,)
    """

    mixed: ClassVar[bool] = True

    detector: dict[str, Any] | None = setting(
        None,
        "settings of the deep detector, `_target_` and all; None for `autoencoder` as it is",
        describes="detector",
    )
    trainer: TrainerSettings | None = setting(
        None, "how long and on what to train it, unless it has its own; None for the defaults"
    )

    def learn(self, train: tuple[Recording, ...], window: int, seed: int) -> None:
        """Train the detector."""
        self.trained_ = self._made(window, seed)
        self.trained_.fit(list(train))
        network = getattr(self.trained_, "model_", None)
        if not hasattr(network, "encode"):
            raise ConfigError(
                f"{WHERE}: {type(self.trained_).__name__} has no encoder; "
                "choose autoencoder, dense_autoencoder or deep_svdd"
            )

    def rows(self, windows: Values) -> Rows:
        """Features `(b, d)`."""
        import torch  # noqa: PLC0415 - no other representation needs it

        network = self.trained_.model_.eval()
        with torch.no_grad():
            features = network.encode(torch.from_numpy(np.array(windows)))
        pooled = features.mean(dim=-1) if features.ndim == 3 else features
        rows: Rows = pooled.numpy()
        return rows

    def state(self) -> dict[str, Any]:
        """The trained detector by what it has learnt."""
        state = super().state()
        if "trained_" in state:
            trained = state["trained_"]
            state["trained_"] = {"window": trained.window, "seed": trained.seed}
            state["learnt_"] = trained._state()
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Make the detector anew, and give it what it has learnt."""
        trained = self._made(**state.pop("trained_"))
        trained._check_settings()
        trained._restore(state.pop("learnt_"))
        self.trained_ = trained

    def _made(self, window: int, seed: int) -> Any:
        settings = {**(self.detector or AUTOENCODER), "window": window}
        shared = {"seed": seed, "trainer": self.trainer}
        return create(handed_down(settings, shared, WHERE), WHERE, "detector")


storable(Encoder)
