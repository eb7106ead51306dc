"""Attacks on a fitted detector: the smallest changes of its input that turn its scores around.

The threat: the attacker knows the detector and the labels. He changes each value by at most
`epsilon` standard deviations of its channel in training, at the points that serve his goal, and
looks at nothing but the detector's own point scores. The detector, its training data and its
threshold stay as they are. Of a machine sound the decibels of its spectrogram are changed, not the
waveform: whether a sound with that spectrogram exists is not asked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np

from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors.base import Detector
from anomalib_ts.robustness.problem import (
    Best,
    Goal,
    Problem,
    TrainingRange,
    Values,
    Wanted,
    best_of,
    wanted_of,
)
from anomalib_ts.settings.fields import check_settings, configured, setting

NOISY = 0.1
"""The share of the queries of `Square` that try noise, which some scores rise with most."""

STEP = 2.5
"""An iterative attack's step is so many times its size divided by the steps: it can turn back."""


@configured
class Attack(ABC):
    """Changes a recording so that a detector scores it wrongly.

    A new one writes `_solve`.

    Attributes:
        needs_gradient: whether it takes the gradient of the scores.
    """

    needs_gradient: ClassVar[bool] = False

    epsilon: float = setting(
        0.1, "largest change of a value, in training deviations of its channel", at_least=0
    )
    goal: Goal = setting(
        "both",
        "`hide` lowers the scores of anomalous points, `raise` raises those of normal ones, `both` "
        "does both",
    )
    clip: Literal["train"] | None = setting(
        None, "`train` keeps values from leaving the range of the training data"
    )
    seed: int = setting(0, "of what is drawn")

    def __post_init__(self) -> None:
        check_settings(self)

    def attack(
        self,
        detector: Detector,
        recording: Recording,
        train: Sequence[Recording] | TrainingRange,
        wanted: Wanted | None = None,
    ) -> Recording:
        """The recording as the attacker leaves it.

        >>> from anomalib_ts import Mahalanobis, Recording
        >>> from anomalib_ts.robustness import Square
        >>> healthy = Recording(np.random.default_rng(0).standard_normal(500))
        >>> detector = Mahalanobis().fit(healthy)
        >>> other = Recording([0.0, 9.0, 0.0], labels=[0, 1, 0])
        >>> hidden = Square(epsilon=1.0, goal="hide").attack(detector, other, [healthy])
        >>> hidden.values[:, 0].round(1).tolist()
        [0.0, 8.0, 0.0]

        Args:
            detector: fitted.
            recording: what it is to score, with labels unless `wanted` says what they are for.
            train: what the detector was fitted on, which gives the deviations.
            wanted: what is wanted of each point; by default what the goal makes of the labels.

        Returns:
            The recording with other values; itself where `epsilon` is 0.

        Raises:
            InputError: nothing says which points are anomalous.
        """
        made = list(self.attacks(detector, recording, train, wanted))
        return made[-1][1] if made else recording

    def attacks(
        self,
        detector: Detector,
        recording: Recording,
        train: Sequence[Recording] | TrainingRange,
        wanted: Wanted | None = None,
    ) -> Iterator[tuple[float, Recording]]:
        """What an attack of each size makes of the recording, the smallest size first.

        Those that it solves on its way to its own; an attack that does not go that way has one. For
        the arguments see `attack`.

        Yields:
            Pairs of a size and a recording; none where `epsilon` is 0.
        """
        wanted = wanted_of(self.goal, recording) if wanted is None else wanted
        if not self.epsilon or not wanted.any():
            return
        known = train if isinstance(train, TrainingRange) else TrainingRange.of(train)
        values = recording.values
        for rung, epsilon in enumerate(self._sizes()):
            problem = Problem.of(
                detector, recording, wanted, known, epsilon, clip=self.clip == "train"
            )
            rng = np.random.default_rng([abs(self.seed), rung])
            values = self._solve(problem, values, rng)
            yield epsilon, replace(recording, values=values)

    def for_detector(self, detector: Detector, recording: Recording) -> Attack:
        """This attack, or `Square` of the same size where it needs a gradient that there is not."""
        if not self.needs_gradient or detector.score_function(recording) is not None:
            return self
        shared: dict[str, Any] = {
            name: getattr(self, name) for name in ("epsilon", "goal", "clip", "seed")
        }
        if isinstance(self, IterativeAttack):
            shared["sizes"] = self.sizes
        return Square(**shared)

    def _sizes(self) -> list[float]:
        """The sizes that are solved one after another, the attack's own last."""
        return [self.epsilon]

    @abstractmethod
    def _solve(self, problem: Problem, start: Values, rng: np.random.Generator) -> Values:
        """Values `(n, c)` that serve the attacker.

        Args:
            problem: what is wanted.
            start: values that are allowed: the recording's, or what a smaller attack came to.
            rng: for what is drawn.
        """


@configured
class Noise(Attack):
    """Moves each value by `epsilon` up or down at random: what an attack is to be compared with.

    >>> Noise(epsilon=-1)
    Traceback (most recent call last):
    ...
    anomalib_ts.errors.ConfigError: epsilon must be at least 0, not -1
    """

    def _solve(self, problem: Problem, start: Values, rng: np.random.Generator) -> Values:
        signs = rng.choice([-1.0, 1.0], size=start.shape)
        return problem.projected(start + signs * problem.radius)


