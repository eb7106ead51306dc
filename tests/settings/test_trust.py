"""What a `_target_` may name: where it comes from, and of which kind it is."""

import os
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anomalib_ts.cli.main import main
from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.classical.moving_mean import MovingMean
from anomalib_ts.errors import ConfigError, ContractError, DataNotFoundError, UntrustedError
from anomalib_ts.evaluation.judge import Evaluation
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import Store
from anomalib_ts.run.isolation import execute_isolated
from anomalib_ts.run.limits import Limits
from anomalib_ts.settings.config import checked, create, create_stored
from anomalib_ts.settings.signatures import import_class
from anomalib_ts.settings.trust import ALLOW, KINDS
from anomalib_ts.views.clips import clip_files
from tests.makers.records import unit

PARTS = ["detector", "data", "protocol", "threshold", "metrics", "limits", "figure"]
GOOD = {
    "detector": "anomalib_ts.detectors.MovingMean",
    "data": "anomalib_ts.data.CsvFile",
    "protocol": "anomalib_ts.protocols.base.Whole",
    "threshold": "anomalib_ts.evaluation.thresholds.QuantileThreshold",
    "metrics": "anomalib_ts.evaluation.judge.Evaluation",
    "attack": "anomalib_ts.robustness.Noise",
    "limits": "anomalib_ts.run.isolation.Limits",
    "trainer": "anomalib_ts.detectors.deep.training.TrainerSettings",
    "judge": "anomalib_ts.synthetic.judges.judge.PointJudge",
    "image": "anomalib_ts.synthetic.tables.row_images.ImageSettings",
    "classifier": "anomalib_ts.robustness.classifiers.classifier.Classifier",
    "generator": "anomalib_ts.synthetic.generators.references.Marginals",
    "figure": "anomalib_ts.views.figures.curve.Curve",
    "logger": "pytorch_lightning.loggers.CSVLogger",
    "callback": "pytorch_lightning.callbacks.Timer",
    "estimator": "sklearn.ensemble.IsolationForest",
    "hydra callback": "hydra.experimental.callbacks.LogJobReturnCallback",
}
FOREIGN = [
    "subprocess.Popen",
    "os.system",
    "builtins.exec",
    "builtins.object",
    "antigravity.webbrowser",
    "sklearn.ensemble.IsolationForest",
    "anomalib_ts_evil.X",
    "pathlib.Path",
    # Reached through a module of this package.
    "anomalib_ts.run.isolation.subprocess.Popen",
    "anomalib_ts.run.isolation.Path",
    "anomalib_ts.cli.main",
]
MODULE = """
    from pathlib import Path
    from anomalib_ts import Detector
    Path("{mark}").touch()
    class Mine(Detector):
        def __init__(self, inner: object = None) -> None:
            self.inner = inner
        def _fit(self, train):
            pass
        def _score(self, recording):
            return recording.values[:, 0].astype(float)
    class Inner:
        pass
    class Other:
        def __init__(self) -> None:
            Path("{mark}.made").touch()
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A module of the user's own that leaves a mark when it is imported; its name and its mark."""
    name, mark = f"mine_{tmp_path.name}", tmp_path / "imported"
    (tmp_path / "path").mkdir()
    file = tmp_path / "path" / f"{name}.py"
    file.write_text(textwrap.dedent(MODULE.format(mark=mark)))
    monkeypatch.syspath_prepend(file.parent)
    monkeypatch.setattr("anomalib_ts.settings.trust._typed", set())
    yield name, mark
    sys.modules.pop(name, None)


@pytest.mark.parametrize("path", FOREIGN)
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("use", [create, checked, create_stored])
def test_no_part_takes_a_class_of_another_kind(use, part, path):
    with pytest.raises(ConfigError, match=f"^{part}") as caught:
        use({"_target_": path}, part)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_the_parts_cannot_stand_in_for_each_other(part, other):
    if part == other:
        assert checked({"_target_": GOOD[part]} | _needed(part), part)["_target_"] == GOOD[part]
    else:
        import_class(GOOD[other])  # a library that is not there yet would not be imported to tell
        with pytest.raises(ConfigError, match=f"is no {KINDS[part].rpartition('.')[2]}"):
            create({"_target_": GOOD[other]}, part)


def _needed(part):
    needed = {
        "data": {"path": "x"},
        "figure": {"name": "n", "x": "seed"},
        "logger": {"save_dir": "x"},
    }
    return needed.get(part, {})


