"""Judges: the networks of the paper, counted, and that they learn."""

import numpy as np
import pytest
import torch

from anomalib_ts.errors import ConfigError, NotFittedError
from anomalib_ts.synthetic.judges.judge import ImageJudge, PointJudge
from anomalib_ts.synthetic.judges.layers import SameConv
from anomalib_ts.synthetic.judges.network import (
    BACKBONES,
    ImageClassifier,
    in_batches,
    parameter_count,
)
from anomalib_ts.synthetic.tables.row_images import RowImages
from tests.synthetic.toy import toy_tables

KERAS = {
    "mobilenet": 3_228_864 - 21_888,
    "densenet121": 7_037_504 - 83_648,
    "vgg19": 20_024_384,
    "resnet50": 23_587_712 - 53_120,
    "nasnet_mobile": 4_269_716 - 36_738,
    "small": 145_456,
}
"""Parameters without the top as `keras.applications` counts them, less its running moments."""


@pytest.fixture(params=BACKBONES, scope="module")
def backbone(request):
    return request.param, BACKBONES[request.param][0]()


def test_networks_have_the_parameters_of_the_published_ones(backbone):
    name, network = backbone
    assert parameter_count(network) == KERAS[name]


def test_networks_take_images_of_32_pixels(backbone):
    name, network = backbone
    channels, side = (1, 8) if name == "small" else (3, 32)
    with torch.no_grad():
        out = network.eval()(torch.rand(2, channels, side, side))
    assert out.flatten(1).shape == (2, BACKBONES[name][1])
    assert out.isfinite().all()


def test_dense_layers_before_and_behind():
    whole = ImageClassifier("mobilenet", 8, 28, dense=2)
    front = 192 * 3072 + 3072
    behind = 1024 * 512 + 512 + 512 * 256 + 256 + 256 * 28 + 28
    assert parameter_count(whole) == KERAS["mobilenet"] + front + behind
    images = torch.randint(256, (3, 8, 8), dtype=torch.uint8)
    probabilities, features = in_batches(whole, images, size=2)
    assert features.shape == (3, 256)
    assert probabilities.sum(dim=1).tolist() == pytest.approx([1, 1, 1])
    assert parameter_count(ImageClassifier("small", 8, 28)) == 152_652


@pytest.mark.parametrize(("size", "kernel", "stride"), [(8, 3, 2), (7, 3, 2), (8, 1, 2), (5, 5, 1)])
def test_padding_keeps_the_size_over_the_stride(size, kernel, stride):
    out = SameConv(2, 3, kernel, stride)(torch.rand(1, 2, size, size))
    assert out.shape[2:] == (-(-size // stride),) * 2


def test_a_judge_of_images_learns_and_says_so_at_each_epoch():
    train, test = toy_tables(300, 200)
    seen = []
    judge = ImageJudge(epochs=3, batch_size=16).bind(RowImages(train.schema))
    judge.fit(train, lambda epoch: seen.append((epoch, judge.look(test).accuracy(test.labels))))
    common = np.bincount(test.labels).max() / len(test)
    assert [epoch for epoch, _ in seen] == [1, 2, 3]
    assert seen[-1][1] > common + 0.1
    again = ImageJudge(epochs=3, batch_size=16).bind(RowImages(train.schema)).fit(train)
    assert (again.look(test).probabilities == judge.look(test).probabilities).all()


def test_training_leaves_the_random_state_alone():
    (train,) = toy_tables(100)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    PointJudge(epochs=1).fit(train)
    assert (torch.get_rng_state() == before).all()


def test_no_batch_is_of_one_row():
    (train,) = toy_tables(25)
    ImageJudge(epochs=1, batch_size=3).fit(train.take(np.arange(4)))  # norms need two rows


def test_settings_out_of_range_are_refused():
    with pytest.raises(NotFittedError, match="PointJudge: call fit before look"):
        PointJudge().look(toy_tables(50)[0])
    with pytest.raises(ConfigError, match="epochs"):
        PointJudge(epochs=0).fit(toy_tables(50)[0])