@configured
class Fgsm(Attack):
    """One step of full size along the sign of the gradient.

    A long step can overshoot: where it should hide an anomaly it may give it away. `Pgd` does not.

    References:
        Goodfellow et al., Explaining and harnessing adversarial examples, ICLR, 2015.
    """

    needs_gradient: ClassVar[bool] = True

    def _solve(self, problem: Problem, start: Values, rng: np.random.Generator) -> Values:
        from anomalib_ts.robustness.gradient import gains_and_gradient  # noqa: PLC0415 - torch

        del rng
        _, gradient = gains_and_gradient(problem, start)
        return problem.projected(start + np.sign(gradient) * problem.radius)


@configured
class IterativeAttack(Attack):
    """An attack that starts from what the next smaller one came to, and is never worse than it.

    Along the sizes the attacker's gain, the sum of the scores that he wants higher less those that
    he wants lower, rises by construction.
    """

    sizes: tuple[float, ...] = setting(
        (0.05, 0.1, 0.2, 0.5),
        "sizes that a curve is drawn over: those below `epsilon` are solved before it, each from "
        "where the one before ended",
    )

    def _sizes(self) -> list[float]:
        return [*sorted({size for size in self.sizes if 0 < size < self.epsilon}), self.epsilon]


@configured
class Pgd(IterativeAttack):
    """Projected gradient: many steps along the sign of the gradient, the best of them kept.

    Started once where the smaller attack ended and once at random.

    >>> from anomalib_ts import DenseAutoencoder, Recording, TrainerSettings
    >>> wave = np.sin(np.arange(400) / 5)
    >>> quick = TrainerSettings(max_steps=2)
    >>> detector = DenseAutoencoder(window=8, width=8, trainer=quick).fit(wave[:200])
    >>> test = Recording(wave[200:], labels=np.zeros(200))
    >>> other = Pgd(epsilon=0.1, goal="raise").attack(detector, test, [Recording(wave[:200])])
    >>> bool(detector.score(other).mean() > detector.score(test).mean())
    True

    References:
        Madry et al., Towards deep learning models resistant to adversarial attacks, ICLR, 2018.
    """

    needs_gradient: ClassVar[bool] = True

    steps: int = setting(20, "of the gradient, from each start", at_least=1)

    def _solve(self, problem: Problem, start: Values, rng: np.random.Generator) -> Values:
        from anomalib_ts.robustness.gradient import gains_and_gradient  # noqa: PLC0415 - torch

        drawn = problem.low + rng.random(start.shape) * (problem.high - problem.low)
        candidates = [start]
        for first in (start, problem.projected(drawn)):
            values = first
            gains, gradient = gains_and_gradient(problem, values)
            best = Best(problem, values, gains)
            for _ in range(self.steps):
                step = np.sign(gradient) * (STEP / self.steps * problem.radius)
                values = problem.projected(values + step)
                gains, gradient = gains_and_gradient(problem, values)
                best.offer(values, gains)
            candidates += best.candidates()
        return best_of(problem, candidates)


@configured
class Square(IterativeAttack):
    """Black box: random stretches go up or down by `epsilon`, and stay so where that helps.

    First all points of a stretch go up or down each by itself, as under `Noise`, then stretches as
    a whole, which become shorter until they are points. Where it is known how far a score reaches
    (`Detector.margins`), many are tried at once, so far apart that no score sees two of them.

    References:
        Andriushchenko et al., Square attack: a query-efficient black-box adversarial attack via
        random search, ECCV, 2020.
    """

    queries: int = setting(100, "scorings of the recording, for each size", at_least=1)

    def _solve(self, problem: Problem, start: Values, rng: np.random.Generator) -> Values:
        values, gains = start, problem.gains(start)
        lengths = np.diff(problem.starts, append=len(start))
        for query in range(self.queries):
            wide = np.maximum(lengths * 0.5 ** (1 + 6 * query // self.queries), 1).astype(int)
            first = problem.starts + (rng.random(len(wide)) * (lengths - wide + 1)).astype(int)
            signs = rng.choice([-1.0, 1.0], size=(len(wide), start.shape[1]))
            active = np.arange(len(wide)) % 2 == query % min(2, len(wide))
            place = np.arange(len(start)) - first[problem.segment]
            inside = (place >= 0) & (place < wide[problem.segment]) & active[problem.segment]
            change = signs[problem.segment]
            if query < max(2, NOISY * self.queries):
                inside, change = active[problem.segment], rng.choice([-1.0, 1.0], size=start.shape)
            moved = problem.recording.values + change * problem.radius
            tried = problem.projected(np.where(inside[:, None], moved, values))
            found = problem.gains(tried)
            better = active & (problem.near_gains(found) > problem.near_gains(gains))
            values = np.where(better[problem.segment][:, None], tried, values)
            gains = np.where(problem.near(better), found, gains)
        return best_of(problem, [start, values])


@configured
class Spsa(IterativeAttack):
    """Black box: the gradient is estimated from two scorings, then as `Pgd`.

    All values move at random at once (simultaneous perturbation), each segment judged by the
    scores near it.

    References:
        Uesato et al., Adversarial risk and the dangers of evaluating against weak attacks, ICML,
        2018.
    """

    queries: int = setting(100, "scorings of the recording, for each size", at_least=3)

    def _solve(self, problem: Problem, start: Values, rng: np.random.Generator) -> Values:
        steps = self.queries // 3
        values, best = start, Best(problem, start, problem.gains(start))
        for _ in range(steps):
            signs = rng.choice([-1.0, 1.0], size=start.shape)
            ends = [
                problem.near_gains(problem.gains(problem.projected(values + side)))
                for side in (0.5 * signs * problem.radius, -0.5 * signs * problem.radius)
            ]
            uphill = np.sign(ends[0] - ends[1])[problem.segment][:, None] * signs
            values = problem.projected(values + uphill * (STEP / steps * problem.radius))
            best.offer(values, problem.gains(values))
        return best_of(problem, [start, *best.candidates()])