def test_what_a_place_inside_takes_is_read_off_its_type():
    def settings(target):
        return {"_target_": "anomalib_ts.detectors.Autoencoder", "trainer": {"_target_": target}}

    assert create(
        settings("anomalib_ts.detectors.deep.training.TrainerSettings"), "detector"
    ).trainer
    for target in (*FOREIGN, "anomalib_ts.detectors.MovingMean"):
        with pytest.raises(ConfigError, match=r"^detector\.trainer"):
            create(settings(target), "detector")
    with pytest.raises(ConfigError, match=r"^detector.window: takes a value"):
        create({"_target_": GOOD["detector"], "window": {"_target_": "a.B"}}, "detector")
    with pytest.raises(ConfigError, match=r"^detector.nonsense: no such setting"):
        create({"_target_": GOOD["detector"], "nonsense": {"_target_": "a.B"}}, "detector")


@settings(deadline=None)
@given(st.text() | st.from_regex(r"[a-z_]+(\.[a-zA-Z_]+)*", fullmatch=True))
@example("os")
@example("a..b")
@example("anomalib_ts.")
@example("anomalib_ts.evaluation.judge.Evaluation\n")
@example("../evil.X")
def test_any_other_name_is_refused_and_nothing_is_imported(path):
    before = set(sys.modules)
    with pytest.raises(ConfigError):
        create({"_target_": path}, "detector")
    assert {name for name in set(sys.modules) - before if not name.startswith("anomalib")} == set()


@pytest.mark.parametrize("path", [None, 5, ["os.system"], {"_target_": "os.system"}])
def test_a_target_is_a_text(path):
    with pytest.raises(ConfigError, match="no _target_ says"):
        create({"_target_": path}, "detector")


def test_an_abstract_class_makes_nothing():
    with pytest.raises(ConfigError, match="is abstract"):
        create({"_target_": "anomalib_ts.data.base.DataSet"}, "data")


class TestModulesOfTheUsersOwn:
    def test_named_by_the_user(self, mine):
        name, _ = mine
        settings = checked({"_target_": f"{name}.Mine"}, "detector")
        assert isinstance(create(settings, "detector"), Detector)

    def test_named_by_a_file(self, mine):
        name, mark = mine
        for use in (create, create_stored):
            with pytest.raises(UntrustedError, match=f"set {ALLOW}={name}$"):
                use({"_target_": f"{name}.Mine"}, "detector")
        assert not mark.exists()

    def test_named_by_a_file_and_allowed(self, mine, monkeypatch):
        name, _ = mine
        monkeypatch.setenv(ALLOW, f"something_else, {name}")
        assert create_stored({"_target_": f"{name}.Mine"}, "detector")

    def test_allowed_is_not_yet_of_the_kind(self, mine, monkeypatch):
        name, mark = mine
        monkeypatch.setenv(ALLOW, name)
        with pytest.raises(ConfigError, match="is no Detector"):
            create_stored({"_target_": f"{name}.Other"}, "detector")
        assert not mark.with_name("imported.made").exists()

    def test_imported_by_the_program_itself(self, mine):
        name, _ = mine
        __import__(name)
        assert create_stored({"_target_": f"{name}.Mine"}, "detector")

    def test_what_an_open_place_inside_takes(self, mine):
        name, _ = mine

        def settings(inner):
            return {"_target_": f"{name}.Mine", "inner": {"_target_": inner}}

        assert type(create(checked(settings(f"{name}.Inner"), "detector"), "detector").inner)
        for target in (
            "subprocess.Popen",
            "anomalib_ts.run.isolation.subprocess.Popen",
            "os.system",
        ):
            with pytest.raises(ConfigError, match=r"detector\.inner"):
                checked(settings(target), "detector")

    @pytest.mark.parametrize("module", ["this", "sklearn", "nflows"])
    def test_python_and_installed_packages_are_not_the_users_own(self, module):
        loaded = module in sys.modules
        with pytest.raises(UntrustedError):
            checked({"_target_": f"{module}.Detector"}, "detector")
        assert (module in sys.modules) == loaded

    def test_in_a_worker(self, mine):
        name, mark = mine
        whole = {"_target_": "anomalib_ts.protocols.base.Whole"}
        quantile = {"_target_": "anomalib_ts.evaluation.thresholds.QuantileThreshold"}
        foreign = replace(
            unit(),
            detector_settings={"_target_": f"{name}.Mine"},
            data_settings={"_target_": "anomalib_ts.data.CsvFile", "path": "x"},
            protocol_settings=whole,
            threshold=quantile,
        )
        with pytest.raises(UntrustedError, match="detector"):
            execute_isolated(foreign, Evaluation(), 1, Limits())
        assert not mark.exists()


