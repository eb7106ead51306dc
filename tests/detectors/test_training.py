import copy
import csv
import logging
import math
import os
import pickle
import random
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from anomalib_ts.core.progress import progress_line
from anomalib_ts.core.recording import Recording
from anomalib_ts.core.windows import Windows
from anomalib_ts.detectors.deep.examples import ShuffledBatches
from anomalib_ts.detectors.deep.inference import run_network
from anomalib_ts.detectors.deep.trainer import DivergedError
from anomalib_ts.detectors.deep.training import NOT_OPTIONS, TrainerSettings
from anomalib_ts.detectors.deep.training_loop import seeded, train_module
from anomalib_ts.errors import AnomalibTsError, ConfigError
from tests.makers.lightning_parts import Counts

WINDOWS = Windows([Recording(np.sin(np.arange(73) / 5))], window=10)  # 64 windows


class Mean(pl.LightningModule):
    """Learns the mean of its windows; counts what it saw."""

    def __init__(self, on_step=lambda step: None, factor=1.0, dropout=0.5):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(()))
        self.dropout = nn.Dropout(dropout)
        self.on_step = on_step
        self.factor = factor
        self.steps = 0
        self.epochs = set()

    def training_step(self, batch):
        self.steps += 1
        self.epochs.add(self.current_epoch)
        self.on_step(self.steps)
        return self.factor * (self.dropout(batch) - self.mean).square().mean()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.1)


def fit(module=None, seed=0, batch_size=16, **settings):
    module = module or Mean()
    batches = ShuffledBatches(WINDOWS, batch_size, seed)
    settings = TrainerSettings(**{"accelerator": "cpu", "max_steps": 6, **settings})
    train_module(module, batches, settings, seed=seed, stage="mean")
    return module


def test_an_epoch_holds_every_example_once():
    batches = ShuffledBatches(WINDOWS, batch_size=24, seed=0)
    epoch = list(batches)
    assert [len(batch) for batch in epoch] == [24, 24, 16]
    assert len(batches) == 3
    seen = torch.cat(epoch).numpy()
    everything = WINDOWS.gather(np.arange(64))
    assert not np.array_equal(seen, everything)
    np.testing.assert_array_equal(np.sort(seen[:, 0, 0]), np.sort(everything[:, 0, 0]))


def test_the_order_depends_on_the_seed_and_changes_with_the_epoch():
    first, again, other = (ShuffledBatches(WINDOWS, 64, seed) for seed in (1, 1, 2))
    one = next(iter(first))
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    assert torch.equal(one, next(iter(again)))
    assert not torch.equal(one, next(iter(other)))
    assert not torch.equal(one, next(iter(first)))


def test_a_source_of_tuples_gives_batches_of_tuples():
    class Labelled:
        def __len__(self):
            return 5

        def gather(self, index):
            return WINDOWS.gather(index), index.astype(np.float32)

    values, labels = next(iter(ShuffledBatches(Labelled(), 4, 0)))
    np.testing.assert_array_equal(values, WINDOWS.gather(labels.numpy().astype(int)))


@pytest.mark.parametrize(
    ("epochs", "steps", "expected_steps", "expected_epochs"),
    [(100, 6, 6, 2), (3, 1000, 12, 3), (2, -1, 8, 2), (-1, 5, 5, 2)],
)
def test_training_stops_at_the_first_limit(epochs, steps, expected_steps, expected_epochs):
    module = fit(max_epochs=epochs, max_steps=steps)
    assert module.steps == expected_steps
    assert module.epochs == set(range(expected_epochs))


def test_training_learns_and_leaves_the_module_ready_to_use():
    module = fit(Mean(dropout=0.0), batch_size=64, max_epochs=200, max_steps=200)
    expected = WINDOWS.gather(np.arange(64)).mean()
    assert module.mean.item() == pytest.approx(expected, abs=0.01)
    assert not module.training
    assert module.mean.device == torch.device("cpu")


def test_a_module_can_be_trained_again_in_training_mode():
    module = fit()
    modes = []
    module.on_step = lambda _: modes.append(module.dropout.training)
    fit(module)
    assert modes == [True] * 6


def test_the_same_seed_gives_the_same_weights_whatever_the_global_state():
    torch.manual_seed(1)
    first = fit(seed=3)
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002
    assert torch.equal(first.mean, fit(seed=3).mean)
    assert not torch.equal(first.mean, fit(seed=4).mean)


def test_nothing_global_is_changed(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning.pytorch")]
    for logger in loggers:
        monkeypatch.setattr(logger, "level", logging.INFO)

    def state():
        return (
            torch.get_rng_state().tolist(),
            np.random.get_state()[1].tolist(),  # noqa: NPY002
            random.getstate(),
            [logger.level for logger in loggers],
            list(warnings.filters),
            [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)],
            torch.backends.cudnn.deterministic,
            torch.are_deterministic_algorithms_enabled(),
        )

    before = state()
    fit()
    assert state() == before
    assert list(Path().iterdir()) == []


def test_seeded_restores_the_state_after_an_error():
    def fail():
        with seeded(1):
            torch.rand(3)
            raise ValueError("stop")

    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="stop"):
        fail()
    assert torch.equal(torch.get_rng_state(), before)


