"""The DCASE baseline's autoencoder as a detector."""

from __future__ import annotations

from anomalib_ts.detectors.blocks.cut import Tail
from anomalib_ts.detectors.dense_autoencoder.detector import DenseAutoencoder
from anomalib_ts.detectors.scaling import Scaling
from anomalib_ts.training import TrainerSettings


class DcaseAutoencoder(DenseAutoencoder):
    """The autoencoder of the DCASE 2020 Task 2 baseline: 5 frames at a time, batch-normalised.

    On 128 mel bands the network is 640-128-128-128-128-8-128-128-128-128-640. The baseline
    computes its spectrograms with `data.spectrogram.n_fft=1024` and trains for 100 epochs.

    Args:
        window: points a block.
        stride: points between two blocks, in [1, window], in training as in scoring; None for
            blocks side by side.
        tail: what becomes of points after the last whole block: `overlap`, `pad` or `drop`.
        width: features of the four hidden layers before and after the latent layer.
        latent: features of the latent layer.
        batch_norm: whether to normalise over the batch before each activation.
        scaling: `common` or `channel`, see `DenseAutoencoder`.
        batch_size: blocks a training step, at least 2.
        learning_rate: of Adam.
        seed: of the initial weights and the order of the blocks.
        trainer: how long and on what to train; None for the defaults.

    References:
        Koizumi et al., Description and discussion on DCASE2020 challenge task 2: unsupervised
        anomalous sound detection for machine condition monitoring, DCASE workshop, 2020.
    """

    def __init__(
        self,
        window: int = 5,
        *,
        stride: int | None = 1,
        tail: Tail = "overlap",
        width: int = 128,
        latent: int = 8,
        batch_norm: bool = True,
        scaling: Scaling = "common",
        batch_size: int = 512,
        learning_rate: float = 1e-3,
        seed: int = 0,
        trainer: TrainerSettings | None = None,
    ) -> None:
        super().__init__(
            window,
            stride=stride,
            tail=tail,
            width=width,
            latent=latent,
            batch_norm=batch_norm,
            scaling=scaling,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
            trainer=trainer,
        )