def stored(folder, **parts):
    """A record of somebody else's with its scores."""
    settings = {
        "detector_settings": {"_target_": GOOD["detector"]},
        "data_settings": {"_target_": GOOD["data"], "path": "x"},
        "protocol_settings": {"_target_": GOOD["protocol"]},
        "threshold": {"_target_": GOOD["threshold"]},
    }
    store = Store(folder)
    record = Record(replace(unit(), **(settings | parts)), "ok", scores=True, judged={})
    store.save(record)
    return store.path(record.unit)


@pytest.mark.parametrize(
    "part", ["detector_settings", "data_settings", "protocol_settings", "threshold"]
)
def test_reproduce_runs_nothing_that_a_record_names(part, tmp_path, mine, capsys):
    name, mark = mine
    for target, arguments in (
        (f"{name}.Mine", {}),
        ("subprocess.Popen", {"args": ["touch", str(mark)]}),
        ("anomalib_ts.run.isolation.subprocess.Popen", {"args": ["touch", str(mark)]}),
    ):
        path = stored(tmp_path / "r", **{part: {"_target_": target, **arguments}})
        assert main(["reproduce", str(path)]) != 0
        assert not mark.exists()
        assert name not in sys.modules


def test_the_files_of_clips_are_left_out_where_the_data_set_is_foreign(mine, caplog):
    name, mark = mine
    foreign = replace(unit(), data_settings={"_target_": f"{name}.Mine"})
    assert clip_files(foreign, []) == []
    assert f"set {ALLOW}={name}" in caplog.text
    assert not mark.exists()


def test_looking_at_stored_results_downloads_nothing(tmp_path):
    settings = {
        "_target_": "anomalib_ts.data.TsbUad",
        "root": str(tmp_path / "root"),
        "download": True,
        "url": "http://127.0.0.1:1/evil.zip",
    }
    assert create(settings, "data").download
    assert not create_stored(settings, "data").download
    with pytest.raises(DataNotFoundError, match="no TSB-UAD data"):
        create_stored(settings, "data").case_names()


@pytest.mark.parametrize("settings", [{"path": {}}, {"path": 5, "delimiter": []}, {"max_gap": "x"}])
def test_damaged_settings_of_a_record_have_one_error_type(settings):
    with pytest.raises(ConfigError, match=r"^data"):
        create_stored({"_target_": GOOD["data"], "path": "x"} | settings, "data")


@pytest.mark.parametrize("isolate", ["false", "true"])
def test_a_run_of_ones_own_class(isolate, mine, tmp_path):
    """In a process of its own, since a warm worker would not know the new folder of modules."""
    name, mark = mine
    small = ["data.n_points=2000", "data.n_anomalies=2", "data.train_length=500", "plot=false"]
    own = ["detector=moving_mean", "~detector.window", "baselines=none", f"isolate={isolate}"]
    call = "import sys; from anomalib_ts.cli.main import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", call, "run", *own, *small, f"detector._target_={name}.Mine"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (record,) = Store(tmp_path / "results").records()
    assert record.status == "ok"
    assert mark.exists()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("subprocess.Popen", "subprocess.Popen is no Detector"),
        ("this.Detector", f"set {ALLOW}=this"),
        ("no_such_module.Detector", "No module named 'no_such_module'"),
    ],
)
def test_a_run_of_anything_else(target, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["run", "detector=moving_mean", "~detector.window", "+detector.args=[touch,mark]"]
    assert main([*command, f"detector._target_={target}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("anomalib-ts: detector: ")
    assert message in line
    assert not (tmp_path / "mark").exists()


def test_a_class_that_overrides_score_is_a_unit_that_failed(tmp_path):
    """Its constructor refuses; what that takes (`**settings`) is no setting that is missing."""
    settings = checked({"_target_": f"{__name__}.Overrides"}, "detector")
    with pytest.raises(ContractError, match="overrides `score`"):
        create(settings, "detector")


class Overrides(MovingMean):
    def score(self, recording, y=None):
        return recording.labels
