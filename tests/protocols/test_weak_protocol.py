"""The weak protocol: who is given the labelled anomalies."""

from dataclasses import replace

import numpy as np
import pytest

from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case
from anomalib_ts.errors import AnomalibTsWarning, InputError
from anomalib_ts.protocols.base import Given, Weak

KINDS = ("rubbing", "bearing", "bearing", "imbalance")
CLIPS = tuple(
    Recording(
        np.full(4, i),
        label=int(i >= 12),
        name=f"clip {i}",
        machine_id=f"id_{i % 2}",
        kind=KINDS[i % 4] if i >= 12 else "",
    )
    for i in range(20)
)
CASE = Case("fan", train=CLIPS[:8], test=CLIPS[8:])


def names(recordings):
    return {recording.name for recording in recordings}


def test_every_clip_is_dealt_once():
    split = Weak(n_test_normal=4, n_test_anomalous=3).deal(CASE)
    assert sum(r.label for r in split.test) == 3
    assert len(split.test) == 7
    assert names(split.train).isdisjoint(names(split.test))
    assert names(split.train) | names(split.test) == names(CLIPS)


def test_only_detectors_that_learn_from_labels_are_given_the_anomalies():
    protocol = Weak(n_test_normal=4, n_test_anomalous=3, n_train_anomalous=2)
    split = protocol.deal(CASE)
    weak, others = protocol.training(split, "weak"), protocol.training(split, "none")
    assert sum(r.label for r in weak) == 2
    assert names(others) == {r.name for r in weak if r.label == 0}
    assert len(others) == 8


def test_other_protocols_train_every_detector_on_the_same():
    assert Given().training(CASE, "none") == Given().training(CASE, "weak") == CASE.train


def test_labelled_anomalies_in_the_given_part_train_only_detectors_that_know_them():
    anomalous = tuple(r for r in CASE.test if r.label == 1)
    case = replace(CASE, train=(*anomalous, *CASE.train))
    assert Given().training(case, "weak") == case.train
    n, total = len(anomalous), len(case.train)
    message = f"{case.name}: {n} of {total} training recordings are labelled as anomalous, first "
    with pytest.warns(AnomalibTsWarning, match=f"{message}{anomalous[0].name}.* left out"):
        assert Given().training(case, "none") == CASE.train
    with pytest.raises(InputError, match="learns without labels needs normal ones"):
        Given().training(replace(CASE, train=anomalous), "none")


def test_labelled_points_in_the_given_part_are_told():
    labels = np.array([0, 0, 1, 1, 0])
    series = Recording(np.arange(5.0), labels=labels, name="x.train")
    case = Case("x", train=(series,), test=(series,))
    with pytest.warns(AnomalibTsWarning, match=r"x: 2 of 5 training points .* first in x\.train"):
        assert Given().training(case, "none") == (series,)
    assert Given().training(case, "weak") == (series,)


def test_the_draw_depends_on_the_seed():
    first, again, other = (names(Weak(seed=seed).deal(CASE).test) for seed in (0, 0, 1))
    assert first == again != other


def test_too_few_clips_are_told():
    with pytest.raises(InputError, match="200 are asked for, but there are 12"):
        Weak(n_test_normal=200).deal(CASE)


def kinds(recordings):
    return [recording.kind for recording in recordings if recording.label == 1]


@pytest.mark.parametrize("seed", range(5))
def test_unlabelled_kinds_never_train_and_the_tested_clips_stay(seed):
    plain = Weak(4, 4, seed=seed).deal(CASE)
    for unlabelled in (["bearing"], ["rubbing", "imbalance"]):
        split = Weak(4, 4, unlabelled_kinds=unlabelled, seed=seed).deal(CASE)
        assert names(split.test) == names(plain.test)
        left = [kind for kind in kinds(plain.train) if kind not in unlabelled]
        assert kinds(split.train) == left
        assert names(r for r in split.train if r.label == 0) == names(
            r for r in plain.train if r.label == 0
        )
    assert not kinds(Weak(4, 4, unlabelled_kinds=sorted(set(KINDS))).deal(CASE).train)


def test_the_number_of_training_anomalies_counts_kinds_that_may_train():
    protocol = Weak(4, 0, n_train_anomalous=2, unlabelled_kinds=["bearing", "imbalance"])
    assert kinds(protocol.deal(CASE).train) == ["rubbing"] * 2
    with pytest.raises(InputError, match="3 are asked for, but there are 2"):
        Weak(4, 0, n_train_anomalous=3, unlabelled_kinds=protocol.unlabelled_kinds).deal(CASE)


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(InputError) as caught:
        Weak(unlabelled_kinds=["bearing", "gremlins"]).deal(CASE)
    assert str(caught.value) == (
        "fan: no anomalous clip is of the kind 'gremlins' that protocol.unlabelled_kinds names; "
        "there are bearing, imbalance, rubbing"
    )
    nameless = tuple(Recording(r.values, label=r.label) for r in CLIPS)
    with pytest.raises(InputError, match="its data tells no kinds apart"):
        Weak(unlabelled_kinds=["bearing"]).deal(Case("fan", test=nameless))


def test_no_detector_hears_the_kind_when_it_scores():
    assert CLIPS[-1].kind == "imbalance"
    assert CLIPS[-1].without_labels().kind == ""
