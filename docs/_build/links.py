"""Links of files that are included in the site, from the repository's paths to the site's pages.

An included file begins with `<!-- from: PATH -->`, its path in the repository, and ends with
`<!-- end -->`. A link to another included file leads to its page; one to a file that is no page
of the site becomes the file's path in the repository, since the site may be read without one.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
INCLUDED = re.compile(r"<!-- from: (\S+) -->\n(.*?)<!-- end -->\n?", re.DOTALL)
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
ELSEWHERE = ("http://", "https://", "#", "mailto:")


def included(path: Path) -> str:
    """The text of a Markdown file without its title, marked so that its links can be resolved."""
    text = re.sub(r"\A# .*\n+", "", path.read_text(encoding="utf-8"))
    return f"<!-- from: {path.relative_to(ROOT).as_posix()} -->\n{text.rstrip()}\n<!-- end -->\n"


def relinked(markdown: str, uri: str) -> str:
    """The Markdown of a page, the links of what it includes resolved.

    Args:
        markdown: of the page.
        uri: of the page, below the site's folder.
    """
    return INCLUDED.sub(lambda part: _resolved(part[2], part[1], uri), markdown)


def _resolved(text: str, source: str, uri: str) -> str:
    def resolve(found: re.Match[str]) -> str:
        picture, label, target = found.groups()
        if target.startswith(ELSEWHERE):
            return found[0]
        path, _, anchor = target.partition("#")
        place = os.path.normpath(PurePosixPath(source).parent / path)
        page = homes().get(place)
        if page is None:
            return f"{label} (`{place}`)" if not label.startswith("`") else label
        here = os.path.relpath(page, PurePosixPath(uri).parent)
        return f"{picture}[{label}]({here}{'#' if anchor else ''}{anchor})"

    # Code is left alone: `x[i](y)` is no link.
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else LINK.sub(resolve, part) for part in parts)


@cache
def homes() -> dict[str, str]:
    """The site's page or picture for each included file and folder of the repository."""
    found = {
        "CONTRIBUTING.md": "reference/contributing.md",
        "README.md": "index.md",
        "anomalib_ts/data/README.md": "data/index.md",
        "anomalib_ts/metrics/README.md": "metrics.md",
        "anomalib_ts/robustness/README.md": "guides/robustness.md",
        "anomalib_ts/synthetic/README.md": "guides/tables.md",
        "anomalib_ts/testing": "guides/new_detector.md",
        "benchmarks": "measured/index.md",
    }
    for readme in sorted(ROOT.glob("anomalib_ts/detectors/*/README.md")):
        name = readme.parent.name
        found[str(readme.relative_to(ROOT))] = f"detectors/{'cnn' if name == 'forecasters' else name}.md"
    for readme in measurements():
        found[str(readme.relative_to(ROOT))] = f"measured/{readme.parent.name}.md"
        for picture in readme.parent.rglob("*.png"):
            below = picture.relative_to(readme.parents[1])
            found[str(picture.relative_to(ROOT))] = f"measured/{below.as_posix()}"
    for place in list(found):
        if place.endswith("/README.md"):
            found.setdefault(place.removesuffix("/README.md"), found[place])
    for picture in ROOT.glob("docs/*.png"):
        found[f"docs/{picture.name}"] = picture.name
    return found


def measurements() -> list[Path]:
    """The READMEs of the benchmarks."""
    return sorted(ROOT.glob("benchmarks/*/README.md"))
