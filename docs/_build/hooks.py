"""What MkDocs calls while it builds the site: adds the pages made by `pages.py`, sets equations."""

from __future__ import annotations

import re
from html import escape

import pages
from latex2mathml.converter import convert
from links import ROOT, included, relinked
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

INCLUDE = re.compile(r"^<!-- include: (\S+) -->$", re.MULTILINE)
MATH = re.compile(r"^```math\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the made pages in the place of `NAME/` in the navigation."""
    made = pages.navigation()
    config.nav = [
        {title: made.get(where, where) for title, where in entry.items()}
        if all(isinstance(where, str) for where in entry.values())
        else entry
        for entry in config.nav or []
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the made pages, and the pictures that included pages show."""
    for uri, text in pages.made().items():
        if (written := files.get_file_from_path(uri)) is not None:
            files.remove(written)
        files.append(File.generated(config, uri, content=text))
    for uri, path in pages.pictures().items():
        files.append(File.generated(config, uri, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Resolve links between included files, and turn equations into MathML."""
    whole = INCLUDE.sub(lambda found: included(ROOT / found[1]), markdown)
    return MATH.sub(_mathml, relinked(whole, page.file.src_uri))


def _mathml(found: re.Match[str]) -> str:
    """A block of MathML, which browsers draw by themselves; the TeX is kept for copying."""
    tex = " ".join(found[1].split())
    drawn = convert(tex, display="block").replace("\n", "")
    return f'<div class="equation" title="{escape(tex)}">{drawn}</div>'
