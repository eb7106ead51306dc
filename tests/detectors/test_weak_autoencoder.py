"""The weakly supervised autoencoder: its loss, its threshold, and what labels add."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors import DenseAutoencoder, WeakAutoencoder, load_detector
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.scaling import ChannelScaler
from anomalib_ts.detectors.weak_autoencoder import statistics_head as head
from anomalib_ts.detectors.weak_autoencoder.torch_model import hinge_loss
from anomalib_ts.errors import AnomalibTsWarning, ConfigError, InputError

SIZE = {"window": 8, "width": 16, "latent": 2, "batch_size": 32}
SMALL = {**SIZE, "mode": "paper"}


def settings(steps=100):
    return TrainerSettings(accelerator="cpu", max_epochs=-1, max_steps=steps, progress=False)


def clip(seed, anomalous=0, channels=6, n=40):
    """Noise; in an anomalous clip the last channel is a little higher, far less than it varies."""
    values = np.random.default_rng([seed, anomalous]).normal(size=(n, channels))
    values[:, -1] += 0.6 * anomalous
    return Recording(20 + 3 * values, label=anomalous, name=f"clip {seed}")


def clips(normal, anomalous, first=0):
    return [clip(first + i) for i in range(normal)] + [clip(first + i, 1) for i in range(anomalous)]


TRAIN = clips(30, 4)
TEST = clips(20, 20, first=1000)
TRUTH = [recording.label for recording in TEST]


def auc(detector):
    return roc_auc_score(TRUTH, [detector.score(recording).mean() for recording in TEST])


@pytest.fixture(scope="module")
def fitted():
    return WeakAutoencoder(**SMALL, trainer=settings()).fit(TRAIN)


@pytest.fixture(scope="module")
def stage_1():
    return DenseAutoencoder(**SIZE, trainer=settings()).fit([r for r in TRAIN if r.label == 0])


def test_hinge_loss_by_hand():
    scores = torch.tensor([1.0, 4.0, 1.0, 4.0], requires_grad=True)
    anomalous = torch.tensor([0.0, 0.0, 1.0, 1.0])
    loss = hinge_loss(scores, anomalous, threshold=3.0)
    # Normal: 1 and 4; anomalous: 3 - 1 = 2, and nothing, since 4 is above 3.
    assert loss.item() == pytest.approx((1 + 4 + 2 + 0) / 4)
    loss.backward()
    assert scores.grad.tolist() == [0.25, 0.25, -0.25, 0.0]


def test_a_few_labelled_anomalies_raise_the_auc(fitted, stage_1):
    assert auc(fitted) > auc(stage_1) + 0.15


def test_stage_2_pushes_labelled_anomalies_above_the_threshold_and_no_normal_ones(fitted, stage_1):
    def mean_score(detector, label):
        return np.mean([detector.score(r).mean() for r in TRAIN if r.label == label])

    assert mean_score(stage_1, 1) < 0.85 * fitted.threshold_
    assert mean_score(fitted, 1) > fitted.threshold_
    assert mean_score(fitted, 0) < 0.75 * fitted.threshold_


def test_stage_1_is_the_dense_autoencoder_on_normal_clips():
    # A learning rate of 0 leaves the network as it was drawn, whatever the labels.
    frozen = {**SIZE, "learning_rate": 0.0, "trainer": settings(1)}
    weak = WeakAutoencoder(**frozen, mode="paper", held_out=0.0).fit(TRAIN)
    plain = DenseAutoencoder(**frozen).fit([r for r in TRAIN if r.label == 0])
    np.testing.assert_array_equal(weak.score(TEST[0]), plain.score(TEST[0]))
    scores = np.concatenate([plain.score(r)[::8] for r in TRAIN if r.label == 0])
    assert weak.gamma_ is not None
    assert weak.gamma_.shape * weak.gamma_.scale == pytest.approx(scores.mean(), rel=1e-3)
    assert weak.threshold_ == pytest.approx(weak.gamma_.quantile(0.99), rel=1e-3)
    assert weak.threshold_ == pytest.approx(np.quantile(scores, 0.99), rel=0.2)


def test_blocks_that_stage_1_memorised_set_the_threshold_too_low():
    memorising = {**SMALL, "width": 64, "latent": 16, "trainer": settings(250)}
    seen, unseen = (WeakAutoencoder(**memorising, held_out=s).fit(TRAIN) for s in (0.0, 0.2))
    assert seen.threshold_ < 0.9 * unseen.threshold_


def test_the_threshold_rises_with_its_level():
    brief = {**SMALL, "trainer": settings(5)}
    low, high = (WeakAutoencoder(level=r, **brief).fit(TRAIN).threshold_ for r in (0.8, 0.999))
    assert 1.2 * low < high


def test_scores_are_in_the_squared_unit_of_the_input():
    brief = {**SMALL, "trainer": settings(30)}
    louder = [Recording(10 * r.values, label=r.label) for r in TRAIN]
    plain, scaled = WeakAutoencoder(**brief).fit(TRAIN), WeakAutoencoder(**brief).fit(louder)
    ratio = scaled.score(10 * TEST[0].values) / plain.score(TEST[0])
    np.testing.assert_allclose(ratio, 100, rtol=1e-2)
    assert scaled.threshold_ == pytest.approx(100 * plain.threshold_, rel=1e-2)


def test_the_common_deviation_is_that_of_all_channels_together():
    normal = Recording([[2.0, 10.0], [8.0, 18.0]])  # deviations 3 and 4
    loud = Recording([[1e3, 1e3]], label=1)
    common = ChannelScaler.fit((normal, loud), "common")
    assert common.mean.tolist() == [5, 14]
    assert common.scale.tolist() == pytest.approx([12.5**0.5] * 2)
    assert common.unit == pytest.approx(12.5**0.5)
    assert ChannelScaler.fit((normal, loud), "channel").scale.tolist() == [3, 4]


def test_an_untrained_network_scores_about_the_variance_of_the_input():
    frozen = WeakAutoencoder(**SMALL, learning_rate=0.0, trainer=settings(1)).fit(TRAIN)
    normal = [r for r in TRAIN if r.label == 0]
    deviations = np.concatenate([r.values for r in normal])
    deviations = deviations - deviations.mean(axis=0)
    scores = np.mean([frozen.score(r).mean() for r in normal])
    assert scores == pytest.approx(np.square(deviations).mean(), rel=0.1)


def test_channel_scaling_gives_a_channel_of_another_unit_no_more_weight():
    def in_other_units(recording):
        unit = np.array([1, 1, 1e4, 1, 1, 1])
        return Recording(recording.values * unit, label=recording.label)

    train = [in_other_units(r) for r in TRAIN]
    test = [in_other_units(r) for r in TEST]
    values = {}
    for scaling in ("common", "channel"):
        detector = WeakAutoencoder(**SMALL, scaling=scaling, trainer=settings()).fit(train)
        scores = [detector.score(r).mean() for r in test]
        values[scaling] = roc_auc_score(TRUTH, scores)
    assert values["channel"] > values["common"] + 0.15


@pytest.mark.parametrize("reduce", ["mean", "max", "top_k"])
def test_whole_clips_as_bags_raise_the_auc_too(reduce, stage_1):
    bags = {"bag": "clip", "reduce": reduce, "top_k": 2}
    detector = WeakAutoencoder(**SMALL, **bags, trainer=settings()).fit(TRAIN)
    assert auc(detector) > auc(stage_1) + 0.03
    assert detector.gamma_ is not None


def test_the_settings_of_bags_make_a_difference():
    detectors = [
        WeakAutoencoder(**SMALL, **bag, trainer=settings(30)).fit(TRAIN)
        for bag in (
            {"bag": "window"},
            {"bag": "clip"},
            {"bag": "clip", "reduce": "max"},
            {"bag": "clip", "reduce": "top_k", "top_k": 2},
        )
    ]
    thresholds = [detector.threshold_ for detector in detectors]
    # The mean of five blocks varies less than a block, the highest of them is higher.
    assert thresholds[1] < thresholds[0] < thresholds[2]
    assert thresholds[1] < thresholds[3] < thresholds[2]


def test_buffers_survive_saving(fitted, tmp_path):
    loaded = load_detector(fitted.save(tmp_path / "detector.ats"))
    assert loaded.threshold_ == fitted.threshold_
    assert loaded.gamma_ == fitted.gamma_
    np.testing.assert_array_equal(loaded.score(TEST[0]), fitted.score(TEST[0]))
    assert {"threshold", "gamma"} <= set(loaded.model_.state_dict())


def test_the_same_seed_gives_the_same_scores():
    first, again, other = (
        WeakAutoencoder(**SMALL, seed=seed, trainer=settings(20)).fit(TRAIN).score(TEST[0])
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def sensor(seed, n=3000):
    """Noise, and stretches with a faint sine as point-labelled anomalies."""
    labels = np.zeros(n)
    for start in range(200, n, 400):
        labels[start : start + 100] = 1
    sine = 0.7 * np.sin(2 * np.pi * np.arange(n) / 12)
    noise = np.random.default_rng(seed).normal(size=n)
    return Recording(noise + labels * sine, labels=labels)


def test_sensor_windows_with_point_labels():
    test = sensor(1)
    options = {"window": 24, "stride": 3, "width": 32, "trainer": settings()}
    weak = WeakAutoencoder(**options, mode="paper").fit(sensor(0))
    unlabelled = DenseAutoencoder(**options).fit(sensor(0))
    weak_auc = roc_auc_score(test.labels, weak.score(test))
    assert weak_auc > roc_auc_score(test.labels, unlabelled.score(test)) + 0.05


def test_without_labelled_anomalies_it_refuses_and_names_what_needs_none():
    with pytest.raises(InputError, match=r"have none: use protocol=weak.*dense_autoencoder"):
        WeakAutoencoder(**SMALL).fit(clips(5, 0))


def test_bags_of_clips_need_clips_of_both_kinds():
    everywhere = [Recording(r.values, labels=[0] * 30 + [1] * 10) for r in clips(5, 0)]
    with pytest.raises(InputError, match="all are anomalous; use bag=window"):
        WeakAutoencoder(**SMALL, bag="clip").fit(everywhere)


def test_too_few_clips_for_a_gamma_are_told():
    with pytest.warns(AnomalibTsWarning, match="there are only 5, of at least 30"):
        detector = WeakAutoencoder(**SMALL, bag="clip", trainer=settings(2)).fit(clips(5, 2))
    assert detector.gamma_ is None
    assert np.isfinite(detector.threshold_)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"bag": "bin"}, "bag must be window or clip"),
        ({"reduce": "median"}, "reduce must be mean, max or top_k"),
        ({"top_k": 0}, "top_k must be at least 1"),
        ({"anomaly_share": 1.0}, "anomaly_share must lie in"),
        ({"scaling": "none"}, "scaling must be"),
        ({"level": 1.0}, "level must lie in"),
    ],
)
def test_settings_out_of_range_are_refused_before_training(setting, message):
    with pytest.raises(ConfigError, match=message):
        WeakAutoencoder(**SMALL, **setting, trainer=settings(10**9)).fit(TRAIN)


@pytest.fixture(scope="module")
def joined():
    return WeakAutoencoder(**SIZE, trainer=settings()).fit(TRAIN)


def test_the_joined_score_finds_what_the_autoencoder_does_not(joined, stage_1):
    assert auc(joined) > auc(stage_1) + 0.15


def test_the_joined_score_is_that_of_its_parts(joined):
    values = torch.tensor(joined.scaler_.transform([TEST[0]])[0].values.T[None])
    blocks = torch.cat(values.split(8, dim=2))
    parts = joined.model_.misfits(blocks).mean() + joined.model_.head.scores(values)
    assert joined.score(TEST[0]).mean() == pytest.approx(parts.item(), rel=1e-5)


def test_labels_acquit_no_clip_by_more_than_two_deviations():
    moments = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    both = torch.tensor([[4.0, -50.0], [4.0, -1.0], [4.0, 3.0]])
    assert head.joined(both, moments).tolist() == [0.0, 1.0, 5.0]


def test_statistics_by_hand_and_of_a_single_point():
    ramp = torch.arange(11.0)[None, None]
    assert head.StatisticsHead.statistics(ramp).tolist() == [[2.0, 5.0, 8.0, 1.0]]
    assert head.StatisticsHead.statistics(ramp[..., :1]).tolist() == [[0.0, 0.0, 0.0, 0.0]]


def test_what_healthy_clips_score_is_learnt_from_clips_left_out():
    rows = np.random.default_rng(0).normal(size=(60, 40))
    anomalous = np.arange(60) >= 50
    one = head.StatisticsHead(10)
    left_out = one.learn(rows, anomalous)
    inside = head.evidence(torch.tensor(rows[:50], dtype=torch.float32), *list(one.buffers())[:3])
    assert left_out.shape == (50,)
    assert inside[:, 0].mean() < one.moments[0, 0] - 0.2  # what it was fitted on is too near


def test_a_statistic_that_never_varied_drowns_no_other_in_the_log_odds(recwarn):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 40))
    rows[:, 3] = 0.0
    anomalous = np.arange(400) >= 300
    rows[300:350, 0] += 3  # what other healthy rows have, too
    rows[350:, 3] = 7e5  # what the scaler makes of any change in a constant channel
    one = head.StatisticsHead(10)
    one.learn(rows, anomalous)
    assert [str(warning.message) for warning in recwarn] == []
    new = rng.normal(size=(400, 40))
    new[:, 3], new[200:, 0] = 0.0, new[200:, 0] + 3
    odds = head.evidence(torch.tensor(new, dtype=torch.float32), *list(one.buffers())[:3])[:, 1]
    assert roc_auc_score(np.arange(400) >= 200, odds) > 0.95


@pytest.mark.parametrize("change", [1.0, 7e5])
def test_constant_clips_and_one_that_differs_are_learnt_without_a_warning(change, recwarn):
    rows, anomalous = np.zeros((60, 24)), np.arange(60) >= 55
    rows[anomalous] = change
    scores = head.StatisticsHead(6).learn(rows, anomalous)
    assert [str(warning.message) for warning in recwarn] == []
    assert np.abs(scores).max() < 1e-9


def test_log_odds_in_the_dimensions_that_features_span_are_those_of_all():
    rng = np.random.default_rng(0)
    few = np.where(rng.random((90, 1)) < 0.3, 1.0, 0.0) + rng.normal(size=(90, 5))
    anomalous = few[:, 0] + rng.normal(size=90) > 1
    for features in (few, few @ rng.normal(size=(5, 12)), np.tile(few, 3), few[:8] @ np.eye(5, 30)):
        truth = anomalous[: len(features)]
        found = head._log_odds(features, truth)
        np.testing.assert_allclose(found, head._ridge_weights(features, truth), atol=1e-9)
    assert (head._log_odds(np.zeros((9, 4)), np.arange(9) > 5) == 0).all()


def test_joined_windows_lose_nothing_where_statistics_do_not_see_the_fault():
    test = sensor(1)
    options = {"window": 24, "stride": 3, "width": 32, "trainer": settings()}
    detector = WeakAutoencoder(**options, bag="window").fit(sensor(0))
    assert not detector.capabilities.transductive
    unlabelled = DenseAutoencoder(**options).fit(sensor(0))
    gain = roc_auc_score(test.labels, detector.score(test)) - roc_auc_score(
        test.labels, unlabelled.score(test)
    )
    assert gain > -0.02  # a faint sine moves no quantile: `mode=paper` is for that


def test_one_healthy_clip_cannot_be_compared_with_others():
    with pytest.raises(InputError, match="compares each healthy example with the others"):
        WeakAutoencoder(**SIZE, trainer=settings(2)).fit(clips(1, 3))


def test_a_joined_detector_survives_saving(joined, tmp_path):
    loaded = load_detector(joined.save(tmp_path / "joined.ats"))
    np.testing.assert_array_equal(loaded.score(TEST[0]), joined.score(TEST[0]))
