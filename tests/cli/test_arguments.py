"""The command line's settings before Hydra reads them: `results` is the name that was typed."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anomalib_ts.cli.arguments import Arguments, as_typed, quoted, safe_name
from anomalib_ts.errors import ConfigError


def parsed(text):
    return OverridesParser.create().parse_override(text)


@given(st.text(min_size=1))
@example("it's \\' \\")
@example("a\nb\udcff")
@settings(max_examples=200, deadline=None)
def test_a_quoted_text_is_nothing_but_that_text_to_hydra(text):
    once = parsed(f"results={quoted(text)}")
    assert once.value() == text
    again = parsed(f"results={once.get_value_element_as_str()}")  # as a sweeper writes it
    assert again.value() == text


@pytest.mark.parametrize(
    "key", ["results", "+results", "++results", "data.path", "data.root", "++data.train_path"]
)
@pytest.mark.parametrize("multirun", [True, False])
@pytest.mark.parametrize(
    "name",
    ["2024_11_25", "1e3", "on", "a b", "x (copy)", "[1]", "{x}", "it's", "müller", "a=b#c", " a"],
)
def test_results_is_what_was_typed(key, name, multirun):
    assert parsed(safe_name(f"{key}={name}", multirun)).value() == name


def test_commas_are_a_sweep_in_a_multirun_and_letters_of_a_name_elsewhere():
    assert parsed(safe_name("results=a,b", multirun=False)).value() == "a,b"
    sweep = parsed(safe_name("results=2024_1,it's", multirun=True))
    assert [value.text for value in sweep.sweep_iterator()] == ["2024_1", "it's"]
    assert safe_name("results='a,b'", multirun=True) == "results='a,b'"
    assert parsed(safe_name("results=choice(a,b)", multirun=True)).is_sweep_override()


def test_references_stay_references():
    assert safe_name("results=bench_${seed}", multirun=False) == "results='bench_${seed}'"


@pytest.mark.parametrize("value", ["", "null", "NULL", "''", "  "])
def test_no_name_is_refused(value):
    with pytest.raises(ConfigError, match="name a folder"):
        safe_name(f"results={value}", multirun=False)


@pytest.mark.parametrize("value", ["", "null", "???"])
def test_no_file_is_said_in_words_of_the_configuration(value):
    setting = f"data.train_path={value}"
    assert safe_name(setting, multirun=False) == setting


def test_other_settings_are_left_alone():
    for setting in ("resultsx=1", "detector.results=1", "seed=0,1", "~results"):
        assert safe_name(setting, multirun=True) == setting


def test_options_stand_anywhere_and_may_look_like_settings():
    found = Arguments.of(["seed=1", "--config-dir", "a=b", "-m", "metrics=[auroc]"])
    assert found.settings == ["seed=1", "metrics.metrics=[auroc]"]
    assert found.options.config_dir == "a=b"
    assert found.options.multirun
    with pytest.raises(ConfigError, match="run --help"):
        Arguments.of(["--nonsense"])


@pytest.mark.parametrize(
    "text", [",", "my file (1).csv", "it's", "a;b,c)", "x=[1", "{", "plain.csv"]
)
def test_a_value_that_hydra_cannot_read_is_a_text(text):
    assert parsed(as_typed(f"data.path={text}", multirun=False)).value() == text


@pytest.mark.parametrize("setting", ["detector=[", "~data.path", "data.path=", "seed=1,2"])
def test_other_settings_are_left_to_hydra(setting):
    assert as_typed(setting, multirun=False) == setting
    assert as_typed("data.path=(a),b)", multirun=True) == "data.path=(a),b)"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("detector.detector=usad", "+detector@detector.detector=usad"),
        ("detector.detector=usad,pca", "+detector@detector.detector=usad,pca"),
        ("detector.detector.detector=usad", "+detector@detector.detector.detector=usad"),
        (
            "detector.representation.detector=my-own",
            "+detector@detector.representation.detector=my-own",
        ),
        *((as_it_is, as_it_is) for as_it_is in ("detector.detector=null", "detector=usad")),
        *((as_it_is, as_it_is) for as_it_is in ("detector.detector={a: b}", "data.detector=x")),
    ],
)
def test_a_detector_inside_another_is_chosen_by_its_name(typed, read):
    assert Arguments.of([typed]).settings == [read]
