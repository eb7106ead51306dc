"""What reaches a detector (seed, trainer) reaches the detectors inside it, unless set on them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from anomalib_ts.cli.arguments import Arguments
from anomalib_ts.cli.hydra_job import _resolved, _trainers
from anomalib_ts.core.recording import FloatArray, Recording
from anomalib_ts.detectors.base import Detector
from anomalib_ts.detectors.deep.training import TrainerSettings
from anomalib_ts.robustness import Defended
from anomalib_ts.run.job import job_of
from anomalib_ts.settings.config import create
from anomalib_ts.settings.fields import configured, declarations, setting
from anomalib_ts.settings.registry import config_folder
from anomalib_ts.settings.signatures import import_class

WAVE = np.sin(np.arange(400) / 5)
USAD = "{_target_: anomalib_ts.detectors.Usad}"
ENCODER = "anomalib_ts.detectors.memory.encoder.Encoder"
OF_ENCODER = f"{{_target_: anomalib_ts.detectors.Memory, representation: {{_target_: {ENCODER}}}}}"


@configured
class Wrapper(Detector):
    """One of somebody's own, without a trainer."""

    detector: dict[str, Any] | None = setting(None, "inside", describes="detector")

    def _fit(self, train: tuple[Recording, ...]) -> None:
        self.detector_ = create(self.detector or {}, "detector.detector", "detector").fit(train)

    def _score(self, recording: Recording) -> FloatArray:
        return self.detector_.score(recording)


OWN = f"{__name__}.{Wrapper.__name__}"
NESTED = {
    "the default of defended": ["detector=defended"],
    "a choice": ["detector=defended", "detector.detector=usad"],
    "a class": ["detector=defended", f"detector.detector={USAD}"],
    "an encoder's default": ["detector=memory", "detector/representation=encoder"],
    "an encoder's choice": [
        "detector=memory",
        "detector/representation=encoder",
        "detector.representation.detector=dense_autoencoder",
    ],
    "an encoder's class": [
        "detector=memory",
        "detector/representation=encoder",
        f"detector.representation.detector={USAD.replace('Usad', 'DenseAutoencoder')}",
    ],
    "contrast": ["detector=memory", "detector/representation=contrast"],
    "adversarial training": ["detector=defended", "detector.rounds=1", "detector.epsilon=0.01"],
    "two deep": [
        "detector=defended",
        f"detector.detector={{_target_: anomalib_ts.robustness.Defended, detector: {USAD}}}",
    ],
    "an encoder in a class": ["detector=defended", f"detector.detector={OF_ENCODER}"],
    "an encoder in a choice": [
        "detector=defended",
        "detector.detector=memory",
        "detector/representation@detector.detector.representation=encoder",
    ],
    "somebody's own": [
        "detector=random",
        "~detector.seed",
        f"detector._target_={OWN}",
        f"+detector.detector={USAD}",
    ],
}


def made(*overrides: str) -> Any:
    """The job's detector, as a run makes it."""
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = compose("config", Arguments.of(overrides).settings)
    plain: Any = OmegaConf.to_container(config, resolve=True)
    job = job_of({**plain, "isolate": False}, {"detector": "any", "protocol": "any"})
    return create(job.detectors[0][1], "detector", "detector")


@pytest.fixture
def trained(monkeypatch):
    """The most steps of each training that took place."""
    found = []
    device = TrainerSettings.device

    def looked(self):
        found.append(self.max_steps)
        return device(self)

    monkeypatch.setattr(TrainerSettings, "device", looked)
    return found


def inside(value: Any) -> list[Detector]:
    """All detectors that a fitted one holds."""
    held = [one for one in vars(value).values() if hasattr(one, "__dict__")]
    here = [one for one in held if isinstance(one, Detector)]
    deeper = [one for one in held if type(one).__module__.startswith("anomalib_ts")]
    return here + [found for one in deeper for found in inside(one)]


