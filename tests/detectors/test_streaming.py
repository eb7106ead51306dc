"""Streams: any blocks give the scores of the whole recording, in bounded memory."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalib_ts.detectors import (
    Autoencoder,
    Cnn,
    DenseAutoencoder,
    FastFlow1D,
    IForest,
    Mahalanobis,
    MobileFaceNet,
    MovingMean,
    Poly,
    RandomScore,
)
from anomalib_ts.detectors.base import Capabilities, Detector
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.streaming import PIECE, Margins
from anomalib_ts.errors import ContractError, InputError, NotFittedError
from anomalib_ts.testing.probe import Probe
from anomalib_ts.testing.streaming import streamed

BRIEF = TrainerSettings(accelerator="cpu", max_steps=3, progress=False)
DENSE = {"width": 8, "latent": 2, "trainer": BRIEF}
DETECTORS = [
    MovingMean(window=2),
    MovingMean(window=25),
    Mahalanobis(window=1),
    Mahalanobis(window=9),
    IForest(window=6, trees=5),
    Autoencoder(window=12, width=4, features=2, trainer=BRIEF),
    FastFlow1D(window=12, width=4, features=2, flow_steps=2, smoothing=6, trainer=BRIEF),
    Poly(window=9, neighbourhood=21),
    Cnn(window=14, trainer=BRIEF),
    *(DenseAutoencoder(window=6, stride=4, tail=tail, **DENSE) for tail in ("pad", "drop")),
    DenseAutoencoder(window=6, stride=6, **DENSE),
    DenseAutoencoder(window=7, stride=1, **DENSE),
    DenseAutoencoder(window=1, **DENSE),
]
FITTED = [Probe(detector).fitted(2) for detector in DETECTORS]
TEST = Probe(MovingMean()).test(2)


@pytest.mark.parametrize("detector", FITTED, ids=lambda one: f"{type(one).__name__}-{one.window}")
@settings(deadline=None, max_examples=25)
@given(
    length=st.integers(1, 120),
    sizes=st.lists(st.one_of(st.just(1), st.integers(1, 50)), max_size=120),
)
def test_blocks_of_any_size_give_the_scores_of_the_whole(detector, length, sizes):
    whole = detector.score(TEST[:length])
    blocks = streamed(detector, TEST[:length], sizes)
    assert blocks.shape == whole.shape
    np.testing.assert_allclose(blocks, whole, rtol=0, atol=1e-6 * whole.max())


@pytest.mark.parametrize("detector", FITTED, ids=lambda one: f"{type(one).__name__}-{one.window}")
def test_what_is_kept_is_a_few_windows_however_long_the_stream(detector):
    stream, margins = detector.stream(), detector._margins
    for _ in range(60):
        stream.push(np.zeros((10, 2)))
        assert len(stream._kept) <= margins.before + margins.after + margins.step + 10


def test_a_long_block_is_scored_in_pieces():
    longest = 0

    class Watched(MovingMean):
        def _score(self, recording):
            nonlocal longest
            longest = max(longest, len(recording))
            return super()._score(recording)

    values = np.random.default_rng(0).standard_normal(3 * PIECE)
    detector = Watched(window=11).fit(values[:100])
    stream = detector.stream()
    scores = np.concatenate([stream.push(values), stream.finish()])
    assert longest <= PIECE + 11
    np.testing.assert_allclose(scores, MovingMean(window=11).fit(values[:100]).score(values))


def test_single_points_are_numbers_or_rows():
    one = MovingMean(window=3).fit(TEST.values[:, 0])
    stream = one.stream()
    scores = [*(stream.push(float(value)) for value in TEST.values[:9, 0]), stream.finish()]
    np.testing.assert_allclose(np.concatenate(scores), one.score(TEST.values[:9, 0]))
    table = pd.DataFrame(TEST.values, columns=["flow", "heat"])
    two = MovingMean(window=3).fit(table)
    stream = two.stream()
    scores = [*(stream.push(row) for row in TEST.values[:9]), stream.finish()]
    np.testing.assert_allclose(np.concatenate(scores), two.score(table[:9]))


def test_channels_of_blocks_are_matched_by_name():
    table = pd.DataFrame(TEST.values, columns=["flow", "heat"])
    detector = MovingMean(window=3).fit(table)
    stream = detector.stream()
    scores = [stream.push(table[:20]), stream.push(table[["heat", "flow"]][20:]), stream.finish()]
    np.testing.assert_allclose(np.concatenate(scores), detector.score(table))
    with pytest.raises(InputError, match="block has 3 channels"):
        detector.stream().push(np.zeros((5, 3)))


def test_the_machine_of_a_stream_counts():
    probe = Probe(MobileFaceNet(window=16, width=4, embedding=4, trainer=BRIEF))
    detector, test = probe.fitted(), probe.test()[:100]
    np.testing.assert_allclose(
        streamed(detector, test, [30, 30]), detector.score(test), atol=1e-6, rtol=1e-6
    )


def test_an_empty_stream_has_no_scores_and_a_finished_one_takes_no_points():
    stream = FITTED[0].stream()
    assert stream.finish().shape == (0,)
    with pytest.raises(InputError, match="this stream is finished"):
        stream.push([1.0, 2.0])


def test_settings_changed_after_fit_do_not_change_a_stream():
    detector = MovingMean(window=5).fit(TEST)
    before = detector.score(TEST)
    detector.set_params(window=9)
    np.testing.assert_allclose(streamed(detector, TEST, [50] * 9), before)


class Pointwise(Detector):
    def _fit(self, train):
        pass

    def _score(self, recording):
        return np.abs(recording.values).sum(axis=1)


def test_who_cannot_stream_says_so():
    class WholeRecording(MovingMean):
        capabilities = Capabilities(transductive=True)
        _margins = Detector._margins

    for detector in (RandomScore(), Pointwise(), WholeRecording()):
        with pytest.raises(InputError, match=f"{type(detector).__name__} cannot score a stream"):
            detector.fit(TEST).stream()
    with pytest.raises(NotFittedError):
        MovingMean().stream()


def test_margins_come_from_the_window_unless_declared():
    class Plain(Pointwise):
        def __init__(self, window=7):
            self.window = window

    class Causal(Plain):
        capabilities = Capabilities(causal=True)

    assert Plain().fit(TEST)._margins == Margins(7, 7, 7)
    assert Causal().fit(TEST)._margins == Margins(7, 0, 7)
    stream = Causal().fit(TEST).stream()
    assert [len(stream.push(row)) for row in TEST.values[:3]] == [1, 1, 1]


def test_scores_of_a_wrong_shape_are_a_breach_here_too():
    class OneTooMany(Pointwise):
        _margins = Margins(0, 0)

        def _score(self, recording):
            return np.zeros(len(recording) + 1)

    with pytest.raises(ContractError, match="OneTooMany returned scores of shape"):
        OneTooMany().fit(TEST).stream().push(TEST)
