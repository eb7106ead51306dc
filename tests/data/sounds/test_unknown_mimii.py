"""Real clips of a machine, from the folder to scores; only where they lie beside the repository."""

import numpy as np
import pytest

from anomalib_ts.cli.main import main
from anomalib_ts.evaluation.ground_truth import GroundTruth
from anomalib_ts.results.store import Store
from tests.makers.shared import shared_path


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Train the dense autoencoder on the real clips; the record, the labels and a score a clip."""
    root = shared_path("data/machine-sounds")
    monkeypatch.chdir(tmp_path)
    settings = [
        "data=dcase",
        f"data.root={root}",
        "data.machine_types=[unknown_mimii]",
        "detector=dense_autoencoder",
        "baselines=none",
        "trainer.progress=false",
        "plot=false",
    ]

    def trained(protocol, steps):
        results = f"{protocol}_{steps}"
        changed = [f"protocol={protocol}", f"trainer.max_steps={steps}", f"results={results}"]
        assert main(["run", *settings, *changed]) == 0
        store = Store(results)
        (record,) = store.records()
        truth = GroundTruth.from_arrays(store.case(record.unit))
        scores = store.scores(record.unit)
        return record, truth, np.array([scores[part].mean() for part in truth.stretches])

    return trained


def test_real_clips_train_a_deep_detector(train):
    _, truth, early = train("weak", 1)
    record, _, late = train("weak", 60)
    assert truth.lengths.tolist() == [313] * 39
    assert truth.record_labels.tolist() == [0] * 38 + [1]
    normal, anomalous = late[:38], late[38]
    assert np.median(normal) < 0.75 * np.median(early[:38])  # it has learnt what is normal
    assert record.metrics["auroc"] == pytest.approx(np.mean(anomalous > normal))


def test_the_split_as_given_trains_on_all_and_has_no_area(train):
    record, truth, scores = train("given", 1)
    assert truth.record_labels.tolist() == [1]
    assert np.isfinite(scores).all()
    assert record.status == "ok"
    assert record.metrics == {}
    assert record.undefined["auroc"] == "no machine has both classes"
