"""Encoders from files: what the network is given, what is kept of it, and whose code may run."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import helper
from torch import nn

from anomalib_ts import Recording, load_detector
from anomalib_ts.detectors.memory import MahalanobisDistance, Memory, Onnx, TorchScript
from anomalib_ts.detectors.memory.frozen import laid_out
from anomalib_ts.errors import ConfigError, DataNotFoundError, InputError, UntrustedError
from anomalib_ts.settings.trust import ALLOW
from anomalib_ts.testing import check_detector
from tests.makers.encoders import write_encoder

WEIGHTS = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
C = len(WEIGHTS)


def expected(windows):
    """What the networks below make of windows `(b, c, t)`: the mean over time, c to d features."""
    return windows.mean(axis=2) @ WEIGHTS


class Mean(nn.Module):
    def __init__(self, frames_first):
        super().__init__()
        self.frames_first = frames_first
        self.weights = nn.Parameter(torch.from_numpy(WEIGHTS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=1 if self.frames_first else 2) @ self.weights


def write_onnx(path, axis=2, shape=("b", C, "t"), inputs=("x",), weights=WEIGHTS):
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["features"]),
    ]
    return write_encoder(path, nodes, shape, {"weights": weights, "axes": np.array([axis])}, inputs)


def write_script(path, frames_first=False):
    torch.jit.script(Mean(frames_first)).save(str(path))
    return str(path)


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@pytest.fixture(params=["onnx", "torchscript"])
def encoder(request, tmp_path, monkeypatch):
    """A class, and the file of a network of its kind, trusted where that is needed."""
    if request.param == "onnx":
        return Onnx, write_onnx(tmp_path / "encoder.onnx")
    file = write_script(tmp_path / "encoder.pt")
    monkeypatch.setenv(ALLOW, f"some_module, sha256:{digest(file)}")
    return TorchScript, file


def clips(count=12, c=C, seed=0):
    rng = np.random.default_rng(seed)
    return [20 + 5 * rng.standard_normal((40 + i, c)) for i in range(count)]


def test_features_are_those_of_the_network_in_the_unit_of_the_data(encoder):
    kind, file = encoder
    train = clips()
    detector = Memory(
        representation=kind(file=file, of="recording", values="original"),
        scorer=MahalanobisDistance(),
    ).fit(train)
    features = np.concatenate([expected(clip.T[None]) for clip in train])
    np.testing.assert_allclose(detector.mean_, features.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(detector.deviation_, features.std(axis=0), rtol=1e-4)


def test_features_are_those_of_standardised_values_by_default(encoder):
    kind, file = encoder
    detector = Memory(window=8, representation=kind(file=file), scorer=MahalanobisDistance())
    detector.fit(clips())
    standardised = detector.scaler_.transform([Recording(clips()[0])])[0].values
    windows = np.lib.stride_tricks.sliding_window_view(standardised, 8, axis=0)
    rows = (expected(windows) - detector.mean_) / detector.deviation_
    scores = detector.scorer_.scores(rows.astype(np.float32))
    assert detector.score(clips()[0])[0] == pytest.approx(scores[0], rel=1e-4)


@pytest.mark.parametrize(
    ("layout", "shape", "axis"), [("bct", ("b", C, "t"), 2), ("btc", ("b", "t", C), 1)]
)
def test_the_network_is_given_the_layout_that_it_takes(layout, shape, axis, tmp_path):
    one = Onnx(file=write_onnx(tmp_path / "e.onnx", axis, shape), layout=layout)
    one.learn((), 0, 0)
    windows = np.random.default_rng(1).standard_normal((5, C, 9)).astype(np.float32)
    np.testing.assert_allclose(one.rows(windows), expected(windows), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("layout", ["bct", "btc", "b1ct", "b1tc", "bt"])
def test_each_layout_puts_each_value_where_its_letters_say(layout):
    windows = np.arange(24, dtype=np.float32).reshape((2, 3, 4) if layout != "bt" else (6, 1, 4))
    batch = laid_out(windows, layout)
    sizes = dict(zip("bct", windows.shape, strict=True)) | {"1": 1}
    assert batch.shape == tuple(sizes[letter] for letter in layout)
    for place in np.ndindex(windows.shape):
        at = dict(zip("bct", place, strict=True)) | {"1": 0}
        assert batch[tuple(at[letter] for letter in layout)] == windows[place]


@pytest.mark.parametrize("size", [1, 2, 5, 7])
def test_a_network_of_a_fixed_batch_is_given_such_batches(size, tmp_path):
    one = Onnx(file=write_onnx(tmp_path / "e.onnx", shape=(size, C, 9)))
    one.learn((), 0, 0)
    windows = np.random.default_rng(1).standard_normal((5, C, 9)).astype(np.float32)
    np.testing.assert_allclose(one.rows(windows), expected(windows), rtol=1e-4, atol=1e-6)


def test_a_feature_map_counts_by_its_mean(tmp_path, monkeypatch):
    convolution = torch.jit.script(nn.Conv1d(C, 4, 3))
    file = tmp_path / "map.pt"
    convolution.save(str(file))
    monkeypatch.setenv(ALLOW, f"sha256:{digest(file)}")
    one = TorchScript(file=str(file))
    one.learn((), 0, 0)
    windows = np.random.default_rng(1).standard_normal((5, C, 9)).astype(np.float32)
    with torch.no_grad():
        found = convolution(torch.from_numpy(windows)).mean(dim=2)
    np.testing.assert_allclose(one.rows(windows), found.numpy(), rtol=1e-4, atol=1e-6)


class Extremes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1)


def write_extremes(path):
    """The same in ONNX; like it, for any number of channels."""
    reductions = [
        helper.make_node(f"Reduce{name}", ["x", "axes"], [name], keepdims=0)
        for name in ("Mean", "Max")
    ]
    joined = helper.make_node("Concat", ["Mean", "Max"], ["features"], axis=1)
    write_encoder(path, [*reductions, joined], ("b", "c", "t"), {"axes": np.array([2])})


@pytest.mark.parametrize("kind", [Onnx, TorchScript])
def test_the_contract_holds(kind, tmp_path, monkeypatch):
    file = tmp_path / "encoder"
    if kind is Onnx:
        write_extremes(file)
    else:
        torch.jit.script(Extremes()).save(str(file))
    monkeypatch.setenv(ALLOW, f"sha256:{digest(file)}")
    check_detector(Memory(window=16, representation=kind(file=str(file))))


def test_a_saved_model_names_the_file_and_its_digest_and_scores_alike(encoder, tmp_path):
    kind, file = encoder
    detector = Memory(window=8, representation=kind(file=file)).fit(clips(3))
    path = detector.save(tmp_path / "model.zip")
    again = load_detector(path)
    assert np.array_equal(again.score(clips(1)[0]), detector.score(clips(1)[0]))
    assert again.representation_.digest_ == digest(file)
    assert digest(file).encode() in path.read_bytes()
    copied = pickle.loads(pickle.dumps(detector))
    assert np.array_equal(copied.score(clips(1)[0]), detector.score(clips(1)[0]))


def test_a_saved_model_refuses_another_file_in_the_place_of_its_own(tmp_path):
    file = write_onnx(tmp_path / "e.onnx")
    path = Memory(window=8, representation=Onnx(file=file)).fit(clips(3)).save(tmp_path / "m.zip")
    write_onnx(tmp_path / "e.onnx", weights=2 * WEIGHTS)
    with pytest.raises(InputError, match=r"m.zip cannot be used.*another file.*its SHA-256 is"):
        load_detector(path)
    (tmp_path / "e.onnx").unlink()
    with pytest.raises(InputError, match=r"m.zip cannot be used.*there is no file"):
        load_detector(path)


def test_the_digest_may_be_set(tmp_path):
    file = write_onnx(tmp_path / "e.onnx")
    right = Onnx(file=file, sha256=digest(file).upper())
    assert Memory(window=8, representation=right).fit(clips(3)).window_ == 8
    with pytest.raises(ConfigError, match=f"its SHA-256 is {digest(file)}, not 00"):
        Memory(window=8, representation=Onnx(file=file, sha256="00")).fit(clips(3))


class TestTrust:
    """A TorchScript file is a program; an ONNX file is none."""

    @pytest.mark.parametrize("listed", [None, "torch", "sha256:", "sha256:" + "0" * 64, "*"])
    def test_a_program_that_nobody_listed_is_not_opened(self, listed, tmp_path, monkeypatch):
        file = write_script(tmp_path / "e.pt")
        monkeypatch.setattr(torch.jit, "load", lambda *a, **k: pytest.fail("it was opened"))
        monkeypatch.delenv(ALLOW, raising=False)
        if listed is not None:
            monkeypatch.setenv(ALLOW, listed)
        with pytest.raises(UntrustedError, match=f"{ALLOW}=sha256:{digest(file)}"):
            Memory(window=8, representation=TorchScript(file=file)).fit(clips(3))

    def test_nor_is_it_for_a_model_file_from_elsewhere(self, tmp_path, monkeypatch):
        file = write_script(tmp_path / "e.pt")
        monkeypatch.setenv(ALLOW, f"sha256:{digest(file)}")
        detector = Memory(window=8, representation=TorchScript(file=file)).fit(clips(3))
        path = detector.save(tmp_path / "m.zip")
        monkeypatch.delenv(ALLOW)
        monkeypatch.setattr(torch.jit, "load", lambda *a, **k: pytest.fail("it was opened"))
        with pytest.raises(UntrustedError, match=r"m.zip cannot be used.*holds a program"):
            load_detector(path)

    def test_nor_for_a_changed_file(self, tmp_path, monkeypatch):
        file = write_script(tmp_path / "e.pt")
        monkeypatch.setenv(ALLOW, f"sha256:{digest(file)}")
        write_script(tmp_path / "e.pt", frames_first=True)
        with pytest.raises(UntrustedError):
            Memory(window=8, representation=TorchScript(file=file)).fit(clips(3))


@pytest.mark.parametrize("kind", [Onnx, TorchScript])
def test_a_file_that_is_none_is_refused_in_words(kind, tmp_path, monkeypatch):
    def fit(file):
        Memory(window=8, representation=kind(file=file)).fit(clips(3))

    with pytest.raises(ConfigError, match="set it to the network's file"):
        fit(None)
    with pytest.raises(DataNotFoundError, match="there is no file"):
        fit(str(tmp_path / "missing"))
    with pytest.raises(InputError, match="is no regular file"):
        fit(str(tmp_path))
    odd = tmp_path / "odd"
    odd.write_bytes(b"no network")
    monkeypatch.setenv(ALLOW, f"sha256:{digest(odd)}")
    with pytest.raises(ConfigError, match=r"odd is no \w+ network"):
        fit(str(odd))


def test_a_network_of_several_inputs_is_refused(tmp_path):
    file = write_onnx(tmp_path / "e.onnx", inputs=("x", "y"))
    with pytest.raises(ConfigError, match="must take one array of floats, not x: tensor"):
        Memory(window=8, representation=Onnx(file=file)).fit(clips(3))


def test_windows_that_the_network_does_not_take_are_refused(encoder):
    kind, file = encoder
    with pytest.raises(InputError, match=r"does not take a batch of shape .*layout=bct"):
        Memory(window=8, representation=kind(file=file)).fit(clips(3, c=C + 2))
    with pytest.raises(InputError, match="layout=bt takes one channel, not 3"):
        Memory(window=8, representation=kind(file=file, layout="bt")).fit(clips(3))


def test_what_is_no_row_of_features_is_refused(tmp_path):
    file = write_onnx(tmp_path / "e.onnx", weights=WEIGHTS[:, 0])
    with pytest.raises(InputError, match=r"of shape \(\d+,\).*must make \(examples, features\)"):
        Memory(window=8, representation=Onnx(file=file)).fit(clips(3))
    huge = write_onnx(tmp_path / "huge.onnx", weights=np.full_like(WEIGHTS, 3e38))
    with pytest.raises(InputError, match="features that are not finite"):
        Memory(window=8, representation=Onnx(file=huge)).fit(
            [Recording(clip, label=0) for clip in clips(3)]
        )
