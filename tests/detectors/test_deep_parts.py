"""Parts of deep detectors: labelled windows, batches, and window scores back to points."""

from collections import Counter

import numpy as np
import pytest
import torch

from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors import DenseAutoencoder, DevNet
from anomalib_ts.detectors.deep.bags import clip_bags, window_bags
from anomalib_ts.detectors.deep.batches import BalancedBatches, FullBatches
from anomalib_ts.detectors.deep.networks import DenseAutoencoderModel, pooled
from anomalib_ts.errors import ConfigError, InputError


def cut(recordings, window, stride, tail):
    """Bags of all windows."""
    return window_bags(Windows(recordings, window, stride, tail), recordings)


def ramp(n, *, label=None, labels=None, start=0, channels=1):
    values = start + np.arange(n)[:, None] + np.zeros(channels)
    return Recording(values, label=label, labels=labels)


@pytest.mark.parametrize(
    ("n", "tail", "expected"),
    [
        (10, "overlap", [[0, 1, 2, 3], [4, 5, 6, 7], [6, 7, 8, 9]]),
        (10, "drop", [[0, 1, 2, 3], [4, 5, 6, 7]]),
        (10, "pad", [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 8, 7]]),
        (8, "overlap", [[0, 1, 2, 3], [4, 5, 6, 7]]),
        (8, "pad", [[0, 1, 2, 3], [4, 5, 6, 7]]),
        (3, "overlap", [[0, 1, 2, 1]]),
        (3, "drop", [[0, 1, 2, 1]]),
        (1, "pad", [[0, 0, 0, 0]]),
    ],
)
def test_the_tail_of_a_recording(n, tail, expected):
    blocks = cut([ramp(n)], 4, 4, tail)
    np.testing.assert_array_equal(blocks.gather(np.arange(len(blocks)))[:, 0], expected)


def test_ten_seconds_of_sound_make_nine_blocks_and_a_tail():
    counts = {
        tail: len(cut([ramp(313, channels=2)], 32, 32, tail)) for tail in ("overlap", "pad", "drop")
    }
    assert counts == {"overlap": 10, "pad": 10, "drop": 9}


def test_a_block_is_anomalous_if_any_of_its_points_is():
    labels = np.zeros(12)
    labels[[4, 10]] = 1
    blocks = cut([ramp(12, labels=labels, label=0)], 4, 2, "overlap")
    # Blocks begin at 0, 2, 4, 6, 8.
    np.testing.assert_array_equal(blocks.anomalous, [False, True, True, False, True])


def test_reflected_points_keep_their_labels():
    labels = np.array([0, 0, 0, 1, 0, 0])
    blocks = cut([ramp(6, labels=labels), ramp(4)], 4, 4, "pad")
    np.testing.assert_array_equal(blocks.gather(np.array([1]))[0, 0], [4, 5, 4, 3])
    np.testing.assert_array_equal(blocks.anomalous, [True, True, False])


def test_record_labels_are_those_of_all_blocks_and_no_label_is_normal():
    clips = [ramp(8, label=0), ramp(9, label=1), ramp(4)]
    blocks = cut(clips, 4, 4, "overlap")
    np.testing.assert_array_equal(blocks.anomalous, [0, 0, 1, 1, 1, 0])
    np.testing.assert_array_equal(blocks.recordings, [0, 0, 1, 1, 1, 2])


def test_training_on_anomalies_alone_is_refused():
    with pytest.raises(InputError, match="all of the 2 training windows are labelled anomalous"):
        cut([ramp(8, label=1)], 4, 4, "drop")


def test_clips_hold_their_own_windows():
    clips = [ramp(8, label=0), ramp(9, label=1, start=100), ramp(4, labels=[0, 1, 0, 0], start=200)]
    bags = clip_bags(cut(clips, 4, 4, "overlap"), clips)
    np.testing.assert_array_equal(bags.counts, [2, 3, 1])
    np.testing.assert_array_equal(bags.anomalous, [False, True, True])
    gathered = bags.gather(np.array([2, 1]))
    np.testing.assert_array_equal(gathered[:, 0, 0], [200, 100, 104, 105])
    np.testing.assert_array_equal(bags.normal.gather(np.array([0]))[:, 0, 0], [0, 4])


def test_a_record_label_outweighs_point_labels_for_clip_bags():
    clips = [ramp(8, label=0, labels=[0] * 7 + [1])]
    assert not clip_bags(cut(clips, 4, 4, "drop"), clips).anomalous.any()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"window": 0}, "window must be at least 1"),
        ({"window": 4, "stride": 5}, "stride must lie in"),
        ({"tail": "cut"}, "tail must be overlap, pad or drop"),
        ({"batch_size": 1}, "batch_size must be at least 2"),
        ({"scaling": "none"}, "scaling must be channel or common"),
    ],
)
def test_settings_out_of_range_are_refused(setting, message):
    with pytest.raises(ConfigError, match=message):
        DenseAutoencoder(**setting).fit(np.arange(100.0))


def numbered_blocks(labels):
    clips = [ramp(1, label=label, start=i) for i, label in enumerate(labels)]
    return cut(clips, 1, 1, "drop")


