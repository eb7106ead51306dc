"""The conformance suite: does a detector, or a data set, keep the contract it declares?

For a detector of your own, in your own test file:

    from anomalib_ts.testing import detector_checks

    CHECKS = detector_checks(MyDetector(window=16, epochs=1))

    @pytest.mark.parametrize("check", [pytest.param(run, id=name) for name, run in CHECKS])
    def test_contract(check):
        check()

Pass a small configuration: the suite fits some twenty clones on recordings of a few hundred
points (longer if the detector has an integer parameter `window` above 64). A detector whose reach
is long for another reason than its `window` is best checked with a short reach.

A data set is checked by `check_data_set(MyData())`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

from anomalib_ts.detectors.base import Capabilities, Detector
from anomalib_ts.errors import AnomalibTsWarning
from anomalib_ts.testing import (
    blame,
    channels,
    gradient,
    isolation,
    lifecycle,
    output,
    streaming,
    units,
)
from anomalib_ts.testing.data_sets import check_data_set
from anomalib_ts.testing.probe import Check, Probe

__all__ = ["check_data_set", "check_detector", "detector_checks"]

# From the plain to the subtle: a later check takes for granted what an earlier one tests.
_CHECKS: tuple[Check, ...] = (
    lifecycle.PARAMETERS,
    *output.CHECKS,
    *lifecycle.CHECKS,
    isolation.HISTORY,
    *lifecycle.AFTER_HISTORY,
    *isolation.CHECKS,
    *channels.CHECKS,
    *blame.CHECKS,
    *streaming.CHECKS,
    *gradient.CHECKS,
    *units.CHECKS,
)


def check_detector(detector: Detector) -> None:
    """Run every check that applies to what the detector declares, up to the first that fails.

    >>> from anomalib_ts import MovingMean
    >>> check_detector(MovingMean(window=5))

    Args:
        detector: an unfitted detector, in a small configuration. It is cloned, never fitted.

    Raises:
        AssertionError: the detector breaks the contract; the message says which rule, how it
            was seen and what to do.
        TypeError: `detector` is not an instance of a `Detector`.
    """
    for _, check in detector_checks(detector):
        check()


def detector_checks(detector: Detector) -> list[tuple[str, Callable[[], None]]]:
    """The checks of `check_detector` one by one, for pytest's `parametrize`.

    >>> from anomalib_ts import MovingMean
    >>> checks = dict(detector_checks(MovingMean(window=5)))
    >>> len(checks) > 10
    True

    Returns:
        Pairs of a check's name and a function without arguments that raises AssertionError.
    """
    if not isinstance(detector, Detector):
        raise TypeError(f"check_detector takes an instance of a Detector, not {detector!r}")
    if not isinstance(detector.capabilities, Capabilities):
        raise TypeError(f"{type(detector).__name__}.capabilities must be a Capabilities object")
    probe = Probe(detector)
    applicable = [check for check in _CHECKS if check.applies(detector.capabilities)]
    return [(check.name, partial(_run, check, probe)) for check in applicable]


def _run(check: Check, probe: Probe) -> None:
    try:
        with warnings.catch_warnings():
            # Recordings of one point may well make a detector warn: that is not a breach.
            warnings.simplefilter("ignore", AnomalibTsWarning)
            check.run(probe)
    except AssertionError as error:
        raise AssertionError(f"{probe.name} fails the check {check.name!r}. {error}") from None
    except Exception as error:
        raise AssertionError(
            f"{probe.name} fails the check {check.name!r} ({check.rule}): it raised "
            f"{type(error).__name__}: {error}"
        ) from error
