"""What FastFlow-1D's second flow sees: principal components of raw windows, at each position."""

import numpy as np
import pytest
import torch

from anomalib_ts import FastFlow1D, Recording, TrainerSettings
from anomalib_ts.detectors.autoencoder.torch_model import ConvAutoencoder
from anomalib_ts.detectors.fastflow1d.torch_model import COMPONENTS, WINDOW, FastFlowModel

BRIEF = TrainerSettings(accelerator="cpu", max_steps=60, progress=False)


def sine(points, noise, seed=0):
    rng = np.random.default_rng(seed)
    return np.sin(np.arange(points) / 7) + noise * rng.standard_normal(points)


def test_components_are_of_the_window_around_each_position():
    model = FastFlowModel(ConvAutoencoder(2, 4, 4), 4, 4, 2)
    pick = torch.zeros(2, 2, WINDOW)
    pick[0, 0, WINDOW // 2] = 1  # the point of the position itself, of the first channel
    pick[1, 1, 0] = 1  # the first point of the window, of the second
    model.set_components(torch.zeros(2 * WINDOW), pick.view(2, -1), torch.ones(2))
    x = torch.arange(400.0).reshape(1, 2, 200) / 1000
    found = model.components(x)
    assert found.shape == (1, 2 * COMPONENTS, 50)
    half = WINDOW // 2
    first, last = half // 4, (200 - half) // 4  # positions with a whole window around them
    whole = slice(first, last + 1)
    torch.testing.assert_close(found[0, 0, whole], x[0, 0, half : 200 - half + 1 : 4])
    torch.testing.assert_close(found[0, 1, whole], x[0, 1, : 200 - WINDOW + 1 : 4])
    ends = found[..., :first], found[..., last + 1 :]
    torch.testing.assert_close(ends[0], found[..., first : first + 1].expand_as(ends[0]))
    torch.testing.assert_close(ends[1], found[..., last : last + 1].expand_as(ends[1]))
    assert not found[0, 2:].any()


def test_components_of_training_data_have_mean_0_and_deviation_1():
    values = sine(3000, 0.05)
    detector = FastFlow1D(scoring="window", trainer=BRIEF).fit(values)
    (train,) = detector.scaler_.transform([Recording(values)])
    found = detector.model_.components(torch.tensor(train.values.T[None]))[0]
    assert abs(found.mean(dim=1)).max() < 0.1
    torch.testing.assert_close(found.std(dim=1), torch.ones(COMPONENTS), atol=0.15, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_break_far_below_the_signals_deviation_is_found(channels):
    train = np.stack([sine(3000, 0.002, seed) for seed in range(channels)], axis=1)
    test = np.stack([sine(1000, 0.002, 10 + seed) for seed in range(channels)], axis=1)
    test[500:508, 0] += 0.03 * (-1.0) ** np.arange(8)  # 4 % of a deviation
    detector = FastFlow1D(scoring="window", smoothing=8, trainer=BRIEF).fit(train)
    assert 480 <= int(np.argmax(detector.score(test))) <= 528


@pytest.mark.parametrize("points", [9, 20, 40])
def test_short_and_constant_data_have_fewer_components(points):
    with pytest.warns(UserWarning, match="fill no window"):
        detector = FastFlow1D(window=64, width=4, features=2, trainer=BRIEF).fit(np.ones(points))
    assert np.isfinite(detector.score(np.ones(30))).all()
