"""The DCASE baseline's autoencoder as a detector."""

from __future__ import annotations

from anomalib_ts.detectors.dense_autoencoder.detector import DenseAutoencoder
from anomalib_ts.settings.fields import configured, setting


@configured
class DcaseAutoencoder(DenseAutoencoder):
    """The autoencoder of the DCASE 2020 Task 2 baseline: 5 frames at a time, batch-normalised.

    On 128 mel bands the network is 640-128-128-128-128-8-128-128-128-128-640. The baseline
    computes its spectrograms with `data.spectrogram.n_fft=1024` and trains for 100 epochs.

    >>> import numpy as np
    >>> from anomalib_ts import DcaseAutoencoder, TrainerSettings
    >>> wave = np.sin(np.arange(400) / 5)
    >>> quick = TrainerSettings(max_steps=2)
    >>> detector = DcaseAutoencoder(window=16, width=8, batch_size=16, trainer=quick)
    >>> detector.fit(wave[:200]).score(wave[200:]).shape
    (200,)

    References:
        Koizumi et al., Description and discussion on DCASE2020 challenge task 2: unsupervised
        anomalous sound detection for machine condition monitoring, DCASE workshop, 2020.
    """

    window: int = setting(5)
    stride: int | None = setting(1)
    batch_norm: bool = setting(True)
    batch_size: int = setting(512)