@pytest.mark.parametrize("overrides", NESTED.values(), ids=NESTED.keys())
def test_seed_and_trainer_of_the_run_reach_every_detector(overrides, trained):
    detector = made(*overrides, "seed=7", "trainer.max_steps=3").fit(WAVE)
    assert set(trained) == {3}
    seeds = {one.seed for one in inside(detector) if hasattr(one, "seed")}
    assert seeds == ({7} if inside(detector) else set())


# A choice's file sets the seed: it is the run's.
@pytest.mark.parametrize("name", [n for n in NESTED if not n.endswith(("choice", "own"))])
def test_the_seed_of_a_detector_reaches_those_in_it(name, trained):
    detector = made(*NESTED[name], "detector.seed=5", "trainer.max_steps=2").fit(WAVE)
    assert {one.seed for one in inside(detector)} <= {5}
    assert trained


def test_what_was_set_on_it_stays(trained):
    own = "{_target_: anomalib_ts.TrainerSettings, max_steps: 4}"
    inner = f"{USAD[:-1]}, seed: 9, trainer: {own}}}"
    overrides = ["detector=defended", f"detector.detector={inner}", "trainer.max_steps=2"]
    detector = made(*overrides, "seed=7").fit(WAVE)
    assert (set(trained), detector.detector_.seed) == ({4}, 9)


@pytest.mark.parametrize("name", ["moving_mean", "matrix_profile", "random", "memory", "defended"])
def test_what_takes_neither_or_one_of_them_is_handed_no_more(name):
    detector = made("detector=defended", f"detector.detector={name}", "trainer.max_steps=2")
    assert len(detector.fit(WAVE).score(WAVE)) == len(WAVE)
    bare = {"_target_": f"anomalib_ts.detectors.{type(detector._unfitted()).__name__}"}
    if name != "defended":
        assert len(Defended(detector=bare).fit(WAVE).score(WAVE)) == len(WAVE)


@pytest.mark.parametrize("sweep", [False, True])
@pytest.mark.parametrize("overrides", [NESTED["an encoder's choice"], NESTED["a class"]])
def test_trainers_inside_are_shown_and_kept_as_the_outer_ones(overrides, sweep):
    given = [*overrides, "trainer.checkpoint=true", "results=here"]
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        plain = _resolved(compose("config", Arguments.of(given).settings), sweep)
    job = job_of(plain, {"detector": "any", "protocol": "any"})
    trainers = list(_trainers(job.detectors[0][1]))
    assert len(trainers) == 2
    for trainer in trainers:
        assert trainer["progress"] is not sweep
        assert trainer["checkpoint"] == str(Path("here/checkpoints").absolute())


def test_baselines_without_a_trainer_have_the_runs():
    overrides = [f"+baselines.usad={USAD}", "seed=7", "trainer.max_steps=3"]
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = compose("config", overrides)
    plain: Any = OmegaConf.to_container(config, resolve=True)
    job = job_of({**plain, "isolate": False}, {"detector": "any", "protocol": "any"})
    settings = dict(job.detectors)["usad"]
    assert (settings["seed"], settings["trainer"]["max_steps"]) == (7, 3)


def holders() -> list[Path]:
    """Files of parts that hold the settings of a detector."""
    files = sorted((config_folder() / "detector").rglob("*.yaml"))
    kinds = {path: import_class(yaml.safe_load(path.read_text())["_target_"]) for path in files}
    return [
        path
        for path, kind in kinds.items()
        if any(one.describes == "detector" for one in declarations(kind))
    ]


def test_there_are_parts_that_hold_a_detector():
    assert {path.stem for path in holders()} >= {"defended", "encoder"}


@pytest.mark.parametrize("path", holders(), ids=lambda path: path.stem)
def test_whatever_holds_a_detector_has_a_trainer_for_it(path):
    """So that the detector that it takes by default trains as the run says."""
    assert yaml.safe_load(path.read_text())["trainer"] == "${trainer}"