def test_training_says_nothing_outside_a_terminal():
    """In a process of its own: Lightning's log handler keeps the stderr of its import."""
    code = "from tests.detectors.test_training import fit; fit(progress=True)"
    root = Path(__file__).resolve().parents[2]
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert (result.stdout, result.stderr) == ("", "")


def interrupt(step):
    if step == 3:
        raise KeyboardInterrupt


def test_an_interrupt_reaches_the_caller_and_the_next_one_still_works():
    handler = signal.getsignal(signal.SIGINT)
    module = Mean(on_step=interrupt)
    with pytest.raises(KeyboardInterrupt):
        fit(module)
    assert module.steps == 3
    assert signal.getsignal(signal.SIGINT) is handler


def leave(step):
    raise SystemExit(7)


def test_a_module_that_exits_is_not_taken_for_an_interrupt():
    with pytest.raises(SystemExit, match="7"):
        fit(Mean(on_step=leave))


@pytest.mark.parametrize("factor", [math.nan, math.inf])
def test_a_loss_that_is_not_a_number_is_an_error(factor):
    with pytest.raises(DivergedError, match=r"mean: the loss was .* at step 6"):
        fit(Mean(factor=factor))


def test_a_diverging_loss_stops_a_long_training_early():
    module = Mean(factor=math.nan)
    with pytest.raises(DivergedError, match="learning rate"):
        fit(module, max_steps=1000)
    assert module.steps <= 20


@pytest.mark.parametrize(
    "settings",
    [
        {"max_steps": 0},
        {"max_epochs": -2},
        {"max_epochs": -1, "max_steps": -1},
        {"accelerator": "abacus"},
        {"checkpoint_seconds": -1.0},
        {"options": {"gradient_clip": 1.0}},
        *({"options": {name: 1}} for name in NOT_OPTIONS),
    ],
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ConfigError, match=r"trainer\."):
        TrainerSettings(**settings)


@pytest.mark.parametrize(
    ("accelerator", "cuda", "mps", "expected"),
    [
        ("auto", False, False, "cpu"),
        ("auto", True, False, "cuda"),
        ("auto", False, True, "mps"),
        ("gpu", True, False, "cuda"),
        ("gpu", False, True, "mps"),
        ("cuda", True, True, "cuda"),
        ("mps", True, True, "mps"),
        ("cpu", True, True, "cpu"),
    ],
)
def test_the_device_follows_the_accelerator(monkeypatch, accelerator, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert TrainerSettings(accelerator=accelerator).device() == torch.device(expected)


@pytest.mark.parametrize("accelerator", ["gpu", "cuda", "mps"])
def test_a_device_that_is_not_there_is_an_error(monkeypatch, accelerator):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="no such device"):
        fit(accelerator=accelerator)


def test_a_precision_that_lightning_does_not_know_is_an_error():
    with pytest.raises(ConfigError, match=r"trainer.precision must be one of .*: '31-true'"):
        fit(precision="31-true")


def test_a_network_runs_over_all_windows_in_order_without_dropout():
    network = nn.Dropout(0.5)
    results = list(
        run_network(network, network.forward, WINDOWS, TrainerSettings(), stage="dropout")
    )
    np.testing.assert_array_equal(np.concatenate([starts for starts, _ in results]), np.arange(64))
    everything = WINDOWS.gather(np.arange(64))
    np.testing.assert_array_equal(np.concatenate([values for _, values in results]), everything)


def test_progress_is_one_line_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_line("flow", 40) as report:
        report(20, "loss 0.5")
    out, err = capsys.readouterr()
    assert out == ""
    assert all(part in err for part in ("flow", "20/40", "loss 0.5"))


