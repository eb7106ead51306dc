"""`export` writes a graph with the threshold of alarms, or says why it cannot."""

import numpy as np
import pytest

from anomalib_ts.cli.main import main
from anomalib_ts.core.recording import Recording
from anomalib_ts.deploy.model import PlantModel
from anomalib_ts.deploy.target import AlarmTarget
from anomalib_ts.detectors import Mahalanobis, MovingMean


@pytest.fixture
def model(tmp_path):
    """Saves a plant model of a detector, and gives it with its path."""

    def make(detector):
        noise = Recording(np.random.default_rng(0).standard_normal(2000), sampling_period=60.0)
        made = PlantModel.fit(detector, [noise], AlarmTarget(per_day=5))
        return made, made.save(tmp_path / "pump.ats")

    return make


def test_the_graph_has_the_threshold_of_alarms(model, tmp_path, capsys):
    onnxruntime = pytest.importorskip("onnxruntime")
    made, path = model(Mahalanobis())
    assert main(["export", str(path), "--to", "onnx"]) == 0
    graph = tmp_path / "pump.onnx"
    assert f"{graph}: Mahalanobis, threshold" in capsys.readouterr().out
    facts = onnxruntime.InferenceSession(graph).get_modelmeta().custom_metadata_map
    assert float(facts["threshold"]) == made.rule.threshold


def test_what_has_no_graph_is_one_line(model, capsys):
    pytest.importorskip("onnx")
    _, path = model(MovingMean())
    assert main(["export", str(path)]) == 2
    assert "MovingMean cannot be exported" in capsys.readouterr().err
