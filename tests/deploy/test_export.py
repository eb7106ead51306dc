"""ONNX graphs: the scores of ONNX Runtime are those of the detector."""

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anomalib_ts.core.recording import Recording
from anomalib_ts.deploy.export import export_onnx
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
    Mahalanobis,
    MlpAutoencoder,
    MobileFaceNet,
    Usad,
    WeakAutoencoder,
)
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.errors import AnomalibTsError, InputError, NotFittedError
from anomalib_ts.testing.probe import Probe, with_burst

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

EXAMPLE = Path(__file__).parents[2] / "examples" / "score_onnx.py"
BRIEF = TrainerSettings(accelerator="cpu", max_steps=6, progress=False)
DENSE = {"window": 8, "width": 16, "trainer": BRIEF}
CONV = {"window": 16, "width": 8, "features": 4, "trainer": BRIEF}
DETECTORS = [
    Mahalanobis(),
    Mahalanobis(window=8),
    Autoencoder(**CONV),
    FastFlow1D(**CONV, flow_steps=2, smoothing=7),
    FastFlow1D(**CONV, flow_steps=2, scoring="likelihood"),
    DcaseAutoencoder(width=16, trainer=BRIEF),
    DenseAutoencoder(**DENSE),
    DeepSvdd(**DENSE, latent=4),
    DeepSad(**DENSE, latent=4, stride=3),
    DevNet(**DENSE),
    MobileFaceNet(window=16, width=8, embedding=8, trainer=BRIEF),
    Usad(window=8, latent=4, trainer=BRIEF),
    WeakAutoencoder(**DENSE, mode="paper"),
    WeakAutoencoder(**DENSE, bag="window"),
    MlpAutoencoder(window=8, trainer=BRIEF),
    *(kind(window=14, trainer=BRIEF) for kind in (Cnn, Lstm, CnnLstm, BiLstm)),
]
NO_TORCH = """
import runpy, sys
class Blocked:
    def find_spec(self, name, *_):
        if name.split(".")[0] in ("torch", "anomalib_ts", "sklearn", "scipy"):
            raise ImportError(name + " is not installed here")
sys.meta_path.insert(0, Blocked())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def recording_of(probe):
    """A test recording with a gross anomaly and one value that standardisation bends."""
    test = with_burst(probe.test(3))
    values = 7 * test.values.astype(np.float64) + 100
    values[5, 1] = 1e7
    return Recording(values)


def fitted(detector):
    probe = Probe(detector)
    training = [
        Recording(7 * one.values + 100, one.labels, one.label, machine_id=one.machine_id)
        for one in probe.training(3)
    ]
    return probe.clone().fit(training), recording_of(probe)


def scored_by_example(model, values, folder, names=("a", "b", "c")):
    table = folder / "tomorrow.csv"
    pd.DataFrame(values, columns=list(names)).to_csv(table, index=False)
    command = [sys.executable, "-c", NO_TORCH, str(EXAMPLE), str(model), str(table)]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert not done.returncode, done.stderr
    lines = [line.split(",") for line in done.stdout.splitlines()]
    return np.array([float(score) for score, _ in lines]), [int(flag) for _, flag in lines]


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda one: type(one).__name__)
def test_the_graph_gives_the_scores_of_windows(detector, tmp_path):
    detector, test = fitted(detector)
    session = onnxruntime.InferenceSession(export_onnx(detector, tmp_path / "pump.onnx"))
    facts = session.get_modelmeta().custom_metadata_map
    window = int(facts["window"])
    assert facts["detector"] == type(detector).__name__
    assert window == {"last": detector.window + 1, "series": 1}.get(
        facts["points"], detector.window
    )
    lengths = (1, 50, 163) if facts["points"] == "series" else (window,)
    scored = slice(-1, None) if facts["points"] == "last" else slice(None)
    for start, length in product((0, 100), lengths):
        one = test[start : start + length]
        (scores,) = session.run(None, {"windows": one.values[None]})
        found, expected = np.broadcast_to(scores[0], len(one)), detector.score(one)
        np.testing.assert_allclose(found[scored], expected[scored], rtol=1e-4, atol=1e-4)
    (many,) = session.run(None, {"windows": np.repeat(one.values[None], 5, axis=0)})
    np.testing.assert_allclose(many, np.repeat(scores, 5, axis=0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "detector",
    [
        *(Mahalanobis(window=8), Autoencoder(**CONV), DenseAutoencoder(**DENSE)),
        Cnn(window=14, trainer=BRIEF),
    ],
    ids=lambda one: type(one).__name__,
)
def test_the_example_scores_a_table_without_torch(detector, tmp_path):
    detector, test = fitted(detector)
    model = export_onnx(detector, tmp_path / "pump.onnx")
    scores, flags = scored_by_example(model, test.values, tmp_path)
    np.testing.assert_allclose(scores, detector.score(test), rtol=1e-4, atol=1e-4)
    assert flags == detector.predict(test).tolist()


def test_the_example_finds_columns_by_name(tmp_path):
    values = np.random.default_rng(0).standard_normal((60, 2))
    detector = Mahalanobis().fit(pd.DataFrame(values, columns=["flow", "heat"]))
    model = export_onnx(detector, tmp_path / "pump.onnx", threshold=2.5)
    scores, flags = scored_by_example(model, values[:, ::-1], tmp_path, ("heat", "flow"))
    expected = detector.score(pd.DataFrame(values, columns=["flow", "heat"]))
    np.testing.assert_allclose(scores, expected, rtol=1e-4)
    assert flags == (expected > 2.5).astype(int).tolist()


def test_what_cannot_be_exported_is_said(tmp_path, monkeypatch):
    values = np.zeros((50, 2))
    with pytest.raises(InputError, match="IForest cannot be exported"):
        export_onnx(IForest(window=4, trees=3).fit(values), tmp_path / "a.onnx")
    published = Cnn(window=14, mode="published", trainer=BRIEF).fit(np.sin(np.arange(99.0)))
    with pytest.raises(InputError, match="Cnn cannot be exported"):
        export_onnx(published, tmp_path / "a.onnx")
    with pytest.raises(NotFittedError):
        export_onnx(Mahalanobis(), tmp_path / "a.onnx")
    monkeypatch.setattr("anomalib_ts.deploy.export.find_spec", lambda _: None)
    with pytest.raises(AnomalibTsError, match=r"pip install 'anomalib-ts\[export\]'"):
        export_onnx(Mahalanobis().fit(values), tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())