@pytest.mark.parametrize("enabled", [False, True])
def test_progress_is_silent_when_off_or_inside_another(enabled, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_line("outer", 40, enabled=enabled), progress_line("inner", 10) as report:
        report(5, "")
    assert ("inner" in capsys.readouterr().err) is not enabled


SCHEDULERS = {
    "slurm": {"SLURM_NTASKS": "4", "SLURM_JOB_ID": "1", "SLURM_JOB_NAME": "x", "SLURM_PROCID": "3"},
    "slurm nodes": {"SLURM_NNODES": "2", "SLURM_NTASKS": "8", "SLURM_LOCALID": "1"},
    "torchrun": {
        "TORCHELASTIC_RUN_ID": "x",
        "RANK": "3",
        "LOCAL_RANK": "3",
        "GROUP_RANK": "1",
        "WORLD_SIZE": "4",
        "MASTER_ADDR": "nowhere.invalid",
        "MASTER_PORT": "1",
    },
    "lsf": {"LSB_JOBID": "1", "LSB_DJOB_RANKFILE": "/nowhere", "JSM_NAMESPACE_RANK": "2"},
    "mpi": {"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "4", "PMI_RANK": "2"},
    "kubeflow": {
        "KUBERNETES_PORT": "1",
        "MASTER_ADDR": "nowhere.invalid",
        "MASTER_PORT": "1",
        "WORLD_SIZE": "4",
        "RANK": "2",
    },
    "nodes": {"NODE_RANK": "x", "LOCAL_RANK": "x"},
}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_schedulers_variables_change_nothing(scheduler, monkeypatch):
    def learnt():
        module = Mean()
        batches = ShuffledBatches(WINDOWS, 16, seed=0)
        settings = TrainerSettings(max_steps=5, accelerator="cpu")
        train_module(module, batches, settings, seed=0, stage="stage")
        return module.mean.item()

    before = learnt()
    for name, value in SCHEDULERS[scheduler].items():
        monkeypatch.setenv(name, value)
    assert learnt() == before
    assert SCHEDULERS[scheduler].items() <= dict(os.environ).items()


def csv_logger(folder, **more):
    target = "pytorch_lightning.loggers.CSVLogger"
    return {"_target_": target, "save_dir": str(folder), "name": "{stage}", "version": "v", **more}


def test_a_logger_is_told_the_loss_where_it_was_asked_to_be(tmp_path):
    losses = []

    class Told(Mean):
        def training_step(self, batch):
            loss = super().training_step(batch)
            losses.append(loss.item())
            return loss

    fit(Told(), logger=csv_logger(tmp_path / "logs"), max_steps=6)
    with (tmp_path / "logs" / "mean" / "v" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(6))
    assert [float(row["loss"]) for row in rows] == pytest.approx(losses)
    assert "stage: mean" in (tmp_path / "logs" / "mean" / "v" / "hparams.yaml").read_text()


def test_several_loggers_take_part_and_change_nothing(tmp_path):
    board = {
        "_target_": "pytorch_lightning.loggers.TensorBoardLogger",
        "save_dir": str(tmp_path / "board"),
        "version": "{stage}",
    }
    two = {"csv": csv_logger(tmp_path / "logs"), "board": board, "gone": None}
    assert torch.equal(fit(logger=two).mean, fit().mean)
    assert [path.name for path in (tmp_path / "logs").rglob("*.csv")] == ["metrics.csv"]
    (events,) = (tmp_path / "board").rglob("events.out.*")
    assert events.parent.name == "mean"


def test_callbacks_of_lightning_and_of_ones_own_take_part(tmp_path):
    parts = {
        "mine": {"_target_": f"{Counts.__module__}.Counts", "by": 2},
        "stop": {
            "_target_": "pytorch_lightning.callbacks.EarlyStopping",
            "monitor": "loss",
            "patience": 1,
            "min_delta": 100.0,
        },
        "keep": {
            "_target_": "pytorch_lightning.callbacks.ModelCheckpoint",
            "dirpath": str(tmp_path),
            "every_n_train_steps": 4,
        },
    }
    Counts.steps = 0
    module = fit(callbacks=parts, max_steps=100)
    assert module.steps == 8, "two epochs without the loss falling by 100"
    assert Counts.steps == 16
    assert list(tmp_path.glob("*.ckpt"))


def test_callbacks_are_made_anew_for_each_training():
    settings = {"mine": {"_target_": f"{Counts.__module__}.Counts"}}
    made = TrainerSettings(callbacks=settings)
    (first,), (second,) = made.made_callbacks({}), made.made_callbacks({})
    assert first is not second


def test_options_reach_lightning():
    assert not torch.equal(fit(options={"gradient_clip_val": 1e-3}).mean, fit().mean)
    assert fit(options={"accumulate_grad_batches": 2}, max_epochs=3, max_steps=-1).steps == 12
    module = fit(options={"deterministic": True})
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.equal(module.mean, fit().mean)


PARTS = {
    "logger": "pytorch_lightning.loggers.CSVLogger",
    "callbacks": "pytorch_lightning.callbacks.Timer",
}


@pytest.mark.parametrize("field", PARTS)
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("csv", "does not say what it is"),
        ({"name": "csv"}, "does not say what it is"),
        ({"_target_": "pytorch_lightning.nothing.X"}, "cannot import"),
        ({"_target_": "subprocess.Popen", "args": "ls"}, "is no |not imported"),
        ({"_target_": "anomalib_ts.detectors.MovingMean"}, "is no "),
        ({"_target_": "pytorch_lightning.Trainer"}, "is no "),
        ({"_target_": None}, "no _target_ says"),
    ],
)
def test_what_is_no_logger_or_callback_is_one_clear_line(field, value, said):
    other = PARTS["callbacks" if field == "logger" else "logger"]
    for wrong in (value, {"one": value}, {"one": {"_target_": other}}):
        with pytest.raises(AnomalibTsError, match=rf"^trainer\.{field}") as caught:
            fit(**{field: wrong})
        assert "\n" not in str(caught.value)
        assert wrong is not value or any(part in str(caught.value) for part in said.split("|"))


def test_settings_can_be_copied_and_pickled(tmp_path):
    settings = TrainerSettings(
        logger=csv_logger(tmp_path),
        callbacks={"x": {"_target_": "a.B"}},
        options={"profiler": None},
    )
    assert copy.deepcopy(settings) == settings == pickle.loads(pickle.dumps(settings))
