import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from anomalib_ts import Mahalanobis
from anomalib_ts.cli.main import main
from anomalib_ts.data import NslKdd
from anomalib_ts.data.tables.nsl_kdd_rows import COLUMNS, KINDS, read_rows
from anomalib_ts.errors import ConfigError, DataNotFoundError, InputError
from tests.makers.shared import shared_path

TRAFFIC = ",".join(["0.5"] * 35)


def line(protocol="tcp", service="http", label="normal", first="0", more=",21"):
    return f"{first},{protocol},{service},SF,10,20,{TRAFFIC},{label}{more}"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "KDDTrain+.txt").write_text(
        "\n".join([line(), line(first="3", service="ftp"), line(label="neptune")])
    )
    test = [line(), line("icmp", "eco_i", "satan"), line("udp", "ntp", "mscan"), line(label="land")]
    (tmp_path / "KDDTest+.txt").write_text("\n".join(test))
    return tmp_path


@pytest.mark.parametrize(
    ("case", "labels"),
    [
        ("all", [0, 1, 1, 1]),
        ("probe", [0, 1, 1]),
        ("dos", [0, 1]),
        ("unseen", [0, 1, 1, 1]),
    ],
)
def test_a_case_is_a_kind_of_attack(root, case, labels):
    loaded = NslKdd(root=str(root)).load(case)
    assert loaded.test[0].labels.tolist() == labels
    assert len(loaded.train[0]) == 2


def test_encodings(root):
    codes, hot, log = (
        NslKdd(root=str(root), encoding=encoding).load("all").test[0]
        for encoding in ("codes", "one_hot", "log")
    )
    assert codes.channel_names == COLUMNS
    assert codes.values[:, 1].tolist() == [0, 1, 2, 0]  # tcp, icmp, udp
    assert codes.values[:, 2].tolist() == [0, 2, 3, 0]  # ftp, code 1, is in the training file
    named = dict(zip(hot.channel_names, hot.values.T, strict=True))
    assert named["service=eco_i"].tolist() == [0, 1, 0, 0]
    assert named["service=ftp"].tolist() == [0, 0, 0, 0]
    assert named["src_bytes"].tolist() == [10] * 4
    assert log.values[0, log.channel_names.index("src_bytes")] == pytest.approx(np.log(11))


def test_the_fingerprint_follows_files_and_encoding(root):
    data = NslKdd(root=str(root))
    before = data.fingerprint("all")
    assert data.load("all").fingerprint == before
    assert NslKdd(root=str(root), encoding="codes").fingerprint("all") != before
    synthetic = root / "synthetic.csv"
    synthetic.write_text("\n".join([line(service="brand_new", more="")] * 3))
    other = NslKdd(root=str(root), train_path=str(synthetic))
    case = other.load("all")
    assert case.fingerprint == other.fingerprint("all") != before
    assert len(case.train[0]) == 3
    assert "service=brand_new" in case.train[0].channel_names
    assert case.train[0].channel_names == case.test[0].channel_names


def test_attacks_that_train_are_a_recording_of_their_own(root):
    case = NslKdd(root=str(root), labelled_attacks=True).load("all")
    assert [r.is_anomalous_throughout for r in case.train] == [False, True]
    assert [len(r) for r in case.train] == [2, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n1,2,3\n", "3 columns, but NSL-KDD has 42"),
        ("\n".join([line(), line(label="neptun")]), "'neptun' is unknown; did you mean neptune"),
        ("\n".join([line(), line(first="soon")]), "line 2, column 1: 'soon' is not a number"),
        ("\n".join([line(), line(first="")]), "line 2, column 1 .duration. is empty"),
    ],
)
def test_a_file_in_another_layout_is_refused(root, text, message):
    (root / "KDDTest+.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        NslKdd(root=str(root)).load("all")


def test_bad_settings(root, tmp_path):
    with pytest.raises(ConfigError, match="cases must be some of all, dos"):
        NslKdd(cases=["dos", "worms"])
    with pytest.raises(ConfigError, match="encoding must be codes"):
        NslKdd(encoding="binary")
    with pytest.raises(DataNotFoundError, match=r"no .*KDDTrain\+.txt: get NSL-KDD"):
        NslKdd(root=str(tmp_path / "nowhere")).case_names()
    with pytest.raises(InputError, match="no such row"):
        NslKdd(root=str(root)).load("u2r")


@pytest.mark.filterwarnings("default::anomalib_ts.errors.AnomalibTsWarning")
def test_detectors_that_look_at_neighbours_are_warned_about(root, tmp_path, capsys):
    results = [f"results={tmp_path / 'results'}", "baselines=none", "plot=false"]
    command = ["run", "data=nsl_kdd", f"data.root={root}", "data.cases=[all]", *results]
    assert main([*command, "detector=mahalanobis"]) == 0
    assert "follow each other" not in capsys.readouterr().err
    assert main([*command, "detector=moving_mean"]) == 0
    assert "moving_mean with window=25 looks at neighbours" in capsys.readouterr().err
    assert main([*command, "detector=poly", "detector.window=1"]) == 0
    assert "poly with window=1 looks at neighbours" in capsys.readouterr().err


def test_kinds_of_the_real_test_file():
    rows = read_rows(shared_path("data/nsl-kdd/KDDTest+.txt")).frame
    kinds = rows["label"].map(KINDS).value_counts()
    assert kinds.to_dict() == {"dos": 7458, "r2l": 2754, "probe": 2421, "u2r": 200}


def test_mahalanobis_on_logarithms_tells_attacks():
    case = NslKdd(root=str(shared_path("data/nsl-kdd"))).load("all")
    assert [len(case.train[0]), len(case.test[0]), case.test[0].channels] == [67343, 22544, 122]
    scores = Mahalanobis().fit(case.train).score(case.test[0])
    assert roc_auc_score(case.test[0].labels, scores) >= 0.96
