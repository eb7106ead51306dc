"""What is added to the trainer on the command line, and what it does to results."""

import pytest
from hydra.core.global_hydra import GlobalHydra

from anomalib_ts.cli.arguments import Arguments
from anomalib_ts.cli.listing import listing
from anomalib_ts.cli.main import main
from anomalib_ts.errors import ConfigError
from anomalib_ts.results.store import Store
from anomalib_ts.settings.config import changed, checked

RUN = (
    *("run", "detector=dense_autoencoder", "baselines=none", "plot=false", "trainer=smoke"),
    *("data.n_series=1", "detector.width=8", "trainer.progress=false"),
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*overrides):
        status = main([*RUN, *overrides])
        GlobalHydra.instance().clear()
        return status

    return call


def records(folder="results"):
    return list(Store(folder).records())


def test_a_logger_writes_into_the_results_folder_and_is_no_other_unit(run, tmp_path):
    assert run() == 0
    assert not (tmp_path / "results" / "logs").exists()
    (plain,) = records()
    assert run("trainer.logger=csv", "retry=all") == 0
    (logged,) = records()
    assert logged.unit.key == plain.unit.key
    assert logged.metrics == plain.metrics
    (file,) = (tmp_path / "results" / "logs").rglob("metrics.csv")
    assert file.parent.name == file.parents[2].name == "DenseAutoencoder"
    assert file.read_text().startswith("epoch,loss,step\n")


def test_early_stopping_is_another_unit_and_tells_its_steps(run):
    assert run() == 0
    assert run("trainer.callbacks=early_stopping", "trainer.callbacks.early_stopping.every=5") == 0
    assert run("trainer.checkpoint=true") == 0, "which is the first unit again"
    first, second = sorted(records(), key=lambda record: len(record.unit.variant))
    assert first.fitted == {}
    assert second.fitted.keys() == {"steps DenseAutoencoder"}
    assert "trainer.callbacks.early_stopping.every=5" in second.unit.variant


def test_a_folder_for_checkpoints_is_that_of_the_results_and_goes_away(run, tmp_path):
    assert run("trainer.checkpoint=true") == 0
    (record,) = records()
    kept = record.unit.detector_settings["trainer"]["checkpoint"]
    assert kept == str(tmp_path / "results" / "checkpoints")
    assert not (tmp_path / "results" / "checkpoints").exists()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("trainer.logger=cvs", "unknown logger 'cvs'; did you mean csv?"),
        ("logger=cvs", "unknown logger 'cvs'; did you mean csv?"),
        ("trainer.callbacks=early", "unknown callbacks 'early'; did you mean early_stopping?"),
        ("trainer.logger.name=x", "trainer.logger.name: 'x' does not say what it is"),
        ("trainer.options.gradient_clip=1", "did you mean gradient_clip_val"),
        ("trainer.options.max_epochs=1", "trainer.options.max_epochs: set trainer.max_epochs"),
        ("trainer.options=3", "trainer.options: 3 is not"),
        (
            "trainer.callbacks.x={_target_: pytorch_lightning.callbacks.Timr}",
            "trainer.callbacks.x: cannot import pytorch_lightning.callbacks.Timr",
        ),
        (
            "trainer.logger={_target_: pytorch_lightning.callbacks.Timer}",
            "trainer.logger: pytorch_lightning.callbacks.Timer is no Logger",
        ),
        (
            "trainer.logger={_target_: pytorch_lightning.loggers.CSVLogger, save_dir: x, nam: y}",
            "trainer.logger.nam: no such setting; did you mean name?",
        ),
    ],
)
def test_a_wrong_name_is_one_clear_line_and_nothing_runs(run, capsys, tmp_path, override, said):
    assert run(override) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert not records()


@pytest.mark.parametrize("logger", ["csv", "tensorboard"])
def test_both_spellings_choose_the_same_file(logger):
    assert Arguments.of([f"trainer.logger={logger}"]).settings == [f"logger={logger}"]
    assert Arguments.of(["trainer.logger=null"]).settings == ["trainer.logger=null"]
    assert f"  {logger} " in listing("logger")
    assert "save_dir" in listing("logger", logger)


def test_what_was_added_is_listed():
    text = listing()
    assert "Loggers of training (logger=...)" in text
    assert "Callbacks of training (callbacks=...)" in text
    assert "early_stopping" in listing("callbacks")


TRAINER = "anomalib_ts.detectors.deep.training.TrainerSettings"


def test_a_variant_names_what_changes_results_only():
    settings = {
        "_target_": "anomalib_ts.detectors.Usad",
        "trainer": {
            "_target_": TRAINER,
            "logger": {"_target_": "pytorch_lightning.loggers.CSVLogger", "save_dir": "x"},
            "callbacks": {"t": {"_target_": "pytorch_lightning.callbacks.Timer", "duration": "1"}},
            "options": {"gradient_clip_val": 1.0},
            "checkpoint": True,
            "progress": False,
        },
    }
    assert changed(settings) == {
        "trainer.callbacks.t": "Timer",
        "trainer.callbacks.t.duration": "1",
        "trainer.options.gradient_clip_val": 1.0,
    }


def test_limits_of_a_callbacks_settings_are_checked_before_anything_runs():
    callback = {"_target_": "anomalib_ts.detectors.deep.early_stopping.EarlyStopping"}
    trainer = {"_target_": TRAINER, "callbacks": {"stop": {**callback, "share": "0.7"}}}
    with pytest.raises(ConfigError, match=r"^trainer.callbacks.stop.share must lie in \(0, 0.5\]"):
        checked(trainer, "trainer")


def test_a_callback_that_is_taken_away_is_nothing():
    trainer = {"_target_": TRAINER, "callbacks": {"stop": None}}
    assert checked(trainer, "trainer")["callbacks"] is None
