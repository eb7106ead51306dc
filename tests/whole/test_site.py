"""The documentation site: it builds strictly, its links lead somewhere, all its code is run."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from anomalib_ts.metrics import list_metrics
from anomalib_ts.settings.registry import choices
from tests.makers.pages import blocks_of, commands_of, run_command, run_snippet, write_files

ROOT = Path(__file__).parents[2]
WRITTEN = [ROOT / "docs/index.md", *sorted(ROOT.glob("docs/guides/*.md"))]
INCLUDED = [
    ROOT / "anomalib_ts/data/README.md",
    ROOT / "anomalib_ts/metrics/README.md",
    *sorted(ROOT.glob("anomalib_ts/detectors/*/README.md")),
]
"""Of the other included files, CI runs CONTRIBUTING.md's commands; those of `synthetic` and
`robustness` take minutes and have tests of their own, those of `benchmarks` take hours."""

QUICK = {
    "trainer=published": "trainer=smoke",
    "data.root=ROOT": "data.root=data/tsb-uad",
    "data=machine_sound": "data=machine_sound trainer=smoke",
}
"""What is run in the place of what takes long or is named by a person."""

SUPPOSED = """
from functools import partialmethod

import numpy as np
from anomalib_ts import Recording
from anomalib_ts.detectors.deep.training import TrainerSettings

TrainerSettings.__init__ = partialmethod(TrainerSettings.__init__, max_steps=2)
x_train = np.sin(np.arange(3000) / 5)
x_test = x_train[:600]
labels = np.zeros(600, int)
labels[300:320] = 1
scores = np.random.default_rng(0).random(600)
recordings = [Recording(x_train + (i > 6), label=int(i > 6)) for i in range(8)]
recording = recordings[0]
"""
"""The names that snippets of detectors and metrics take for given."""


def _own(group):
    return [name for name, choice in choices(group).items() if not choice.origin]


def _id(path):
    return path.parent.name if path.name == "README.md" else path.stem


class _Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loaded = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids |= {found["id"]} if "id" in found else set()
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag in ("link", "script", "img"):
            self.loaded += filter(None, (found.get("href"), found.get("src")))


@pytest.mark.slow
def test_the_site_builds_strictly_and_its_links_lead_somewhere(tmp_path):
    pytest.importorskip("material")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {path: _Page(path.read_text()) for path in tmp_path.rglob("*.html")}
    del pages[tmp_path / "404.html"]  # its links are those of a server's root
    for path, page in pages.items():
        for link in (*page.links, *page.loaded):
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "mailto") and link in page.links:
                continue
            assert not parts.scheme and not parts.netloc, (path, link)  # nothing from elsewhere
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert there.is_file(), (path, link)
            if parts.fragment and there.suffix == ".html":
                assert unquote(parts.fragment) in pages[there].ids | {"__top"}, (path, link)
    for style in tmp_path.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", style.read_text()), style
    text = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in pages}
    for name in _own("detector"):
        assert "<math" in text[f"detectors/{name}.html"], name
    assert all(f"data/{name}.html" in text for name in _own("data"))
    assert [
        one.key for one in list_metrics() if f"<code>{one.key}</code>" not in text["metrics.html"]
    ] == []


def test_every_detector_has_equations_and_says_when_to_use_it():
    for name in _own("detector"):
        path = ROOT / "docs" / "detectors" / f"{name}.md"
        assert path.is_file(), f"write {path.relative_to(ROOT)}: equations, and when to use it"
        readme = ROOT / "anomalib_ts" / "detectors" / name / "README.md"
        text = path.read_text() + (readme.read_text() if readme.is_file() else "")
        assert "```math" in text and "## When to use it" in text, name


def test_every_detector_has_a_picture_of_what_it_sees():
    drawn = {path.stem for path in ROOT.glob("docs/detectors/*.png")}
    remedy = "python docs/_build/figures.py draws what is not there yet"
    assert set(_own("detector")) - drawn == set(), remedy


def test_nothing_escapes_these_tests():
    for path in (*WRITTEN, *INCLUDED):
        text = path.read_text()
        assert {language for language, _ in blocks_of(text)} <= {"bash", "python", "text", "toml"}
        assert [line for line in commands_of(text) if not line.startswith("anomalib-ts ")] == [], (
            path
        )


def _quick(command):
    for slow, quick in QUICK.items():
        command = command if quick in command else command.replace(slow, quick)
    trains = command.startswith("anomalib-ts run") and "detector=" not in command
    return f"{command} trainer=smoke" if trains and "trainer=" not in command else command


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [path for path in (*WRITTEN, *INCLUDED) if commands_of(path.read_text())], ids=_id
)
def test_the_commands_of_a_page(path, tmp_path, monkeypatch, capsys):
    if "sound" in path.read_text():
        pytest.importorskip("soundfile")
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    for command in commands_of(path.read_text()):
        quick = _quick(command)
        assert run_command(quick) == 0, (quick, capsys.readouterr().err)


SNIPPETS = [
    pytest.param(path, code, id=f"{_id(path)}-{number}")
    for path in (*WRITTEN, *INCLUDED)
    for number, (language, code) in enumerate(blocks_of(path.read_text()))
    if language == "python"
]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "code"), SNIPPETS)
def test_snippet(path, code, tmp_path):
    run_snippet((SUPPOSED if path in INCLUDED else "") + code, tmp_path)


def test_spelling():
    if (codespell := shutil.which("codespell", path=Path(sys.executable).parent)) is None:
        pytest.skip("codespell is not installed")
    read = ["README.md", "CONTRIBUTING.md", "docs", "benchmarks", "anomalib_ts", "conf"]
    done = subprocess.run([codespell, *read], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