def test_batches_of_one_size_show_every_block_equally_often():
    batches = FullBatches(numbered_blocks([0] * 10), batch_size=4, seed=0)
    assert len(batches) == 3
    seen = [batch for _ in range(5) for batch in batches]
    assert {tuple(batch.shape) for batch in seen} == {(4, 1, 1)}
    counts = Counter(torch.cat(seen).flatten().tolist())
    assert counts == dict.fromkeys(range(10), 6)


def test_batches_carry_the_class_of_each_blocks_recording():
    clips = [ramp(3), ramp(2, start=100)]
    blocks = cut(clips, 1, 1, "drop")
    batches = FullBatches(blocks, 5, seed=0, classes=np.array([7, 9])[blocks.recordings])
    values, classes = next(iter(batches))
    np.testing.assert_array_equal(classes, torch.where(values.flatten() < 50, 7, 9))


def test_the_order_depends_on_nothing_but_the_seed():
    first, again, other = (
        next(iter(FullBatches(numbered_blocks([0] * 50), 50, seed))) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("share", "anomalies"), [(0.5, 8), (0.25, 4), (0.01, 1), (0.99, 15)])
def test_a_balanced_batch_has_its_share_of_anomalies(share, anomalies):
    bags = numbered_blocks([0] * 40 + [1] * 3)
    batches = list(BalancedBatches(bags, batch_size=16, share=share, seed=0))
    for values, counts, anomalous in batches:
        assert len(values) == len(counts) == len(anomalous) == 16
        assert anomalous.sum() == anomalies
        np.testing.assert_array_equal(anomalous, values.flatten() >= 40)


def test_an_epoch_shows_every_normal_block_and_repeats_the_anomalies_evenly():
    batches = BalancedBatches(numbered_blocks([0] * 40 + [1] * 3), 16, 0.5, seed=0)
    assert len(batches) == 5
    counts = Counter(torch.cat([values for values, _, _ in batches]).flatten().tolist())
    assert [counts[i] for i in range(40)] == [1] * 40
    assert sorted(counts[i] for i in (40, 41, 42)) == [13, 13, 14]


def test_a_batch_of_clips_counts_blocks():
    clips = [ramp(6, label=i % 2, start=100 * i) for i in range(8)]
    bags = clip_bags(cut(clips, 2, 2, "drop"), clips)
    values, counts, anomalous = next(iter(BalancedBatches(bags, 12, 0.5, seed=0)))
    assert counts.tolist() == [3, 3, 3, 3]
    assert anomalous.tolist() == [0, 0, 1, 1]
    firsts = values[::3, 0, 0]
    np.testing.assert_array_equal(firsts // 100 % 2, anomalous)
    np.testing.assert_array_equal(values[:, 0, 0] % 100, [0, 2, 4] * 4)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_batch_of_one_kind_is_refused(share):
    with pytest.raises(ConfigError, match=r"anomaly_share must lie in \(0, 1\)"):
        DevNet(anomaly_share=share).fit(np.arange(100.0))


@pytest.mark.parametrize(
    ("reduce", "expected"), [("mean", [2.0, 20.0]), ("max", [3.0, 20.0]), ("top_k", [2.5, 20.0])]
)
def test_block_scores_to_clip_scores(reduce, expected):
    scores = torch.tensor([1.0, 3.0, 2.0, 20.0])
    clips = pooled(scores, torch.tensor([3, 1]), reduce, top_k=2)
    assert clips.tolist() == expected


def test_the_network_has_the_layers_of_the_paper():
    model = DenseAutoencoderModel(128, 32, width=128, latent=8)
    linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear)]
    sizes = [linear[0].in_features, *(layer.out_features for layer in linear)]
    assert sizes == [4096, 128, 128, 128, 128, 8, 128, 128, 128, 128, 4096]
    assert sum(isinstance(m, torch.nn.ReLU) for m in model.modules()) == 9
    assert isinstance(model.decoder[-1], torch.nn.Linear)


class OneScoreABlock(DenseAutoencoder):
    """Scores a block by its first value, so that where scores go can be read off."""

    def _scores(self, recording, x):
        return x[:, 0, 0]


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("overlap", [0, 0, 0, 0, 4, 4, 5, 5, 6, 6]),
        ("drop", [0, 0, 0, 0, 4, 4, 4, 4, 4, 4]),
        ("pad", [0, 0, 0, 0, 4, 4, 4, 4, 8, 8]),
    ],
)
def test_a_points_score_is_that_of_its_blocks(tail, expected):
    from anomalib_ts.detectors.deep.training import TrainerSettings

    brief = TrainerSettings(accelerator="cpu", max_steps=1, progress=False)
    detector = OneScoreABlock(window=4, tail=tail, width=4, latent=2, trainer=brief).fit(ramp(40))
    mean, deviation = np.arange(40).mean(), np.arange(40).std()
    scores = detector.score(np.arange(10.0)) / detector.scaler_.unit**2
    np.testing.assert_allclose(mean + deviation * scores, expected, atol=1e-5)
