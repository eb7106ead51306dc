"""What the base class does for every detector: checks, labels withheld, saving."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors.base import Capabilities, Detector, load_detector
from anomalib_ts.detectors.classical.iforest import IForest
from anomalib_ts.errors import AnomalibTsWarning, ContractError, InputError, NotFittedError


class Spy(Detector):
    """Keeps what it is given; returns what it is told to."""

    def __init__(self, scores=None):
        self.scores = scores

    def _fit(self, train):
        self.train_ = train
        self.seen_ = []

    def _score(self, recording):
        self.seen_.append(recording)
        return recording.values[:, 0] if self.scores is None else self.scores


class WeakSpy(Spy):
    capabilities = Capabilities(supervision="weak")


class OneChannelSpy(Spy):
    capabilities = Capabilities(multivariate=False)


class MachineSpy(Spy):
    capabilities = Capabilities(needs_machine_ids=True)


class FailsToFit(Spy):
    def _fit(self, train):
        raise InputError("too short")


LABELLED = Recording([1.0, 2.0, 3.0], [0, 1, 0], 1, "pump", machine_id="id_00")


def test_fit_returns_the_detector_and_counts_channels():
    detector = Spy()
    assert detector.fit(np.ones((5, 3))) is detector
    assert detector.n_channels_ == 3


def test_labels_are_withheld_unless_declared():
    (seen,) = Spy().fit(LABELLED).train_
    assert (seen.labels, seen.label, seen.kind) == (None, None, "")
    (seen,) = WeakSpy().fit(LABELLED).train_
    assert (seen.labels.tolist(), seen.label) == ([0, 1, 0], 1)


@pytest.mark.parametrize("kind", [Spy, WeakSpy])
def test_labels_of_a_scored_recording_are_always_withheld(kind):
    detector = kind().fit(LABELLED)
    detector.score(replace(LABELLED, kind="bearing", domain="target"))
    seen = detector.seen_[-1]
    assert (seen.labels, seen.label, seen.kind, seen.domain) == (None, None, "", "")


def test_a_detector_never_sees_the_name_of_a_recording():
    named = replace(LABELLED, name="anomaly_id_00_00000001.wav")
    detector = WeakSpy().fit([named, named])
    detector.score(named)
    seen = [recording.name for recording in (*detector.train_, *detector.seen_)]
    assert seen == ["training recording 0", "training recording 1", "recording"]


def test_what_a_detector_is_given_shares_no_memory_with_anything():
    series = Recording(np.arange(100.0))
    detector = Spy().fit(series[:10])
    detector.score(series[10:])
    for seen in (*detector.train_, *detector.seen_):
        owner = seen.values
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        assert owner.size == len(seen)
        owner.setflags(write=True)
        owner[:] = 7
    assert series.values[:, 0].tolist() == list(range(100))


@pytest.mark.parametrize("name", ["fit", "score"])
@pytest.mark.parametrize("base", [Spy, IForest])
def test_fit_and_score_cannot_be_overridden(name, base):
    kind = type("Sly", (base,), {name: lambda self, *_: self})
    with pytest.raises(ContractError, match=f"Sly overrides `{name}`.* write `_{name}` instead"):
        kind()


def test_settings_changed_after_fit_count_for_the_next_fit_only():
    values = np.random.default_rng(0).standard_normal((200, 1))
    detector = IForest(window=8, trees=5).fit(values)
    before = detector.score(values)
    detector.set_params(window=16, seed=3)
    np.testing.assert_array_equal(detector.score(values), before)
    assert not np.array_equal(detector.fit(values).score(values), before)


def test_channels_are_matched_by_name():
    frame = pd.DataFrame({"flow": [1.0, 2, 3, 4], "pressure": [10.0, 30, 20, 40]})
    detector = Spy().fit(frame)
    assert detector.channel_names_ == ("flow", "pressure")
    np.testing.assert_array_equal(
        detector.score(frame[["pressure", "flow"]]), detector.score(frame)
    )
    with pytest.raises(InputError, match=r"has the channels flow, speed, .* had flow, pressure"):
        detector.score(frame.rename(columns={"pressure": "speed"}))
    with pytest.warns(AnomalibTsWarning, match="recording has no channel names"):
        detector.score(frame.to_numpy())
    with pytest.raises(InputError, match="another training recording had"):
        Spy().fit([frame, frame.rename(columns={"pressure": "speed"})])
    swapped = Spy().fit([frame, frame[["pressure", "flow"]]])
    np.testing.assert_array_equal(swapped.scaler_.mean, detector.scaler_.mean)


def test_scores_come_back_as_float64():
    scores = Spy().fit([1.0, 3.0]).score([3.0, 4.0])
    assert scores.dtype == np.float64
    assert scores.tolist() == [1.0, 2.0]  # deviations from the training mean


@pytest.mark.parametrize("y", [None, np.ones(3)])
def test_a_scikit_learn_target_is_ignored(y):
    scores = Spy().fit([1.0, 3.0], y).score([1.0, 3.0], y)
    assert scores.tolist() == [-1, 1]


def test_an_unfitted_detector_refuses_to_score():
    with pytest.raises(NotFittedError, match="Spy must be fitted before it can score"):
        Spy().score([1.0])


def test_a_failed_fit_leaves_the_detector_unfitted():
    detector = FailsToFit()
    with pytest.raises(InputError, match="too short"):
        detector.fit([1.0])
    with pytest.raises(NotFittedError):
        detector.score([1.0])


def test_training_recordings_must_agree_in_channels():
    with pytest.raises(InputError, match=r"training recordings differ in channels: \[1, 2\]"):
        Spy().fit([np.ones((3, 1)), np.ones((3, 2))])


def test_a_scored_recording_must_have_the_channels_of_training():
    with pytest.raises(InputError, match="pump has 1 channels, Spy was fitted on 2"):
        Spy().fit(np.ones((3, 2))).score(LABELLED)


def test_a_detector_of_one_channel_refuses_two():
    message = "OneChannelSpy takes one channel, recording has 2; choose one, or a multivariate"
    with pytest.raises(InputError, match=message):
        OneChannelSpy().fit(np.ones((3, 2)))
    OneChannelSpy().fit(np.ones((3, 1)))


def test_a_detector_of_machines_needs_two():
    with pytest.raises(InputError, match="MachineSpy tells machines apart"):
        MachineSpy().fit([LABELLED, LABELLED])
    MachineSpy().fit([LABELLED, Recording([1.0], machine_id="id_02")])


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros(2), r"Spy returned scores of shape \(2,\) for pump of 3 points"),
        (np.zeros((3, 1)), r"Spy returned scores of shape \(3, 1\) for pump of 3 points"),
        (0.5, r"Spy returned scores of shape \(\) for pump of 3 points"),
        ([0, np.nan, 0], "Spy scored point 1 of pump as nan"),
        ([0, 0, np.inf], "Spy scored point 2 of pump as inf"),
    ],
)
def test_scores_against_the_contract_are_an_error(scores, message):
    detector = Spy(scores).fit(LABELLED)
    with pytest.raises(ContractError, match=message):
        detector.score(LABELLED)


def test_a_saved_detector_comes_back_fitted(tmp_path):
    detector = Spy().fit(LABELLED)
    path = detector.save(tmp_path / "deep" / "detector.ats")
    loaded = load_detector(path)
    assert isinstance(loaded, Spy)
    np.testing.assert_array_equal(loaded.score(LABELLED), detector.score(LABELLED))


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = Spy().fit(LABELLED).save(tmp_path / "detector.ats")
    before = path.read_bytes()
    broken = Spy().fit(LABELLED)
    broken.hook_ = lambda: None
    with pytest.raises(ContractError, match=r"Spy\['hook_'\] is a function"):
        broken.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_clone_is_unfitted_with_the_same_parameters():
    copy = clone(Spy(scores=(1, 2)).fit(LABELLED))
    assert copy.get_params() == {"scores": (1, 2)}
    with pytest.raises(NotFittedError):
        copy.score(LABELLED)


def test_the_base_class_cannot_be_used_alone():
    with pytest.raises(TypeError, match="abstract"):
        Detector()
