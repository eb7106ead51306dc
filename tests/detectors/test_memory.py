"""The memory: representations, scorers and thinning, by the plainest code there is for each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from anomalib_ts import Mahalanobis, Recording, TrainerSettings
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.memory import (
    Contrast,
    DensityNormalised,
    Encoder,
    Forest,
    MahalanobisDistance,
    Memory,
    Nearest,
    PcaResidual,
    Raw,
    Spectrum,
    Statistics,
    ZNormalised,
)
from anomalib_ts.detectors.memory import nearest as nearest_module
from anomalib_ts.detectors.memory.nearest import nearest
from anomalib_ts.detectors.memory.thinning import PROJECTED, thinned
from anomalib_ts.errors import ConfigError, InputError
from anomalib_ts.settings.config import changed, checked, create

REPRESENTATIONS = [Raw(), ZNormalised(), Spectrum(), Statistics()]
SCORERS = [Nearest(), DensityNormalised(), MahalanobisDistance(), PcaResidual(), Forest(trees=50)]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def series(n=600, seed=0):
    return np.sin(2 * np.pi * np.arange(n) / 20) + 0.1 * noise(n, seed=seed)


def distances(a, b):
    return cdist(a.astype(float), b.astype(float)) / np.sqrt(a.shape[1])


class TestNearest:
    @pytest.mark.parametrize("block", [2**22, 50])
    @pytest.mark.parametrize("count", [1, 3, 40])
    def test_distances_are_those_of_brute_force(self, count, block, monkeypatch):
        monkeypatch.setattr(nearest_module, "BLOCK_VALUES", block)
        rows, memory = noise(30, 5), noise(25, 5, seed=1)
        found, which = nearest(rows, memory, count, centre=memory.mean(axis=0))
        expected = np.sort(distances(rows, memory))[:, :count]
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        np.testing.assert_allclose(np.take_along_axis(distances(rows, memory), which, 1), found)

    @given(st.floats(1, 1e4), st.integers(0, 50))
    def test_far_from_zero_nothing_is_lost_to_single_precision(self, level, seed):
        memory = noise(40, 8, seed=seed) + np.float32(level)
        rows = memory[:10] + 1e-2 * noise(10, 8, seed=seed + 1)
        found, _ = nearest(rows, memory, 1, centre=memory.mean(axis=0))
        np.testing.assert_allclose(found[:, 0], distances(rows, memory).min(axis=1), rtol=1e-5)

    def test_a_row_of_the_memory_scores_nothing(self):
        scorer, rows = Nearest(), noise(50, 4)
        scorer.learn(rows, seed=0)
        assert (scorer.scores(rows) == 0).all()

    def test_density_normalised_distances_are_those_of_brute_force(self):
        memory, rows = np.concatenate((noise(60, 3), 50 + 9 * noise(20, 3))), noise(40, 3, seed=1)
        scorer = DensityNormalised(neighbours=3)
        scorer.learn(memory, seed=0)
        apart = np.sort(distances(memory, memory))[:, 1:4].mean(axis=1)
        expected = (distances(rows, memory) / apart).min(axis=1)
        np.testing.assert_allclose(scorer.scores(rows), expected, rtol=1e-5)

    def test_equal_rows_are_no_division_by_zero(self):
        scorer = DensityNormalised()
        scorer.learn(np.ones((30, 2), dtype=np.float32), seed=0)
        assert np.isfinite(scorer.scores(noise(5, 2))).all()


class TestThinning:
    @pytest.mark.parametrize("how", ["kmeans", "coreset", "random"])
    @pytest.mark.parametrize("d", [3, PROJECTED + 72])
    def test_no_more_rows_are_kept_than_asked_for(self, how, d):
        rows = noise(300, d)
        kept = thinned(rows, 40, how, np.random.default_rng(0))
        assert kept.shape == (40, d)
        assert kept.dtype == np.float32
        if how != "kmeans":
            assert {row.tobytes() for row in kept} <= {row.tobytes() for row in rows}

    @pytest.mark.parametrize("how", ["kmeans", "coreset", "random"])
    def test_few_rows_are_all_kept_and_equal_ones_are_no_trouble(self, how):
        random = np.random.default_rng(0)
        assert np.array_equal(thinned(noise(5, 2), 5, how, random), noise(5, 2))
        same = np.ones((50, 2), dtype=np.float32)
        assert (thinned(same, 4, how, random) == 1).all()

    @settings(max_examples=20)
    @given(st.integers(0, 100))
    def test_a_coreset_covers_within_twice_the_best_radius(self, seed):
        rows = noise(60, 2, seed=seed)
        kept = thinned(rows, 8, "coreset", np.random.default_rng(0))
        radius = cdist(rows, kept).min(axis=1).max()
        # The 8 and the row farthest from them lie so far apart that 8 discs of half the radius
        # do not cover them.
        assert radius <= cdist(kept, kept)[np.triu_indices(8, 1)].min() + 1e-5

    def test_kmeans_finds_clusters(self):
        middles = 100 * noise(6, 3)
        rows = np.repeat(middles, 20, axis=0) + 1e-3 * noise(120, 3, seed=1)
        kept = thinned(rows, 30, "kmeans", np.random.default_rng(0))
        assert cdist(middles, kept).min(axis=1).max() < 0.01


class TestRepresentations:
    def test_shapes_forget_level_and_scale(self):
        windows = noise(4, 2, 16)
        shapes = ZNormalised(level=0.0)
        np.testing.assert_allclose(shapes.rows(windows), shapes.rows(3 * windows + 7), atol=1e-4)
        kept = ZNormalised(level=1.0).rows(3 * windows + 7)[:, -4:]
        np.testing.assert_allclose(kept[:, :2], (3 * windows + 7).mean(axis=2), rtol=1e-4)

    def test_a_constant_window_has_the_shape_zero(self):
        assert (ZNormalised(level=0.0).rows(np.full((1, 1, 8), 5, dtype="f4")) == 0).all()

    @pytest.mark.parametrize("w", [1, 2, 7, 16])
    def test_a_spectrum_keeps_the_energy(self, w):
        windows = noise(5, 3, w)
        found = np.square(Spectrum().rows(windows)).sum(axis=1)
        np.testing.assert_allclose(found, np.square(windows).mean(axis=2).sum(axis=1), rtol=1e-4)

    def test_statistics(self):
        windows = noise(3, 2, 10)
        expected = np.concatenate(
            (windows.mean(2), windows.std(2), abs(np.diff(windows, axis=2)).mean(2)), axis=1
        )
        np.testing.assert_allclose(Statistics().rows(windows), expected, rtol=1e-5)
        assert np.isfinite(Statistics().rows(noise(3, 2, 1))).all()

    def test_an_encoder_is_needed(self):
        trainer = {"_target_": "anomalib_ts.TrainerSettings", "max_steps": 1}
        cnn = {"_target_": "anomalib_ts.detectors.Cnn", "trainer": trainer}
        with pytest.raises(ConfigError, match="Cnn has no encoder; choose autoencoder"):
            Memory(window=16, representation=Encoder(detector=cnn)).fit(series())


class TestContrast:
    def test_neighbours_lie_nearer_to_each_other_than_to_windows_of_another_wave(self):
        n = np.arange(800)
        waves = np.where(n < 400, np.sin(2 * np.pi * n / 8), np.sin(2 * np.pi * n / 20))
        few = TrainerSettings(accelerator="cpu", max_steps=30, progress=False)
        encoder = Contrast(width=8, features=8, batch_size=32, trainer=few)
        encoder.learn((Recording(waves.astype("f4")),), 32, seed=0)
        windows = Windows([Recording(waves.astype("f4"))], 32)
        fast, next_to_it, slow = (
            encoder.rows(windows.gather(np.arange(first, first + 300, 7))) for first in (0, 1, 450)
        )
        np.testing.assert_allclose(np.linalg.norm(fast, axis=1), 1, rtol=1e-5)
        near = np.linalg.norm(fast - next_to_it, axis=1)
        assert near.mean() < 0.6 * cdist(fast, slow).mean()

    def test_short_windows_are_refused(self):
        with pytest.raises(InputError, match="a window of 4 points are too short"):
            Memory(window=4, representation=Contrast()).fit(series())


class TestMemory:
    @pytest.mark.parametrize("representation", REPRESENTATIONS, ids=lambda x: type(x).__name__)
    @pytest.mark.parametrize("scorer", SCORERS, ids=lambda x: type(x).__name__)
    def test_each_representation_with_each_scorer_sees_a_change(self, representation, scorer):
        new = series(400, seed=1)
        new[200:220] += 1.5 * noise(20, seed=2)
        detector = Memory(window=20, representation=representation, scorer=scorer)
        assert 180 < int(detector.fit(series()).score(new).argmax()) < 240

    def test_raw_windows_and_a_gaussian_are_the_mahalanobis_distance(self):
        train, new = noise(500, 3), noise(50, 3, seed=1)
        found = Memory(window=1, scorer=MahalanobisDistance()).fit(train).score(new)
        np.testing.assert_allclose(found, Mahalanobis(window=1).fit(train).score(new), rtol=1e-5)

    def test_a_point_has_the_mean_score_of_its_windows(self):
        train, new = series(), series(100, seed=1)
        detector = Memory(window=10, scorer=Nearest(thinning="random")).fit(train)
        standard = detector.scaler_.transform([Recording(new)])
        rows = Windows(standard, 10).gather(np.arange(91)).reshape(91, -1)
        scores = distances(rows, detector.scorer_.memory_).min(axis=1)
        expected = [scores[max(0, i - 9) : i + 1].mean() for i in range(100)]
        np.testing.assert_allclose(detector.score(new), expected, rtol=1e-5)

    def test_a_clip_has_one_score_and_loud_ones_a_higher(self):
        clips = [noise(80 + i, 4, seed=i) for i in range(20)]
        detector = Memory(
            representation=Statistics(of="recording"), scorer=MahalanobisDistance()
        ).fit(clips)
        quiet, loud = (detector.score(f * noise(90, 4, seed=99)) for f in (1, 2))
        assert np.ptp(quiet) == 0
        assert loud[0] > 2 * quiet[0]

    def test_one_clip_is_refused(self):
        with pytest.raises(InputError, match="there is one to learn from; use several"):
            Memory(representation=Statistics(of="recording")).fit(series())

    def test_wide_windows_are_refused_by_scorers_that_need_their_square(self):
        with pytest.raises(InputError, match=r"at most 5000 values.*these have 6000"):
            Memory(window=60, scorer=MahalanobisDistance()).fit(noise(200, 100))

    def test_settings_of_the_parts_are_checked(self):
        with pytest.raises(ConfigError, match="size must be at least 2, not 1"):
            Memory(scorer=Nearest(size=1)).fit(series())

    def test_parts_of_two_detectors_are_not_shared(self):
        scorer = Nearest()
        one, two = (Memory(window=8, scorer=scorer).fit(series(seed=i)) for i in range(2))
        assert vars(scorer).keys() == {"size", "thinning", "neighbours"}
        assert not np.array_equal(one.scorer_.memory_, two.scorer_.memory_)


PLAIN = {
    "_target_": "anomalib_ts.detectors.Memory",
    "representation": {"_target_": "anomalib_ts.detectors.memory.representations.Raw"},
    "scorer": {"_target_": "anomalib_ts.detectors.memory.nearest.Nearest", "size": "50"},
}


def test_results_tell_the_parts_apart():
    assert changed(checked(PLAIN, "detector")) == {
        "representation": "Raw",
        "scorer": "Nearest",
        "scorer.size": 50,
    }
    encoder = {
        "_target_": "anomalib_ts.detectors.memory.encoder.Encoder",
        "detector": {"_target_": "anomalib_ts.detectors.Autoencoder", "width": 8, "seed": 3},
    }
    told = changed(checked({**PLAIN, "representation": encoder}, "detector"))
    assert told["representation.detector"] == "Autoencoder"
    assert told["representation.detector.width"] == 8
    assert "representation.detector.seed" not in told


@pytest.mark.parametrize(
    ("place", "target", "message"),
    [
        ("scorer", "anomalib_ts.detectors.memory.representations.Raw", "is no Scorer"),
        ("representation", "anomalib_ts.detectors.Lof", "is no Representation"),
        ("scorer", "anomalib_ts.detectors.memory.scorers.Scorer", "is abstract"),
    ],
)
def test_a_part_of_another_kind_is_refused(place, target, message):
    with pytest.raises(ConfigError, match=message):
        create(PLAIN | {place: {"_target_": target}}, "detector")


def test_parts_are_chosen_on_the_command_line(tmp_path, capsys):
    from anomalib_ts.cli.main import main

    parts = ["detector/representation=statistics", "detector/scorer=pca_residual"]
    data = ["data.n_points=600", "data.n_anomalies=1", "data.train_length=400"]
    run = ["run", "detector=memory", *parts, *data, "detector.window=16", "plot=false"]
    assert main([*run, "baselines=none", f"results={tmp_path}"]) == 0
    assert "Statistics" in capsys.readouterr().out
