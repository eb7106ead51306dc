"""A fit that was killed goes on to the result that it would have had."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from anomalib_ts import detectors
from anomalib_ts.core.recording import Recording
from anomalib_ts.detectors.deep.examples import ShuffledBatches
from anomalib_ts.detectors.deep.identity import fit_of
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.detectors.deep.training_loop import Fit, train_module
from anomalib_ts.errors import ConfigError
from tests.detectors.test_training import WINDOWS, Mean, interrupt
from tests.makers.lightning_parts import Counts, Interrupts

EARLY = {
    "early": {
        "_target_": "anomalib_ts.detectors.deep.early_stopping.EarlyStopping",
        "every": 2,
        "patience": 4,
    }
}
STEPS = 11


def recordings():
    random = np.random.default_rng(0)
    return [
        Recording(
            np.sin(np.arange(90)[:, None] / [4 + i, 7.0]) + 0.1 * random.normal(size=(90, 2)),
            machine_id=f"id_{i % 2}",
            label=int(i == 3),
        )
        for i in range(4)
    ]


SMALL = {
    "Autoencoder": {"window": 16, "width": 4, "features": 4, "batch_size": 100},
    "DeepSad": {"window": 8, "width": 8, "latent": 4, "batch_size": 16},
    "DenseAutoencoder": {"window": 8, "width": 8, "batch_norm": True, "batch_size": 16},
    "FastFlow1D": {"window": 16, "width": 4, "features": 4, "flow_steps": 2, "batch_size": 100},
    "MobileFaceNet": {"window": 16, "width": 8, "embedding": 8, "batch_size": 8},
    "Usad": {"window": 8, "latent": 4, "batch_size": 16},
    "WeakAutoencoder": {
        "window": 8,
        "width": 8,
        "latent": 2,
        "batch_size": 16,
        "mode": "paper",
    },
}
STAGES = {
    "Autoencoder": ["Autoencoder"],
    "DeepSad": ["pretraining", "hypersphere"],
    "DenseAutoencoder": ["DenseAutoencoder"],
    "FastFlow1D": ["autoencoder", "flow"],
    "MobileFaceNet": ["MobileFaceNet"],
    "Usad": ["USAD"],
    "WeakAutoencoder": ["autoencoder", "labelled anomalies"],
}


def detector(name, **trainer):
    given = {"accelerator": "cpu", "max_steps": STEPS, "checkpoint_seconds": 0.0} | trainer
    options = {"log_every_n_steps": 1}
    return getattr(detectors, name)(
        **SMALL[name], trainer=TrainerSettings(**given, options=options)
    )


def interrupted(folder, stage, step, **more):
    return {
        "_target_": f"{Interrupts.__module__}.Interrupts",
        "save_dir": str(folder),
        "stage": "{stage}",
        "at": stage,
        "step": step,
        **more,
    }


def learnt(fitted):
    return {name: value.clone() for name, value in fitted.model_.state_dict().items()}


CASES = [
    *((name, None) for name in SMALL),
    *((name, EARLY) for name in ("Autoencoder", "Usad", "WeakAutoencoder")),
]


@pytest.mark.parametrize(("name", "callbacks"), CASES)
def test_a_resumed_fit_is_the_uninterrupted_one_bit_for_bit(name, callbacks, tmp_path):
    """Whatever the step: within an epoch (of 3 batches, in most), at its end, in any stage."""
    train = recordings()
    whole = detector(name, callbacks=callbacks).fit(train)
    expected, scores = learnt(whole), whole.score(train[0])
    for number, stage in enumerate(STAGES[name]):
        for step in ((3, 7), (2, 7))[(number + CASES.index((name, callbacks))) % 2]:
            folder = tmp_path / f"{stage} {step}"
            extra = {"checkpoint": str(folder), "callbacks": callbacks}
            logger = interrupted(tmp_path / "logs", stage, step)
            with pytest.raises(KeyboardInterrupt):
                detector(name, logger=logger, **extra).fit(train)
            assert list(folder.iterdir())
            resumed = detector(name, **extra).fit(train)
            found = learnt(resumed)
            assert all(torch.equal(found[key], expected[key]) for key in expected), (stage, step)
            np.testing.assert_array_equal(resumed.score(train[0]), scores)
            assert resumed.steps_ == whole.steps_
            assert not folder.exists(), "the files of a fit that has ended are removed"


@pytest.fixture
def stopped(tmp_path):
    """A fit of three stages that was stopped at step 7 of the second; callbacks count its steps."""
    counting = {"count": {"_target_": f"{Counts.__module__}.Counts"}}
    extra = {"checkpoint": str(tmp_path / "kept"), "callbacks": counting}
    logger = interrupted(tmp_path / "logs", "flow", 7)
    with pytest.raises(KeyboardInterrupt):
        detector("FastFlow1D", logger=logger, **extra).fit(recordings())
    Counts.steps = 0
    return tmp_path / "kept", extra


def test_only_the_steps_that_are_missing_are_taken(stopped):
    _, extra = stopped
    detector("FastFlow1D", **extra).fit(recordings())
    assert Counts.steps == 2 * STEPS - 7


def test_another_fit_never_takes_up_a_checkpoint(stopped):
    """Neither one with other settings, nor one on other data; and it leaves the files alone."""
    folder, extra = stopped
    files = sorted(folder.iterdir())
    assert {path.suffix for path in files} == {".ckpt", ".learnt"}
    other = [Recording(r.values + 1e-3 * np.arange(90)[:, None]) for r in recordings()]
    longer = {**extra, "max_steps": STEPS + 1}
    for settings, train, steps in [(extra, other, STEPS), (longer, recordings(), STEPS + 1)]:
        Counts.steps = 0
        detector("FastFlow1D", **settings).fit(train)
        assert Counts.steps == 3 * steps
        assert sorted(folder.iterdir()) == files
    reseeded = detector("FastFlow1D", **extra).set_params(seed=1)
    Counts.steps = 0
    reseeded.fit(recordings())
    assert Counts.steps == 3 * STEPS


def test_a_damaged_checkpoint_is_said_and_the_stage_starts_anew(stopped, caplog):
    folder, extra = stopped
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:100])
    expected = learnt(detector("FastFlow1D", callbacks=extra["callbacks"]).fit(recordings()))
    found = learnt(detector("FastFlow1D", **extra).fit(recordings()))
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert caplog.text.count("cannot be read, so the stage starts anew") == 2


KILLED = """
from tests.detectors.test_checkpoints import detector, interrupted, recordings
logger = interrupted({logs!r}, "DenseAutoencoder", 6, kill=True)
detector("DenseAutoencoder", logger=logger, checkpoint={folder!r}).fit(recordings())
"""


def test_a_fit_goes_on_after_its_process_has_died(tmp_path):
    folder = tmp_path / "kept"
    code = KILLED.format(logs=str(tmp_path), folder=str(folder))
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 9
    assert list(folder.iterdir())
    resumed = detector("DenseAutoencoder", checkpoint=str(folder)).fit(recordings())
    whole = detector("DenseAutoencoder").fit(recordings())
    np.testing.assert_array_equal(resumed.score(recordings()[0]), whole.score(recordings()[0]))
    assert not folder.exists()


def test_what_only_logs_or_keeps_makes_no_other_fit(tmp_path):
    plain = detector("Usad")
    train = tuple(recordings())

    def digest(**changes):
        return fit_of(plain, replace(plain.trainer, **changes), train).digest

    same = [
        {"logger": interrupted(tmp_path, "x", 1)},
        {"progress": False},
        {"checkpoint": True, "checkpoint_seconds": 5.0},
        {"callbacks": {}},
    ]
    assert {digest(**changes) for changes in same} == {digest()}
    others = [{"callbacks": EARLY}, {"options": None}, {"max_epochs": 7}, {"precision": "64-true"}]
    assert len({digest(), *(digest(**changes) for changes in others)}) == 1 + len(others)


def test_a_module_without_a_fit_has_no_checkpoints(tmp_path):
    settings = TrainerSettings(accelerator="cpu", max_steps=2, checkpoint=str(tmp_path / "kept"))
    with pytest.raises(ConfigError, match=r"^trainer.checkpoint: mean does not say which fit"):
        train_module(Mean(), ShuffledBatches(WINDOWS, 16, 0), settings, seed=0, stage="mean")


class Plain:
    """Batches whose order cannot be written down."""

    def __len__(self):
        return 1

    def __iter__(self):
        yield torch.ones(2, 1, 10)


def test_batches_without_a_state_have_no_checkpoints(tmp_path):
    settings = TrainerSettings(accelerator="cpu", max_steps=2, checkpoint=str(tmp_path / "kept"))
    with pytest.raises(ConfigError, match=r"^trainer.checkpoint: Plain has no state_dict"):
        train_module(Mean(), Plain(), settings, seed=0, stage="x", fit=Fit("D", "0", {}))


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"^trainer.checkpoint: cannot write to .*file"):
        detector("Usad", checkpoint=str(tmp_path / "file")).fit(recordings())


def test_dropout_goes_on_where_it_was(tmp_path):
    """The random state of torch, of a module that draws from it in every step."""

    def trained(on_step=lambda step: None, folder=None):
        settings = TrainerSettings(
            accelerator="cpu", max_steps=9, checkpoint=folder or False, checkpoint_seconds=0.0
        )
        module = Mean(on_step=on_step)
        batches = ShuffledBatches(WINDOWS, 16, 0)
        train_module(module, batches, settings, seed=0, stage="m", fit=Fit("D", "0", {}))
        return module.mean

    with pytest.raises(KeyboardInterrupt):
        trained(interrupt, str(tmp_path))
    assert torch.equal(trained(folder=str(tmp_path)), trained())
