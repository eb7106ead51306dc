"""The weakly supervised autoencoder as a detector."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from anomalib_ts.core.recording import FloatArray, Recording, RecordingLike
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.capabilities import Capabilities, by_settings
from anomalib_ts.detectors.deep.bags import Bag, Bags, clip_bags, labelled_bags
from anomalib_ts.detectors.deep.batches import BalancedBatches, LabelledBatch
from anomalib_ts.detectors.deep.held_out import hold_out_bags
from anomalib_ts.detectors.deep.networks import pooled
from anomalib_ts.detectors.deep.reconstruction import DenseReconstruction
from anomalib_ts.detectors.deep.score_function import ScoreFunction
from anomalib_ts.detectors.weak_autoencoder.torch_model import (
    JoinedModel,
    WeakAutoencoderModel,
    hinge_loss,
)
from anomalib_ts.errors import InputError
from anomalib_ts.evaluation.thresholds import FEWEST_SCORES, Gamma, GammaThreshold
from anomalib_ts.settings.fields import configured, setting


@configured
class WeakAutoencoder(DenseReconstruction[WeakAutoencoderModel]):
    """An autoencoder that a few labelled anomalies help, in two modes.

    By default the labels are joined to what needs none. A fully connected autoencoder learns to
    rebuild normal windows, and each example (`bag`) becomes quantiles and mean change over time of
    every channel, whitened by the shrunk covariance of the healthy ones. Three numbers, each in
    deviations of healthy examples that it was not fitted on, make the score: half the logarithm
    of the autoencoder's error, half that of the whitened statistics' distance from the healthy
    mean, and the log-odds of a ridge logistic regression on them, at least -2. So a fault of a kind
    that nobody labelled keeps what the first two make of it.

    In the paper's mode the labels bend the autoencoder itself. Stage 1 trains it on normal
    windows. A gamma distribution is fitted to the scores of normal windows that it has not seen;
    its quantile is the threshold a. In stage 2 those windows and the labelled anomalies join, as
    many anomalous as normal windows in each batch, and anomalies are pushed to a while normal
    scores keep falling. A window's score is its mean squared reconstruction error.

    Labels come from the recordings: point labels make the windows that hold an anomalous point
    anomalous, a record label all windows of the recording. What has no label counts as normal.

    >>> import numpy as np
    >>> from anomalib_ts import Recording, TrainerSettings, WeakAutoencoder
    >>> noise = np.random.default_rng(0).random((6, 64))
    >>> clips = [Recording(x + (i > 3), label=int(i > 3)) for i, x in enumerate(noise)]
    >>> quick = TrainerSettings(max_steps=2)
    >>> detector = WeakAutoencoder(window=4, width=8, trainer=quick).fit(clips)
    >>> detector.score(noise[0]).shape
    (64,)

    Learnt are `threshold_`, a in the unit of the scores, and `gamma_`, the distribution that it
    comes from (None if a is an empirical quantile, as always by default).

    References:
        Improving the performance of an autoencoder by weakly supervised learning for anomaly
        detection (in Korean), where y = 1 is normal, r = 0.99 and each stage has 2,000 epochs.
    """

    capabilities = by_settings(
        Capabilities(supervision="weak", blames_correlated=False),
        lambda one: {"transductive": one._scores_clips, "blames_correlated": one.mode == "paper"},
    )
    version: ClassVar[int] = 5

    mode: Literal["default", "paper"] = setting(
        "default", "`paper` for the algorithm of the paper, in which labels bend the autoencoder"
    )
    level: float = setting(
        0.99,
        "r, the quantile level of the threshold a; the paper tries 0.8 to 0.999",
        above=0,
        below=1,
    )
    held_out: float = setting(
        0.1,
        "the share of normal windows that stage 1 does not see and that a is fitted on (by default "
        "also what the autoencoder's error is compared with); raised to 30 windows (clips for "
        "`bag=clip`) where that is at most half of them; 0, or too few windows, takes stage 1's "
        "training windows, as the paper does: far too low where stage 1 can memorise them",
        at_least=0,
        at_most=0.5,
    )
    bag: Bag | None = setting(
        None,
        "what has one label: each `window`, or each whole `clip` (all windows of a recording), "
        "since a faulty clip may hold windows that sound healthy; None for `clip` by default and "
        "for `window` in the paper's mode",
    )
    reduce: Literal["mean", "max", "top_k"] = setting(
        "mean", "window scores to a clip's score, if `bag=clip` in the paper's mode"
    )
    top_k: int = setting(3, "windows that count for `reduce=top_k`", at_least=1)
    anomaly_share: float = setting(
        0.5, "of the anomalies in a batch of stage 2, in the paper's mode", above=0, below=1
    )

    @property
    def _paper(self) -> bool:
        return self.mode == "paper"

    @property
    def _bag(self) -> Bag:
        return self.bag or ("window" if self._paper else "clip")

    @property
    def _scores_clips(self) -> bool:
        """Whether a score depends on the whole recording."""
        return not self._paper and self._bag == "clip"

    @property
    def threshold_(self) -> float:
        """a, in the unit of the scores (dB^2 for spectrograms in the paper's mode)."""
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
        kind = WeakAutoencoderModel if self._paper else JoinedModel
        return kind(train[0].channels, self.window, width=self.width, latent=self.latent)

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
            whole=self._bag == "clip",
        )
        first = self._batches(each.normal.without(unseen))
        self._train(network, network.loss, first, stage="autoencoder")
        if isinstance(network, JoinedModel):
            self._join(network, bags, unseen, train)
            return
        self._set_threshold(network, unseen if len(unseen) else bags.normal)

        def loss(batch: LabelledBatch) -> Tensor:
            examples, counts, anomalous = batch
            scores = self._pooled(network.errors(examples), counts)
            return hinge_loss(scores, anomalous, network.threshold)

        batches = BalancedBatches(bags, self.batch_size, self.anomaly_share, self.seed)
        self._train(network, loss, batches, stage="labelled anomalies")

    @property
    def _unit(self) -> float:
        return super()._unit if self._paper else 1.0

    @property
    def _channel_scores(self) -> Callable[[Tensor], Tensor] | None:
        return super()._channel_scores if self._paper else None

    def _scores(self, recording: Recording, x: Tensor) -> Tensor:
        if self._scores_clips and isinstance(self.model_, JoinedModel):
            return self.model_.misfits(x)
        return super()._scores(recording, x)

    def _score(self, recording: Recording) -> FloatArray:
        scores = super()._score(recording)
        if self._scores_clips and isinstance(self.model_, JoinedModel):
            with torch.inference_mode():
                scores += self.model_.head.scores(_whole(recording)).item()
        return scores

    def score_function(self, recording: RecordingLike) -> ScoreFunction | None:
        """The scores of a recording, differentiable; None where whole clips are scored."""
        return None if self._scores_clips else super().score_function(recording)

    def _restore(self, state: dict[str, Any]) -> None:
        """Take up what `_state` gave; models of before there were two modes are the paper's."""
        if "mode" not in state["_params_of_fit_"]:
            self.mode = state["_params_of_fit_"]["mode"] = "paper"
        super()._restore(state)

    def _bags(self, train: tuple[Recording, ...], each: Bags) -> Bags:
        if self._bag == "window":
            return each
        clips = clip_bags(each, train)
        if not clips.anomalous.any() or clips.anomalous.all():
            raise InputError(
                "bag=clip needs normal and anomalous recordings, and all are "
                f"{'anomalous' if clips.anomalous.all() else 'normal'}; use bag=window"
            )
        return clips

    def _join(
        self, network: JoinedModel, bags: Bags, unseen: Bags, train: tuple[Recording, ...]
    ) -> None:
        """Learn the head, and from healthy examples what each part of the score is there."""
        normal = bags.normal
        if len(normal) < 2:
            raise InputError(
                f"{type(self).__name__} compares each healthy example with the others, and there "
                f"is one; use more recordings, bag=window, or mode=paper"
            )
        scores = network.head.learn(self._statistics(network, bags, train), bags.anomalous)
        logarithms = self._bag_scores(network, network.log_errors, normal)
        new = np.isin(normal.first, unseen.first)
        if not new.any():
            new[:] = True
        network.calibrate(logarithms[new])
        scores += network.standardised(logarithms).numpy() / 2
        network.threshold.fill_(float(np.quantile(scores[new], self.level)))

    def _statistics(
        self, network: JoinedModel, bags: Bags, train: tuple[Recording, ...]
    ) -> FloatArray:
        """Statistics `(k, 4 c)` of all bags."""
        if self._bag == "clip":
            rows = [network.head.statistics(_whole(train[i])).numpy() for i in bags.recordings]
        else:
            parts = self._run(network, network.head.statistics, bags.windows, stage="statistics")
            rows = [part for _, part in parts]
        return np.concatenate(rows).astype(np.float64)

    def _set_threshold(self, model: WeakAutoencoderModel, normal: Bags) -> None:
        """Fit a on the scores that normal bags have after stage 1."""
        scores = self._bag_scores(model, model.errors, normal)
        threshold, gamma = GammaThreshold(self.level).fit_with_gamma(
            scores.numpy().astype(np.float64)
        )
        model.threshold.fill_(threshold)
        if gamma is not None:
            model.gamma.copy_(torch.tensor([gamma.shape, gamma.scale]))

    def _bag_scores(
        self, model: WeakAutoencoderModel, function: Callable[[Tensor], Tensor], normal: Bags
    ) -> Tensor:
        """What a function of windows comes to for each bag, `(k,)`."""
        parts = self._run(model, function, normal.windows, stage="threshold")
        scores = np.concatenate([part for _, part in parts])[normal.members(np.arange(len(normal)))]
        return self._pooled(torch.from_numpy(scores), torch.from_numpy(normal.counts))

    def _pooled(self, scores: Tensor, counts: Tensor) -> Tensor:
        if self._bag == "window":
            return scores
        return pooled(scores, counts, self.reduce if self._paper else "mean", self.top_k)


def _whole(recording: Recording) -> Tensor:
    """A recording as one stretch, `(1, c, n)`."""
    return torch.tensor(recording.values.T[None])
