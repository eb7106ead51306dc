"""Values into a model file and back; models of other versions and of plug-ins."""

import json
import math
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.covariance import EmpiricalCovariance, LedoitWolf, MinCovDet
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.tree import ExtraTreeRegressor

from anomalib_ts import Detector, MovingMean, Recording, load_detector
from anomalib_ts.errors import (
    AnomalibTsWarning,
    ContractError,
    DataNotFoundError,
    InputError,
    NotFittedError,
    UntrustedError,
)
from anomalib_ts.saved import estimators, values
from anomalib_ts.saved.archive import JSON

GOLDEN = Path(__file__).with_name("golden")
X = np.random.default_rng(0).standard_normal((80, 3))


def through_json(value):
    writer = values.Writer()
    tree = json.loads(json.dumps(writer.tree(value, "it"), allow_nan=False))
    return values.Reader(writer.arrays).value(tree)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(PLAIN)
def test_plain_values_come_back_as_they_were(value):
    assert repr(through_json(value)) == repr(value)  # NaN, -0.0 and types included


ARRAYS = [
    np.arange(6.0).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.zeros((0, 4), dtype=np.float32),
    np.array(3, dtype=np.int8),
    np.array([True, False]),
    np.array([np.nan, np.inf, -0.0]),
    np.arange(3, dtype=">f8"),
    np.array(["pump", "fän"]),
    np.array(["2026-01-01", "NaT"], dtype="M8[ns]"),
    np.zeros(2, [("a", "f8"), ("b", "i4")]),
    np.arange(8.0)[::2],
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
def test_arrays_come_back_as_they_were(array):
    back = through_json(array)
    assert back.shape == array.shape
    assert back.dtype == array.dtype.newbyteorder("=")
    assert back.astype(array.dtype).tobytes() == array.tobytes()
    assert back.flags.f_contiguous == array.flags.f_contiguous or array.ndim < 2


@pytest.mark.parametrize(
    "scalar", [np.float32(0.1), np.float64(0.1), np.int64(3), np.bool_(True)], ids=repr
)
def test_scalars_keep_their_type(scalar):
    back = through_json(scalar)
    assert type(back) is type(scalar)
    assert back == scalar


def test_tensors_come_back():
    torch = pytest.importorskip("torch")
    for tensor in (torch.arange(6.0).reshape(2, 3), torch.tensor(3), torch.zeros(2) > 1):
        back = through_json(tensor)
        assert back.dtype == tensor.dtype
        assert torch.equal(back, tensor)


@pytest.mark.parametrize(
    "value",
    [object(), lambda: 0, {1, 2}, b"x", np.array([None]), print, float],
    ids=lambda value: type(value).__name__,
)
def test_anything_else_is_refused_by_name(value):
    with pytest.raises(ContractError, match=r"it\['a'\]\[0\] is a .*, which a model file cannot"):
        values.Writer().tree({"a": [value]}, "it")


def test_what_holds_itself_is_refused():
    circle = []
    circle.append(circle)
    with pytest.raises(ContractError, match="nested too deeply"):
        values.Writer().tree(circle, "it")


ESTIMATORS = [
    (IsolationForest(n_estimators=3, random_state=0).fit(X), "score_samples"),
    (ExtraTreeRegressor(random_state=0).fit(X, X[:, 0]), "predict"),
    (PCA(2).fit(X), "transform"),
    (KMeans(3, n_init=1, random_state=0).fit(X), "transform"),
    (EmpiricalCovariance().fit(X), "mahalanobis"),
    (MinCovDet(random_state=0).fit(X), "mahalanobis"),
    (LedoitWolf().fit(X), "mahalanobis"),
    (LinearRegression().fit(X, X[:, 0]), "predict"),
    (Ridge().fit(X, X[:, 0]), "predict"),
    (StandardScaler().fit(X), "transform"),
]


@pytest.mark.parametrize(("estimator", "method"), ESTIMATORS, ids=lambda x: type(x).__name__)
def test_estimators_come_back(estimator, method):
    back = through_json(estimator)
    np.testing.assert_array_equal(getattr(back, method)(X), getattr(estimator, method)(X))


def test_every_estimator_that_may_be_named_is_tested():
    tested = {values.path_of(type(estimator)) for estimator, _ in ESTIMATORS}
    assert tested == set(estimators.ESTIMATORS)


def metadata_of(distribution):
    return f"{distribution} {metadata.version(distribution)}"


class Outsider(Detector):
    def _fit(self, train):
        self.middle_ = 0.5

    def _score(self, recording):
        return abs(recording.values[:, 0] - self.middle_)


def test_a_detector_of_the_running_program_loads(tmp_path):
    path = Outsider().fit(X).save(tmp_path / "one.ats")
    np.testing.assert_array_equal(load_detector(path).score(X), Outsider().fit(X).score(X))


def test_a_model_names_what_its_class_came_with(tmp_path):
    for kind, source in (
        (MovingMean, metadata_of("anomalib-ts")),
        (type("Mine", (MovingMean,), {"__module__": "sklearn.mine"}), metadata_of("scikit-learn")),
        (Outsider, ""),
    ):
        path, found = kind().fit(X).save(tmp_path / "one.ats"), []
        edit(path, lambda content, found=found: found.append(content["detector"]["distribution"]))
        assert found == [source]


def test_one_of_a_module_that_nobody_chose_does_not(tmp_path, monkeypatch):
    path = Outsider().fit(X).save(tmp_path / "one.ats")
    edit(path, lambda c: c["detector"].update({"class": "left_pad.Pad", "distribution": "pad 1"}))
    with pytest.raises(UntrustedError, match=r"needs the detector left_pad.Pad of pad 1.*install"):
        load_detector(path)
    assert "left_pad" not in sys.modules
    monkeypatch.setenv("ANOMALIB_TS_ALLOW", "left_pad")
    with pytest.raises(UntrustedError, match=r"left_pad.Pad of pad 1, which cannot be imported"):
        load_detector(path)


def test_unfitted_ones_are_not_saved(tmp_path):
    with pytest.raises(NotFittedError):
        MovingMean().save(tmp_path / "one.ats")


def test_there_must_be_a_file(tmp_path):
    with pytest.raises(DataNotFoundError, match="there is no model"):
        load_detector(tmp_path / "none.ats")
    with pytest.raises(InputError, match="is no regular file"):
        load_detector(tmp_path)


def test_the_same_detector_is_the_same_file(tmp_path):
    paths = [MovingMean().fit(X).save(tmp_path / name) for name in ("a.ats", "b.ats")]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def edit(path, change):
    with zipfile.ZipFile(path) as archive:
        parts = [(name, archive.read(name)) for name in archive.namelist()]
    content = json.loads(parts[0][1])
    change(content)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in ((JSON, json.dumps(content)), parts[1]):
            archive.writestr(name, data)


def test_another_version_of_a_detector_is_warned_of(tmp_path):
    path = MovingMean().fit(X).save(tmp_path / "one.ats")
    edit(path, lambda c: c["detector"].update(version=99))
    with pytest.warns(AnomalibTsWarning, match="holds version 99 of MovingMean"):
        load_detector(path)


def test_a_setting_that_is_no_more_is_named(tmp_path):
    path = MovingMean().fit(X).save(tmp_path / "one.ats")

    def change(content):
        content["versions"]["anomalib-ts"] = "0.0.1"
        content["detector"]["settings"]["keys"].append("width")
        content["detector"]["settings"]["values"].append(3)

    edit(path, change)
    with pytest.raises(InputError, match=r"no setting width \(any more\).*by anomalib-ts 0.0.1"):
        load_detector(path)


def test_scores_that_other_versions_change_are_warned_of(tmp_path, monkeypatch):
    path = Outsider().fit(X).save(tmp_path / "one.ats")
    monkeypatch.setattr(Outsider, "_score", lambda self, r: 3 + abs(r.values[:, 0]))
    with pytest.raises(InputError, match=r"damaged or was altered: its Outsider scores otherwise"):
        load_detector(path)
    edit(path, lambda c: c["versions"].update(numpy="1.0"))
    with pytest.warns(AnomalibTsWarning, match=r"scores otherwise.*numpy 1.0 then"):
        load_detector(path)


@pytest.mark.parametrize("name", ["iforest", "mahalanobis", "fastflow1d", "weak_autoencoder"])
@pytest.mark.filterwarnings("ignore::anomalib_ts.errors.AnomalibTsWarning")
def test_models_of_the_first_format_load_forever(name):
    """Written by version 0.1.0; never written anew. `make_golden.py` beside them says how."""
    detector = load_detector(GOLDEN / f"{name}.ats")
    expected = np.load(GOLDEN / "scores.npz")
    scores = detector.score(Recording(expected["values"], channel_names=("flow", "heat")))
    reach = np.ptp(expected[name])
    assert math.isclose(0, abs(scores - expected[name]).max() / reach, abs_tol=0.02)


def test_a_model_of_a_version_that_learnt_other_things_says_so():
    with pytest.raises(InputError, match=r"holds version 2 of IForest.* version 3.*fit it again"):
        load_detector(GOLDEN / "iforest_version_2.ats")
    for older in (3, 4):
        wanted = rf"holds version {older} of FastFlow1D.*version 6.*fit it again"
        with pytest.raises(InputError, match=wanted):
            load_detector(GOLDEN / f"fastflow1d_version_{older}.ats")


def test_a_model_of_a_version_with_other_settings_says_so():
    with pytest.raises(InputError, match=r"FastFlow1D has no setting stride.*any more.*fit it ag"):
        load_detector(GOLDEN / "fastflow1d_version_2.ats")
