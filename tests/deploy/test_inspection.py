"""What `anomalib-ts check` finds in data that somebody spoilt."""

import numpy as np
import pytest

from anomalib_ts import Recording
from anomalib_ts.deploy.inspection import advice, findings

WAVE = np.sin(np.arange(3000) / 9) + 0.05 * np.random.default_rng(0).standard_normal(3000)


def spoilt(what):
    second = np.cos(np.arange(3000) / 11)
    if what == "constant":
        second = np.full(3000, 7.0)
    elif what == "clipped":
        second = np.minimum(second, 0.6)
    elif what == "still":
        second[500:700] = second[500]
    elif what == "alike":
        second = 3 * WAVE + 5
    elif what == "switch":
        second = (second > 0).astype(float)
    return Recording(np.stack([WAVE, second], axis=1), channel_names=("flow", "heat"))


@pytest.mark.parametrize("what", ["constant", "clipped", "still", "alike"])
def test_each_is_found_and_named(what):
    (finding,) = findings(spoilt(what))
    assert finding.what == what
    assert "'heat'" in finding.text


@pytest.mark.parametrize("what", ["nothing", "switch"])
def test_what_is_well_is_left_alone(what):
    assert findings(spoilt(what)) == []


def test_labels_are_counted():
    labels = np.zeros(3000, int)
    labels[:30] = 1
    (finding,) = findings(Recording(WAVE, labels=labels))
    assert "30 points (1.0%)" in finding.text


def test_the_period_is_a_window():
    assert any(
        "detector.window=57" in line or "detector.window=56" in line
        for line in advice(Recording(np.sin(np.arange(3000) / 9)))
    )
    assert "no channel repeats itself" in advice(Recording(np.arange(3000.0)))[0]


def test_short_series_are_not_for_networks():
    assert any("300 points are few" in line for line in advice(Recording(WAVE[:300])))
