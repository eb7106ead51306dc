"""`anomalib-ts list`: everything that can be chosen, and the settings of each choice."""

import inspect

import pytest

from anomalib_ts.cli.listing import listing
from anomalib_ts.cli.main import main
from anomalib_ts.errors import ConfigError
from anomalib_ts.metrics import list_metrics
from anomalib_ts.settings.registry import GROUPS, choices, config_folder
from anomalib_ts.settings.signatures import import_class as imported


def test_every_configuration_file_is_listed_or_part_of_one():
    text = listing()
    for path in config_folder().rglob("*.yaml"):
        group = path.parent.relative_to(config_folder()).as_posix()
        if group in (".", "experiment/wsae"):  # the main file, and what experiments share
            continue
        assert f"({group}=...)" in text
        assert f"  {path.stem} " in listing(group), path
    for row in list_metrics():
        assert f"  {row.key} " in text


@pytest.mark.parametrize("name", sorted(choices("detector")))
def test_each_setting_of_a_detector_has_type_default_and_description(name):
    if choices("detector")[name].origin:
        pytest.skip("of another package")
    text = listing("detector", name)
    lines = text.splitlines()
    target = imported(
        next(
            line.split()[1]
            for line in (config_folder() / "detector" / f"{name}.yaml").read_text().splitlines()
            if line.startswith("_target_")
        )
    )
    for key, parameter in inspect.signature(target).parameters.items():
        (place,) = [i for i, line in enumerate(lines) if line.startswith(f"  detector.{key} = ")]
        assert "(" in lines[place], "a type"
        if key not in ("seed", "trainer"):
            shown = "null" if parameter.default is None else str(parameter.default)
            if f"detector/{key}" in GROUPS:
                shown = f"see {key}="
            assert lines[place].startswith(f"  detector.{key} = {shown}")
        assert lines[place + 1].startswith("      "), f"{key} is not described"


@pytest.mark.parametrize("group", GROUPS)
def test_every_choice_can_be_looked_at(group):
    for name in choices(group):
        assert listing(group, name).startswith(f"{name}: ")


def test_settings_of_thresholds_are_described_by_their_files():
    text = listing("threshold", "gamma")
    assert "threshold.level = 0.99  (a number)\n      expected false-alarm rate" in text


@pytest.mark.parametrize(
    ("words", "offer"),
    [
        (["detectors"], "did you mean detector?"),
        (["detectr"], "did you mean detector?"),
        (["protocols"], "did you mean protocol?"),
        (["launcher"], "did you mean hydra/launcher?"),
        (["detector", "usd"], "did you mean usad?"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(words, offer, capsys):
    with pytest.raises(ConfigError):
        listing(*words)
    assert main(["list", *words]) == 2
    assert offer in capsys.readouterr().err
