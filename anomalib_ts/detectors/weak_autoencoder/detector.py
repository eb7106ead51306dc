"""The weakly supervised autoencoder as a detector."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.base import Capabilities
from anomalib_ts.detectors.deep.bags import Bag, Bags, clip_bags, labelled_bags
from anomalib_ts.detectors.deep.base import DeepDetector
from anomalib_ts.detectors.deep.batches import BalancedBatches, LabelledBatch
from anomalib_ts.detectors.deep.held_out import hold_out_bags
from anomalib_ts.detectors.deep.networks import pooled
from anomalib_ts.detectors.scaling import Scaling
from anomalib_ts.detectors.weak_autoencoder.torch_model import WeakAutoencoderModel, hinge_loss
from anomalib_ts.errors import InputError
from anomalib_ts.evaluation.thresholds import FEWEST_SCORES, Gamma, GammaThreshold
from anomalib_ts.settings.fields import configured, setting


@configured
class WeakAutoencoder(DeepDetector[WeakAutoencoderModel]):
    """An autoencoder that a few labelled anomalies teach what to rebuild badly.

    Stage 1 trains a fully connected autoencoder on normal windows. A gamma distribution is fitted
    to the scores of normal windows that it has not seen; its quantile is the threshold a. In stage
    2 those windows and the labelled anomalies join, as many anomalous as normal windows in each
    batch, and anomalies are pushed to a while normal scores keep falling.

    A window's score is its mean squared reconstruction error. Labels come from the recordings:
    point labels make the windows that hold an anomalous point anomalous, a record label all windows
    of the recording. What has no label counts as normal.

    >>> import numpy as np
    >>> from anomalib_ts import Recording, TrainerSettings, WeakAutoencoder
    >>> noise = np.random.default_rng(0).random((6, 64))
    >>> clips = [Recording(x + (i > 3), label=int(i > 3)) for i, x in enumerate(noise)]
    >>> quick = TrainerSettings(max_steps=2)
    >>> detector = WeakAutoencoder(window=4, width=8, trainer=quick).fit(clips)
    >>> detector.score(noise[0]).shape, detector.threshold_ > 0
    ((64,), True)

    Learnt are `threshold_`, a in the unit of the scores, and `gamma_`, the distribution that it
    comes from (None if a is an empirical quantile).

    References:
        Improving the performance of an autoencoder by weakly supervised learning for anomaly
        detection (in Korean), where y = 1 is normal, r = 0.99 and each stage has 2,000 epochs.
    """

    capabilities = Capabilities(supervision="weak")
    version: ClassVar[int] = 3

    width: int = setting(
        128, "features of the four hidden layers before and after the latent layer", at_least=1
    )
    latent: int = setting(8, "features of the latent layer", at_least=1)
    scaling: Scaling = setting(
        "common",
        "`common` divides all channels by one deviation, so that scores are in the squared unit of "
        "the input (dB^2 for spectrograms); `channel` divides each by its own, which channels of "
        "different units need, and scores in squared deviations",
    )
    level: float = setting(
        0.99,
        "r, the quantile level of the threshold a; the paper tries 0.8 to 0.999",
        above=0,
        below=1,
    )
    held_out: float = setting(
        0.1,
        "the share of normal windows that stage 1 does not see and that a is fitted on; raised "
        "to 30 windows (clips for `bag=clip`) where that is at most half of them; 0, or too few "
        "windows, fits a on stage 1's training windows, as the paper does: far too low where "
        "stage 1 can memorise them",
        at_least=0,
        at_most=0.5,
    )
    bag: Bag = setting(
        "window",
        "whether stage 2 looks at the score of each `window` or of each whole `clip` (all windows "
        "of a recording): a faulty clip may hold windows that sound healthy",
    )
    reduce: Literal["mean", "max", "top_k"] = setting(
        "mean", "window scores to a clip's score, if `bag=clip`"
    )
    top_k: int = setting(3, "windows that count for `reduce=top_k`", at_least=1)
    anomaly_share: float = setting(0.5, "of the anomalies in a batch of stage 2", above=0, below=1)

    @property
    def _scaling(self) -> Scaling:
        return self.scaling

    @property
    def threshold_(self) -> float:
        """a, in the unit of the scores (dB^2 for spectrograms)."""
        return float(self.model_.threshold) * self._unit

    @property
    def gamma_(self) -> Gamma | None:
        """The distribution of stage 1's normal scores that a is a quantile of, if one fitted."""
        shape, scale = self.model_.gamma.tolist()
        if math.isnan(shape):
            return None
        return Gamma(shape, scale * self._unit)

    def fitted_values(self) -> dict[str, float]:
        """The threshold `a`, beside what every deep detector tells."""
        return super().fitted_values() | {"a": self.threshold_}

    def _network(self, train: tuple[Recording, ...]) -> WeakAutoencoderModel:
        return WeakAutoencoderModel(
            train[0].channels, self.window, width=self.width, latent=self.latent
        )

    def _learn(
        self, network: WeakAutoencoderModel, windows: Windows, train: tuple[Recording, ...]
    ) -> None:
        each = labelled_bags(windows, train, type(self).__name__)
        bags = self._bags(train, each)
        unseen = hold_out_bags(
            bags.normal,
            self.held_out,
            self.seed,
            fewest=FEWEST_SCORES,
            whole=self.bag == "clip",
        )
        first = self._batches(each.normal.without(unseen))
        self._train(network, network.loss, first, stage="autoencoder")
        self._set_threshold(network, unseen if len(unseen) else bags.normal)

        def loss(batch: LabelledBatch) -> Tensor:
            examples, counts, anomalous = batch
            scores = self._pooled(network.errors(examples), counts)
            return hinge_loss(scores, anomalous, network.threshold)

        batches = BalancedBatches(bags, self.batch_size, self.anomaly_share, self.seed)
        self._train(network, loss, batches, stage="labelled anomalies")

    @property
    def _unit(self) -> float:
        return self.scaler_.unit**2

    @property
    def _channel_scores(self) -> Callable[[Tensor], Tensor]:
        return self.model_.channel_errors

    def _bags(self, train: tuple[Recording, ...], each: Bags) -> Bags:
        if self.bag == "window":
            return each
        clips = clip_bags(each, train)
        if not clips.anomalous.any() or clips.anomalous.all():
            raise InputError(
                "bag=clip needs normal and anomalous recordings, and all are "
                f"{'anomalous' if clips.anomalous.all() else 'normal'}; use bag=window"
            )
        return clips

    def _set_threshold(self, model: WeakAutoencoderModel, normal: Bags) -> None:
        """Fit a on the scores that normal bags have after stage 1."""
        parts = self._run(model, model.errors, normal.windows, stage="threshold")
        scores = np.concatenate([part for _, part in parts])[normal.members(np.arange(len(normal)))]
        bag_scores = self._pooled(torch.from_numpy(scores), torch.from_numpy(normal.counts))
        threshold, gamma = GammaThreshold(self.level).fit_with_gamma(
            bag_scores.numpy().astype(np.float64)
        )
        model.threshold.fill_(threshold)
        if gamma is not None:
            model.gamma.copy_(torch.tensor([gamma.shape, gamma.scale]))

    def _pooled(self, scores: Tensor, counts: Tensor) -> Tensor:
        return pooled(scores, counts, self.reduce, self.top_k) if self.bag == "clip" else scores
