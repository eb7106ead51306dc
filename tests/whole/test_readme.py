"""Every command and every snippet of the README is run."""

from pathlib import Path

import pytest

from tests.makers.pages import blocks_of, commands_of, run_command, run_snippet, write_files

README = (Path(__file__).parents[2] / "README.md").read_text()
RUN_BY_CI = ("pip install", "pytest")
COMMANDS = [line for line in commands_of(README) if not line.startswith(RUN_BY_CI)]


def test_nothing_in_the_readme_escapes_these_tests():
    assert [line for line in COMMANDS if not line.startswith(("anomalib-ts", "mkdocs"))] == []
    assert {language for language, _ in blocks_of(README)} <= {"bash", "python", "text", "toml"}


@pytest.mark.slow
def test_the_commands_one_after_another(tmp_path, monkeypatch, capsys):
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    for command in COMMANDS:  # later ones read what earlier ones stored
        if command.startswith("anomalib-ts"):  # test_site.py builds the site
            assert run_command(command) == 0, (command, capsys.readouterr().err)


@pytest.mark.slow
@pytest.mark.parametrize("snippet", [code for lang, code in blocks_of(README) if lang == "python"])
def test_snippet(snippet, tmp_path):
    run_snippet(snippet, tmp_path)
