"""The conformance suite: faults are caught by the right check, honest detectors pass."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from anomalib_ts import detectors as built_in
from anomalib_ts.detectors import (
    Autoencoder,
    BiLstm,
    Cnn,
    CnnLstm,
    DcaseAutoencoder,
    DeepSad,
    DeepSvdd,
    DenseAutoencoder,
    DevNet,
    FastFlow1D,
    Hbos,
    IForest,
    IForest1,
    Lof,
    Lstm,
    Mahalanobis,
    MatrixProfile,
    Memory,
    MlpAutoencoder,
    MobileFaceNet,
    MovingMean,
    Ocsvm,
    Pca,
    Poly,
    RandomScore,
    SklearnDetector,
    Usad,
    WeakAutoencoder,
)
from anomalib_ts.detectors.base import Capabilities, Detector
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.memory import (
    Contrast,
    DensityNormalised,
    Encoder,
    Forest,
    MahalanobisDistance,
    Nearest,
    PcaResidual,
    Spectrum,
    Statistics,
    ZNormalised,
)
from anomalib_ts.testing import check_detector, detector_checks
from tests.makers import honest_detectors
from tests.makers.faulty_detectors import FAULTS, ReadsTrainingLabels, ScalesByTestMinMax

BRIEF = TrainerSettings(accelerator="cpu", max_epochs=1, max_steps=6, progress=False)
TINY = {
    "_target_": "anomalib_ts.detectors.Autoencoder",
    "width": 8,
    "features": 4,
    "trainer": BRIEF,
}
BUILT_IN = (
    MovingMean(),
    RandomScore(),
    IForest(trees=10),
    IForest(window=16, trees=10),
    IForest(window=16, trees=10, mode="published"),
    IForest1(trees=10),
    Hbos(window=16),
    Lof(window=16),
    Lof(window=16, mode="published"),
    MatrixProfile(window=8),
    MatrixProfile(window=8, mode="published"),
    Ocsvm(window=16),
    Pca(window=16),
    Pca(window=16, mode="published"),
    Poly(window=8, neighbourhood=40),
    Poly(window=8, neighbourhood=40, mode="published"),
    Mahalanobis(),
    Mahalanobis(window=16),
    Memory(window=16, scorer=Nearest(size=100)),
    Memory(window=16, representation=ZNormalised(), scorer=DensityNormalised(size=100)),
    Memory(window=16, representation=Spectrum(), scorer=MahalanobisDistance()),
    Memory(window=16, representation=Statistics(), scorer=Forest(trees=10)),
    Memory(representation=Statistics(of="recording"), scorer=PcaResidual()),
    Memory(window=16, representation=Encoder(detector=TINY), scorer=Nearest(size=100)),
    Memory(window=16, representation=Contrast(width=8, features=4, trainer=BRIEF)),
    SklearnDetector(window=16, estimator={"_target_": "sklearn.neighbors.LocalOutlierFactor"}),
    Autoencoder(window=16, width=8, features=4, trainer=BRIEF),
    FastFlow1D(window=16, width=8, features=4, flow_steps=2, smoothing=8, trainer=BRIEF),
    DcaseAutoencoder(width=16, trainer=BRIEF),
    DenseAutoencoder(window=8, width=16, trainer=BRIEF),
    DeepSvdd(window=8, width=16, latent=4, trainer=BRIEF),
    DeepSad(window=8, width=16, latent=4, trainer=BRIEF),
    DevNet(window=8, width=16, trainer=BRIEF),
    MobileFaceNet(window=16, width=8, embedding=8, trainer=BRIEF),
    Usad(window=8, latent=4, trainer=BRIEF),
    WeakAutoencoder(window=8, width=16, trainer=BRIEF),
    WeakAutoencoder(window=8, width=16, bag="window", trainer=BRIEF),
    WeakAutoencoder(window=8, width=16, mode="paper", trainer=BRIEF),
    MlpAutoencoder(window=16, trainer=BRIEF),
    Cnn(window=16, trainer=BRIEF),
    Lstm(window=8, trainer=BRIEF),
    CnnLstm(window=8, trainer=BRIEF),
    BiLstm(window=8, trainer=BRIEF),
)
LIKELIHOOD = FastFlow1D(
    window=16, width=8, features=4, flow_steps=2, scoring="likelihood", trainer=BRIEF
)


def each_check(detectors, only=()):
    return [
        pytest.param(check, id=f"{type(detector).__name__}{i}-{name}")
        for i, detector in enumerate(detectors)
        for name, check in detector_checks(detector)
        if not only or name in only
    ]


def names(detector):
    return [name for name, _ in detector_checks(detector)]


def test_no_built_in_detector_is_forgotten():
    offered = {getattr(built_in, name) for name in built_in.__all__}
    detectors = {
        item for item in offered if isinstance(item, type) and issubclass(item, Detector)
    } - {Detector}
    assert {type(detector) for detector in BUILT_IN} == detectors


@pytest.mark.parametrize("check", each_check(BUILT_IN))
def test_built_in_detectors_keep_the_contract(check):
    check()


@pytest.mark.parametrize(
    "check",
    each_check([LIKELIHOOD], {"output", "constant", "direction", "locality", "time_and_channels"}),
)
def test_the_other_score_of_fastflow_keeps_the_rules_of_scores(check):
    check()


@pytest.mark.parametrize("detector", honest_detectors.HONEST, ids=str)
def test_honest_detectors_pass(detector):
    check_detector(detector)


@pytest.mark.parametrize(("detector", "check"), FAULTS, ids=str)
def test_a_planted_fault_is_caught_by_the_check_of_its_rule(detector, check):
    with pytest.raises(AssertionError, match=f"fails the check '{check}'"):
        check_detector(detector)


def test_every_check_catches_some_planted_fault():
    known = {name for detector in honest_detectors.HONEST for name in names(detector)}
    assert {check for _, check in FAULTS} == known


def test_the_message_names_detector_rule_observation_and_remedy():
    with pytest.raises(AssertionError) as caught:
        check_detector(ScalesByTestMinMax())
    message = str(caught.value)
    assert message.startswith("ScalesByTestMinMax fails the check 'locality'")
    assert "The rule: a score does not depend on far parts of the scored recording" in message
    assert "Seen: with the last quarter of a recording made 1000 times larger" in message
    assert "Remedy: take minima, means" in message


def test_an_error_of_the_detector_is_reported_with_its_cause():
    detector = next(item for item, _ in FAULTS if type(item).__name__ == "RefusesQuietRecordings")
    with pytest.raises(AssertionError, match="ZeroDivisionError: no deviation") as caught:
        check_detector(detector)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_checks_follow_the_declared_capabilities():
    plain = names(honest_detectors.MovingMean())
    assert "locality" in plain
    assert not {"causality", "weak_labels", "one_channel", "values_unused"} & set(plain)
    assert "locality" not in names(honest_detectors.NearestWindow())
    assert "causality" in names(honest_detectors.Ewma())
    assert "one_channel" in names(honest_detectors.OneChannel())
    assert "time_and_channels" not in names(honest_detectors.OneChannel())
    weak = names(honest_detectors.WeakEnergy())
    assert "weak_labels" in weak
    assert "training_labels" not in weak


def test_the_detector_given_is_left_unfitted():
    detector = honest_detectors.MovingMean()
    check_detector(detector)
    assert vars(detector) == {"window": 16}


def global_state():
    keys = np.random.get_state()[1]  # noqa: NPY002 - the state that must be left alone
    return random.getstate(), keys.tobytes(), torch.get_rng_state().numpy().tobytes()


def test_the_callers_random_state_is_left_alone():
    random.seed(11)
    np.random.seed(12)  # noqa: NPY002 - a state that the suite would not set itself
    torch.manual_seed(13)
    before = global_state()
    for detector in (honest_detectors.Random(), ReadsTrainingLabels()):
        for _, check in detector_checks(detector):
            try:
                check()
            except AssertionError:
                continue
    assert global_state() == before


def test_only_instances_of_detectors_are_taken():
    with pytest.raises(TypeError, match="instance of a Detector"):
        check_detector(honest_detectors.MovingMean)

    class Undeclared(honest_detectors.MovingMean):
        capabilities = Capabilities

    with pytest.raises(TypeError, match=r"Undeclared\.capabilities must be a Capabilities object"):
        detector_checks(Undeclared())


def test_the_example_plug_in_keeps_the_contract(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "plugin_example"))
    from anomalib_ts_example.detectors import ExampleDistance, MedianDistance

    check_detector(ExampleDistance())
    check_detector(MedianDistance())
