"""The files in conf/ and the constructors they configure say the same."""

import inspect
import subprocess
import sys

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.utils import get_class
from omegaconf import OmegaConf

from anomalib_ts import detectors as built_in
from anomalib_ts.cli.listing import yaml_of
from anomalib_ts.errors import ConfigError
from anomalib_ts.run.job import job_of
from anomalib_ts.settings.config import SHARED_SETTINGS, checked
from anomalib_ts.settings.registry import choices, config_folder

GROUPS = (
    "attack",
    "classifier",
    "data",
    "data/audio",
    "data/spectrogram",
    "detector",
    "detector/representation",
    "detector/scorer",
    "generator",
    "image",
    "judge",
    "metrics",
    "protocol",
    "threshold",
    "trainer",
)
NOTHING = config_folder() / "attack" / "none.yaml"
WITH_TARGET = sorted(
    path for g in GROUPS for path in (config_folder() / g).glob("*.yaml") if path != NOTHING
)


def composed(path):
    """The file's settings on top of those it builds on (`defaults: [default, audio: default]`)."""
    settings = yaml.safe_load(path.read_text())
    for below in settings.pop("defaults", []):
        if isinstance(below, dict):
            ((group, name),) = below.items()
            settings = {group: composed(path.parent / group / f"{name}.yaml")} | settings
        elif below != "_self_":
            settings = composed(path.with_name(f"{below}.yaml")) | settings
    return settings


@pytest.mark.parametrize("path", WITH_TARGET, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_config_file_names_every_argument(path):
    settings = composed(path)
    parameters = inspect.signature(get_class(settings["_target_"])).parameters
    assert set(settings) - {"_target_"} == set(parameters)
    for name in SHARED_SETTINGS:
        if name in parameters and path.parent.name != "data":
            assert settings[name] == f"${{{name}}}"


@pytest.mark.parametrize(
    "files",
    ["attack/*.yaml", "data/*.yaml", "data/*/default.yaml", "detector/*.yaml"],
    ids=lambda files: files[:-5],
)
def test_defaults_in_files_are_those_of_the_code(files):
    paths = [path for path in config_folder().glob(files) if path != NOTHING]
    assert paths
    for path in paths:
        settings = composed(path)
        parameters = inspect.signature(get_class(settings["_target_"])).parameters
        for name, value in settings.items():
            if name == "_target_" or isinstance(value, dict) or str(value).startswith("${"):
                continue
            default = parameters[name].default
            expected = "???" if default is inspect.Parameter.empty else default
            if isinstance(expected, tuple):
                expected = list(expected)
            assert value == expected, f"{path.name}: {name}"


@pytest.mark.parametrize("group", GROUPS)
def test_every_choice_is_described(group):
    found = choices(group)
    assert found
    assert all(choice.description for choice in found.values())


def data_settings(*overrides):
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        return OmegaConf.to_container(compose("config", list(overrides)).data)


@pytest.mark.parametrize("name", ["dcase", "dcase2020", "machine_sound"])
def test_the_front_end_of_sounds_is_a_choice_of_its_own(name):
    plain = data_settings(f"data={name}")
    assert plain["spectrogram"]["n_fft"] == 2048
    baseline = data_settings(f"data={name}", "data/spectrogram=dcase_baseline")
    assert baseline == plain | {"spectrogram": plain["spectrogram"] | {"n_fft": 1024}}
    finer = data_settings(f"data={name}", "data.spectrogram.n_mels=64", "data.audio.channel=mean")
    assert (finer["spectrogram"]["n_mels"], finer["audio"]["channel"]) == (64, "mean")


def test_checked_settings_are_converted_at_every_level():
    settings = {
        "_target_": "anomalib_ts.detectors.FastFlow1D",
        "window": "32",
        "trainer": {
            "_target_": "anomalib_ts.detectors.deep.training.TrainerSettings",
            "max_steps": "5",
        },
    }
    result = checked(settings, "detector")
    assert result["window"] == 32
    assert result["trainer"]["max_steps"] == 5


WITHOUT_AUDIO = """
import sys
for name in ("librosa", "soundfile", "soxr"):
    sys.modules[name] = None
from anomalib_ts.settings.config import checked
checked({"_target_": "anomalib_ts.data.sounds.machine_sound.MachineSound"}, "data")
"""


def test_a_missing_extra_says_how_to_get_it():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_AUDIO], capture_output=True, text=True, check=False
    )
    assert "ConfigError: data: sounds need" in done.stderr
    assert 'pip install "anomalib-ts[audio]"' in done.stderr.splitlines()[-1]


OF_OTHER_COMMANDS = {"nids_tables", "psi_digits"}


@pytest.mark.parametrize("experiment", sorted(choices("experiment").keys() - OF_OTHER_COMMANDS))
def test_every_experiment_composes_into_a_job(experiment):
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        config = compose("config", [f"experiment={experiment}"])
    plain = OmegaConf.to_container(config, resolve=True)
    job = job_of({**plain, "isolate": False}, {"detector": "any", "protocol": "any"})
    assert job.detectors


@pytest.mark.parametrize(
    "path",
    sorted((config_folder() / "detector").rglob("*.yaml")),
    ids=lambda path: path.stem,
)
def test_a_detectors_file_says_what_its_class_declares(path):
    """`anomalib-ts list detector NAME --yaml` writes it anew."""
    target = yaml.safe_load(path.read_text())["_target_"]
    assert path.read_text() == yaml_of(target)


def test_what_limits_are_made_of_is_imported_without_what_enforces_them():
    code = (
        "import sys; from anomalib_ts.settings.config import create; "
        "create({'_target_': 'anomalib_ts.run.limits.Limits'}, 'limits'); "
        "print({'sklearn', 'torch', 'anomalib_ts.run.isolation'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("method", sorted(choices("experiment/method")))
def test_every_method_of_table_1_composes_into_a_job(method):
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        overrides = ["experiment=table1", f"experiment/method={method}"]
        config = compose("config", overrides)
        swept = compose("config", overrides[:1], return_hydra_config=True).hydra.sweeper.params
    assert method in swept["experiment/method"].split(",")
    plain = OmegaConf.to_container(config, resolve=True)
    job = job_of({**plain, "isolate": False}, {"detector": "any", "protocol": "any"})
    assert job.detectors


def test_every_detector_can_be_chosen():
    kinds = {name for name in built_in.__all__ if _is_detector(getattr(built_in, name))}
    files = (config_folder() / "detector").glob("*.yaml")
    targets = {yaml.safe_load(file.read_text())["_target_"].rpartition(".")[2] for file in files}
    assert (kinds - {"Detector"}) | {"Defended"} == targets  # which is above the others' room


def _is_detector(value):
    return isinstance(value, type) and issubclass(value, built_in.Detector)


SEEDED = [path for path in WITH_TARGET if "seed" in composed(path)]


@pytest.mark.parametrize("path", SEEDED, ids=lambda path: f"{path.parent.name}/{path.stem}")
@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_cannot_be_drawn_with_is_refused_before_anything_runs(path, seed):
    given = {"_target_": composed(path)["_target_"], "seed": seed}
    if "estimator" in composed(path):
        given["estimator"] = {"_target_": "sklearn.ensemble.IsolationForest"}
    with pytest.raises(ConfigError, match=r"it.seed must lie in \[0, 4294967295\], not"):
        checked(given, "it")
