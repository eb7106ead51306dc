"""The weakly supervised autoencoder as a detector."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from anomalib_ts.detectors.base import Capabilities
from anomalib_ts.detectors.blocks.batches import BalancedBatches, LabelledBatch, check_share
from anomalib_ts.detectors.blocks.cut import Bag, Bags, Tail, whole_clips
from anomalib_ts.detectors.blocks.detector import BlockDetector
from anomalib_ts.detectors.blocks.held_out import check_held_out, hold_out
from anomalib_ts.detectors.blocks.networks import pooled
from anomalib_ts.detectors.dense_autoencoder.detector import check_scaling
from anomalib_ts.detectors.scaling import Scaling
from anomalib_ts.detectors.weak_autoencoder.torch_model import WeakAutoencoderModel, hinge_loss
from anomalib_ts.errors import ConfigError, InputError
from anomalib_ts.recording import FloatArray, Recording
from anomalib_ts.thresholds import FEWEST_SCORES, Gamma, GammaThreshold
from anomalib_ts.training import TrainerSettings, run_network, seeded


class WeakAutoencoder(BlockDetector):
    """An autoencoder that a few labelled anomalies teach what to rebuild badly.

    Stage 1 trains a fully connected autoencoder on normal blocks. A gamma distribution is fitted
    to the scores of normal blocks that it has not seen; its quantile is the threshold a. In stage
    2 those blocks and the labelled anomalies join, as many anomalous as normal blocks in each
    batch, and anomalies are pushed to a while normal scores keep falling.

    A block's score is its mean squared reconstruction error. Labels come from the recordings:
    point labels make the blocks that hold an anomalous point anomalous, a record label all blocks
    of the recording. What has no label counts as normal.

    Args:
        window: points a block.
        stride: points between two blocks, in [1, window], in training as in scoring; None for
            blocks side by side.
        tail: what becomes of points after the last whole block: `overlap`, `pad` or `drop`.
        width: features of the four hidden layers before and after the latent layer.
        latent: features of the latent layer.
        scaling: `common` divides all channels by one deviation, so that scores are in the squared
            unit of the input (dB^2 for spectrograms); `channel` divides each by its own, which
            channels of different units need, and scores in squared deviations.
        level: r in (0, 1), the quantile level of the threshold a; the paper tries 0.8 to 0.999.
        held_out: the share of normal blocks, in [0, 0.5], that stage 1 does not see and that a is
            fitted on, see `hold_out`; raised to 30 blocks (clips for `bag=clip`) where that is at
            most half of them. 0, or too few blocks, fits a on stage 1's training blocks, as the
            paper does: far too low where stage 1 can memorise them.
        bag: whether stage 2 looks at the score of each `block` or of each whole `clip` (all
            blocks of a recording): a faulty clip may hold blocks that sound healthy.
        reduce: block scores to a clip's score, if `bag=clip`: `mean`, `max`, or `top_k`.
        top_k: blocks that count for `reduce=top_k`.
        anomaly_share: of a batch of stage 2, in (0, 1).
        batch_size: blocks a training step, at least 2.
        learning_rate: of Adam, in both stages.
        seed: of the initial weights and the order of the blocks.
        trainer: how long and on what to train each stage; None for the defaults.

    Attributes:
        model_: the trained network, on the CPU.
        threshold_: a, in the unit of the scores.
        gamma_: the distribution that a comes from; None if a is an empirical quantile.

    References:
        Improving the performance of an autoencoder by weakly supervised learning for anomaly
        detection (in Korean), where y = 1 is normal, r = 0.99 and each stage has 2,000 epochs.
    """

    capabilities = Capabilities(supervision="weak")
    version: ClassVar[int] = 3
    model_: WeakAutoencoderModel

    def __init__(
        self,
        window: int = 32,
        *,
        stride: int | None = None,
        tail: Tail = "overlap",
        width: int = 128,
        latent: int = 8,
        scaling: Scaling = "common",
        level: float = 0.99,
        held_out: float = 0.1,
        bag: Bag = "block",
        reduce: Literal["mean", "max", "top_k"] = "mean",
        top_k: int = 3,
        anomaly_share: float = 0.5,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        seed: int = 0,
        trainer: TrainerSettings | None = None,
    ) -> None:
        super().__init__(
            window,
            stride=stride,
            tail=tail,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
            trainer=trainer,
        )
        self.width = width
        self.latent = latent
        self.scaling = scaling
        self.level = level
        self.held_out = held_out
        self.bag = bag
        self.reduce = reduce
        self.top_k = top_k
        self.anomaly_share = anomaly_share

    @property
    def _scaling(self) -> Scaling:
        return self.scaling

    @property
    def threshold_(self) -> float:
        """a, in the unit of the scores (dB^2 for spectrograms)."""
        return float(self.model_.threshold) * self.scaler_.unit**2

    @property
    def gamma_(self) -> Gamma | None:
        """The distribution of stage 1's normal scores that a is a quantile of, if one fitted."""
        shape, scale = self.model_.gamma.tolist()
        if math.isnan(shape):
            return None
        return Gamma(shape, scale * self.scaler_.unit**2)

    def fitted_values(self) -> dict[str, float]:
        """The threshold `a`."""
        return {"a": self.threshold_}

    def _learn(self, train: tuple[Recording, ...], blocks: Bags) -> nn.Module:
        with seeded(self.seed):
            model = WeakAutoencoderModel(
                train[0].channels, self.window, width=self.width, latent=self.latent
            )
        bags = self._bags(train, blocks)
        unseen = hold_out(
            bags.normal,
            self.held_out,
            self.seed,
            fewest=FEWEST_SCORES,
            whole=self.bag == "clip",
        )
        self._train(model, model.loss, blocks.normal.without(unseen), stage="autoencoder")
        self._set_threshold(model, unseen if len(unseen) else bags.normal)

        def loss(batch: LabelledBatch) -> Tensor:
            examples, counts, anomalous = batch
            scores = self._pooled(model.block_scores(examples), counts)
            return hinge_loss(scores, anomalous, model.threshold)

        batches = BalancedBatches(bags, self.batch_size, self.anomaly_share, self.seed)
        self._train(model, loss, batches, stage="labelled anomalies")
        return model

    def _score(self, recording: Recording) -> FloatArray:
        return super()._score(recording) * self.scaler_.unit**2

    def _bags(self, train: tuple[Recording, ...], blocks: Bags) -> Bags:
        if self.bag == "block":
            return blocks
        clips = whole_clips(blocks, train)
        if not clips.anomalous.any() or clips.anomalous.all():
            raise InputError(
                "bag=clip needs normal and anomalous recordings, and all are "
                f"{'anomalous' if clips.anomalous.all() else 'normal'}; use bag=block"
            )
        return clips

    def _set_threshold(self, model: WeakAutoencoderModel, normal: Bags) -> None:
        """Fit a on the scores that normal bags have after stage 1."""
        parts = run_network(
            model, model.block_scores, normal.windows, self._settings, stage="threshold"
        )
        scores = np.concatenate([part for _, part in parts])[normal.blocks(np.arange(len(normal)))]
        bag_scores = self._pooled(torch.from_numpy(scores), torch.from_numpy(normal.counts))
        threshold, gamma = GammaThreshold(self.level).fit_with_gamma(
            bag_scores.numpy().astype(np.float64)
        )
        model.threshold.fill_(threshold)
        if gamma is not None:
            model.gamma.copy_(torch.tensor([gamma.shape, gamma.scale]))

    def _pooled(self, scores: Tensor, counts: Tensor) -> Tensor:
        return pooled(scores, counts, self.reduce, self.top_k) if self.bag == "clip" else scores

    def _check_settings(self) -> None:
        super()._check_settings()
        check_scaling(self.scaling)
        check_share(self.anomaly_share)
        check_held_out(self.held_out)
        GammaThreshold(self.level)
        if self.bag not in ("block", "clip"):
            raise ConfigError(f"bag must be block or clip, not {self.bag!r}")
        if self.reduce not in ("mean", "max", "top_k"):
            raise ConfigError(f"reduce must be mean, max or top_k, not {self.reduce!r}")
        if self.top_k < 1:
            raise ConfigError(f"top_k must be at least 1 block, not {self.top_k}")
