"""The scores as torch can differentiate them: they are the detector's, and so is their slope."""

import numpy as np
import pytest
import torch

from anomalib_ts import detectors as built_in
from anomalib_ts.core.recording import Recording
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
    IForest,
    Lstm,
    MlpAutoencoder,
    MobileFaceNet,
    Usad,
    WeakAutoencoder,
)
from anomalib_ts.detectors.deep.base import DeepDetector
from anomalib_ts.detectors.deep.training import TrainerSettings

BRIEF = TrainerSettings(accelerator="cpu", max_epochs=1, max_steps=6, progress=False)
DEEP = (
    Autoencoder(window=16, width=8, features=4, trainer=BRIEF),
    BiLstm(window=8, trainer=BRIEF),
    Cnn(window=16, trainer=BRIEF),
    Cnn(window=16, mode="published", trainer=BRIEF),
    CnnLstm(window=8, trainer=BRIEF),
    DcaseAutoencoder(width=16, trainer=BRIEF),
    DeepSad(window=8, width=16, latent=4, trainer=BRIEF),
    DeepSvdd(window=8, width=16, latent=4, trainer=BRIEF),
    DenseAutoencoder(window=8, width=16, trainer=BRIEF),
    DenseAutoencoder(window=8, width=16, stride=3, trainer=BRIEF),
    DenseAutoencoder(window=8, width=16, tail="drop", trainer=BRIEF),
    DenseAutoencoder(window=8, width=16, tail="pad", scaling="channel", trainer=BRIEF),
    DevNet(window=8, width=16, trainer=BRIEF),
    FastFlow1D(window=16, width=8, features=4, flow_steps=2, smoothing=8, trainer=BRIEF),
    FastFlow1D(window=16, width=8, features=4, flow_steps=2, scoring="latent", trainer=BRIEF),
    Lstm(window=8, trainer=BRIEF),
    MlpAutoencoder(window=16, trainer=BRIEF),
    MlpAutoencoder(window=16, mode="published", trainer=BRIEF),
    MobileFaceNet(window=16, width=8, embedding=8, trainer=BRIEF),
    Usad(window=8, latent=4, trainer=BRIEF),
    WeakAutoencoder(window=8, width=16, mode="paper", trainer=BRIEF),
)


def name_of(detector):
    settings = [f"{k}={v}" for k, v in detector.get_params().items() if k in ("mode", "tail")]
    return f"{type(detector).__name__} {' '.join(settings)} {getattr(detector, 'stride', None)}"


def recordings(detector):
    one = getattr(detector, "mode", "") == "published"
    rng = np.random.default_rng(0)
    times = np.arange(160)[:, None] / np.arange(4, 6 if not one else 5)
    wave = 100 + 7 * np.sin(times) + 0.1 * rng.standard_normal(times.shape)
    kinds = [(wave + (number == 3), number == 3) for number in range(4)]
    return [
        Recording(x, label=int(odd), machine_id=f"0{i % 2}") for i, (x, odd) in enumerate(kinds)
    ], Recording(wave[:83] + rng.standard_normal((83, wave.shape[1])), machine_id="01")


@pytest.fixture(scope="module", params=DEEP, ids=name_of)
def fitted(request):
    train, test = recordings(request.param)
    return request.param.fit(train), test


def test_every_deep_detector_is_tried():
    kinds = [getattr(built_in, name) for name in built_in.__all__]
    deep = {kind for kind in kinds if isinstance(kind, type) and issubclass(kind, DeepDetector)}
    assert deep == {type(detector) for detector in DEEP}


def test_it_is_what_score_gives(fitted):
    detector, test = fitted
    function = detector.score_function(test)
    values = torch.from_numpy(test.values.astype(np.float64))
    scores = detector.score(test)
    with torch.no_grad():
        found = function(values).numpy()
    np.testing.assert_allclose(found, scores, rtol=1e-5, atol=1e-5 * np.abs(scores).max())


def test_its_gradient_is_that_of_finite_differences(fitted):
    detector, test = fitted
    function = detector.score_function(test)
    function.network.double().eval()
    try:
        z = function.standardised(torch.from_numpy(test.values.astype(np.float64))).double()
        z = z.clone().requires_grad_()
        weights = torch.from_numpy(np.random.default_rng(1).random(len(z)))
        (gradient,) = torch.autograd.grad((weights * function.of_points(z)).sum(), z)
        way = torch.from_numpy(np.random.default_rng(2).standard_normal(z.shape))
        step = 1e-6
        with torch.no_grad():
            ends = [(weights * function.of_points(z + s * step * way)).sum() for s in (1, -1)]
        expected = float(ends[0] - ends[1]) / (2 * step)
        assert float((gradient * way).sum()) == pytest.approx(expected, rel=1e-4, abs=1e-7)
    finally:
        function.network.float()


def test_values_far_from_training_are_bent_as_in_score():
    train, test = recordings(DEEP[0])
    detector = DenseAutoencoder(window=8, width=16, trainer=BRIEF).fit(train)
    values = test.values.copy()
    values[40] += 1e6
    function = detector.score_function(values)
    with torch.no_grad():
        found = function(torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(found, detector.score(values), rtol=1e-5)


def test_channels_are_taken_by_name():
    rng = np.random.default_rng(0)
    train = Recording(rng.random((100, 2)) * [1, 50], channel_names=("flow", "heat"))
    detector = DenseAutoencoder(window=8, width=16, trainer=BRIEF).fit(train)
    turned = Recording(train.values[:, ::-1].copy(), channel_names=("heat", "flow"))
    function = detector.score_function(turned)
    with torch.no_grad():
        found = function(torch.tensor(turned.values)).numpy()
    np.testing.assert_allclose(found, detector.score(train), rtol=1e-5)


def test_there_is_none_without_a_gradient():
    noise = np.random.default_rng(0).random(300)
    assert IForest(window=16, trees=10).fit(noise).score_function(noise) is None
    late = Cnn(mode="published", trainer=BRIEF).fit(noise)
    assert late.score_function(noise) is None


def test_an_exact_forecast_has_a_slope_of_0():
    flat = np.concatenate([np.zeros(100), np.sin(np.arange(100))])
    detector = Lstm(window=8, trainer=BRIEF).fit(flat)
    for weights in detector.model_.network.parameters():
        torch.nn.init.zeros_(weights)
    function = detector.score_function(flat)
    values = torch.full((40, 1), float(detector.scaler_.mean[0]), dtype=torch.float64)
    (slope,) = torch.autograd.grad(function(values.requires_grad_()).sum(), values)
    assert slope.eq(0).all()
