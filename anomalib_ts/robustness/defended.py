"""A detector behind defences against small changes of its input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from anomalib_ts.core.recording import FloatArray, Recording, RecordingLike, as_recording
from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.capabilities import Capabilities, by_settings
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.streaming import Margins
from anomalib_ts.errors import ConfigError
from anomalib_ts.robustness.attack import Pgd
from anomalib_ts.saved.values import storable
from anomalib_ts.settings.config import Settings, create, handed_down
from anomalib_ts.settings.fields import configured, setting

if TYPE_CHECKING:
    from anomalib_ts.detectors.deep.score_function import ScoreFunction

DENSE_AUTOENCODER = {"_target_": "anomalib_ts.detectors.DenseAutoencoder"}
"""The detector unless another is set."""


def behind(settings: Mapping[str, Any]) -> Settings:
    """Settings of the detector that a `Defended` of these settings defends, with what it is handed.

    Raises:
        ConfigError: its target may not be imported, or is not there.
    """
    inner = settings.get("detector") or DENSE_AUTOENCODER
    return handed_down(inner, settings, "detector.detector")


@configured
class Defended(Detector):
    """Any detector that is shown changed values, in training, too, so that attacks reach it less.

    With standardised values z of one channel, clipping to the training range `[l, h]` and a mean
    over `2 k + 1` points, it is shown `g(z)_t = mean of min(max(z_i, l), h) over i = t-k .. t+k`
    (the first and last value are repeated beyond the ends). With several copies, its score is the
    mean of those of `g(z + noise)`, the noise drawn once for all recordings from the seed. With
    adversarial training it is fitted, its training data are attacked so that their scores rise
    (`Pgd`, or `Square` for detectors without a gradient), and it is fitted anew on both.

    The gradient goes through all of it: an attacker who knows the defence is what it is measured
    against. What defences gain and cost is in benchmarks/attacks.

    >>> from anomalib_ts.robustness import Defended
    >>> inner = {"_target_": "anomalib_ts.detectors.Mahalanobis"}
    >>> wave = np.sin(np.arange(200) / 5)
    >>> plain, clipped = (Defended(detector=inner, clip=clip).fit(wave) for clip in (False, True))
    >>> bool(plain.score([0.0, 50.0])[1] > clipped.score([0.0, 50.0])[1])
    True

    Attributes:
        detector_: fitted, see `detector`.
        low_, high_: `(c,)` the range of training, standardised.

    References:
        Guo et al., Countering adversarial images using input transformations, ICLR, 2018; Cohen et
        al., Certified adversarial robustness via randomized smoothing, ICML, 2019; Madry et al.,
        Towards deep learning models resistant to adversarial attacks, ICLR, 2018.
    """

    capabilities = by_settings(Capabilities(), lambda one: one._declared())

    detector: dict[str, Any] | None = setting(
        None,
        "settings of the detector that is defended, `_target_` and all; None for "
        "`dense_autoencoder` as it is",
        describes="detector",
    )
    clip: bool = setting(False, "whether values are brought into the range of training")
    smoothing: int = setting(1, "a value becomes the mean over so many points, odd", at_least=1)
    copies: int = setting(1, "noisy copies whose mean score counts", at_least=1)
    noise: float = setting(
        0.0, "deviation of the noise of these copies, in training deviations", at_least=0.0
    )
    rounds: int = setting(0, "of adversarial training, one more fit each", at_least=0)
    epsilon: float = setting(
        0.2, "size of the attack in adversarial training, in training deviations", at_least=0.0
    )
    seed: int = setting(0, "of the noise and the attack, and of the detector unless it has its own")
    trainer: TrainerSettings | None = setting(
        None, "how long and on what to train the detector, if it is deep and has none of its own"
    )

    def _check_settings(self) -> None:
        super()._check_settings()
        if self.smoothing % 2 == 0:
            raise ConfigError(f"detector.smoothing must be odd, not {self.smoothing}")
        if (self.copies > 1) != (self.noise > 0):
            raise ConfigError(
                "detector.copies above 1 and detector.noise above 0 go together: copies without "
                "noise are equal, and one noisy copy is a worse detector"
            )
        self._unfitted()

    def _unfitted(self) -> Detector:
        made: Detector = create(behind(vars(self)), "detector.detector", "detector")
        return made

    def _declared(self) -> dict[str, Any]:
        inner = vars(self._unfitted().capabilities)
        return inner | {"causal": inner["causal"] and self.smoothing == 1}

    def _fit(self, train: tuple[Recording, ...]) -> None:
        values = np.concatenate([one.values for one in train])
        self.low_, self.high_ = values.min(axis=0), values.max(axis=0)
        shown = [self._shown(one) for one in train]
        self.detector_ = self._unfitted().fit(shown)
        for number in range(self.rounds):
            settings: dict[str, Any] = {"epsilon": self.epsilon, "goal": "raise", "sizes": ()}
            attack = Pgd(**settings, seed=self.seed + number)
            attacked = [self._attacked(attack, one, shown) for one in shown]
            self.detector_ = self._unfitted().fit([*shown, *attacked])

    def _attacked(self, attack: Pgd, recording: Recording, train: list[Recording]) -> Recording:
        """A training recording whose normal points score as high as can be."""
        wanted = (~recording.anomalous_points).astype(np.int8)
        by = attack.for_detector(self.detector_, recording)
        return by.attack(self.detector_, recording, train, wanted)

    def _score(self, recording: Recording) -> FloatArray:
        scores = [
            self.detector_.score(self._shown(recording, noise))
            for noise in self._noises(recording.values.shape)
        ]
        mean: FloatArray = np.mean(scores, axis=0)
        return mean

    def _noises(self, shape: tuple[int, ...]) -> list[NDArray[np.float32]]:
        """What is added to each copy; the same at the same point of every recording."""
        if not self.noise:
            return [np.zeros(shape, dtype=np.float32)]
        draws = [np.random.default_rng([abs(self.seed), i]) for i in range(self.copies)]
        return [(self.noise * rng.standard_normal(shape)).astype(np.float32) for rng in draws]

    def _shown(self, recording: Recording, noise: NDArray[np.float32] | None = None) -> Recording:
        values = recording.values if noise is None else recording.values + noise
        if self.clip:
            values = np.clip(values, self.low_, self.high_)
        if self.smoothing > 1:
            values = uniform_filter1d(values, self.smoothing, axis=0, mode="nearest")
        return replace(recording, values=values)

    @property
    def _margins(self) -> Margins | None:
        """Those of the detector and the smoothing; None with noise, which goes by place."""
        margins = self.detector_.margins()
        if margins is None or self.noise:
            return None
        half = self.smoothing // 2
        return Margins(margins.before + half, margins.after + half, margins.shortest, margins.step)

    def score_function(self, recording: RecordingLike) -> ScoreFunction | None:
        """Through the defence, see `Detector.score_function`."""
        from anomalib_ts.detectors.deep.score_function import channel_order  # noqa: PLC0415
        from anomalib_ts.robustness.defended_scores import defended_scores  # noqa: PLC0415

        fitted, item = self._as_fitted(), as_recording(recording)
        given = self._prepared(item)
        inner = fitted.detector_.score_function(fitted._shown(given))
        if inner is None:
            return None
        noises = fitted._noises(given.values.shape)
        bounds = (fitted.low_, fitted.high_) if fitted.clip else None
        of_points = defended_scores(inner, noises, bounds, fitted.smoothing)
        order = channel_order(item, self.channel_names_)
        return replace(inner, of_points=of_points, scaler=self.scaler_, order=order)

    def _state(self) -> dict[str, Any]:
        """The detector behind it by what it has learnt."""
        state = super()._state()
        return state | {"detector_": state["detector_"]._state()}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        self.detector_ = self._as_fitted()._unfitted()
        self.detector_._check_settings()
        self.detector_._restore(state["detector_"])


storable(Defended)
