"""The pages that say what there is, written from the registries when the site is built.

Only choices of this package are shown, none of a plug-in that happens to be installed.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import re
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from links import ROOT, homes, included, measurements

from anomalib_ts.cli.main import main
from anomalib_ts.detectors import Capabilities
from anomalib_ts.settings.values import readable
from anomalib_ts.settings.fields import described
from anomalib_ts.settings.registry import GROUPS, Choice, choices
from anomalib_ts.settings.signatures import REQUIRED, import_class, signature_of

DOCS = ROOT / "docs"

FIGURE = """## What it sees

![a series with five anomalies, and below it the score of {name}]({name}.png)

Fitted on healthy stretches of the same wave, default settings; networks train for 300 steps. Detectors
that learn from labels are given another faulty stretch with labels. It shows which kinds
of anomaly stand out by default on this one series, not how good the detector is."""

Navigation = list[dict[str, str] | str]


def navigation() -> dict[str, Navigation]:
    """What stands in the place of `detectors/`, `data/` and `measured/`."""
    found: dict[str, Navigation] = {
        "detectors/": ["detectors/index.md"],
        "data/": ["data/index.md", {"Protocols": "data/protocols.md"}],
        "measured/": ["measured/index.md"],
    }
    found["detectors/"] += [{name: f"detectors/{name}.md"} for name in own("detector")]
    found["data/"] += [{name: f"data/{name}.md"} for name in own("data")]
    found["measured/"] += [
        {_title(path): f"measured/{path.parent.name}.md"} for path in measurements()
    ]
    return found


def made() -> dict[str, str]:
    """The Markdown of each made page, by its place below the site's folder."""
    found = {
        "detectors/index.md": _detectors(),
        "data/index.md": _data(),
        "data/protocols.md": _protocols(),
        "metrics.md": _metrics(),
        "measured/index.md": _measured(),
        "reference/choices.md": _choices(),
        "reference/commands.md": _commands(),
        "reference/contributing.md": f"# Contributing\n\n{included(ROOT / 'CONTRIBUTING.md')}",
    }
    found |= {f"detectors/{name}.md": _detector(one) for name, one in own("detector").items()}
    found |= {f"data/{name}.md": _data_set(one) for name, one in own("data").items()}
    found |= {
        f"measured/{path.parent.name}.md": f"# {_title(path)}\n\n{included(path)}"
        for path in measurements()
    }
    return found


def pictures() -> dict[str, Path]:
    """The pictures of the measurements, by their place below the site's folder."""
    return {
        uri: ROOT / place
        for place, uri in homes().items()
        if uri.startswith("measured/") and uri.endswith(".png")
    }


@cache
def own(group: str) -> dict[str, Choice]:
    """The choices that this package brings."""
    return {name: one for name, one in choices(group).items() if not one.origin}


def _detectors() -> str:
    head = (DOCS / "_build" / "detectors.md").read_text(encoding="utf-8")
    rows = ["| `detector=` | what it is | labels | scores without later points |", "|---|---|---|---|"]
    for name, choice in own("detector").items():
        can = _capabilities(choice)
        labels = "a few" if can.supervision == "weak" else "none"
        causal = "yes" if can.causal else "no"
        about = _cell(choice.description)
        rows.append(f"| [`{name}`]({name}.md) | {about} | {labels} | {causal} |")
    return f"{head}\n" + "\n".join(rows) + "\n"


def _detector(choice: Choice) -> str:
    target = _target(choice)
    kind = import_class(target)
    readme = _file_of(kind).parent / "README.md"
    parts = [f"# {kind.__name__}", f"`detector={choice.name}` · {choice.description}."]
    written = DOCS / "detectors" / f"{choice.name}.md"
    if written.is_file():
        parts.append(written.read_text(encoding="utf-8").strip())
    if written.with_suffix(".png").is_file():
        parts.append(FIGURE.format(name=choice.name))
    if readme.is_file():
        parts.append(f"## In depth\n\n{_lowered(included(readme))}")
    parts += ["## Settings", _settings(choice, "detector")]
    parts += ["## What it declares", _declared(_capabilities(choice))]
    parts += ["## In Python", f"::: {kind.__module__}.{kind.__name__}"]
    return "\n\n".join(parts) + "\n"


def _file_of(kind: type) -> Path:
    return ROOT / f"{kind.__module__.replace('.', '/')}.py"


def _capabilities(choice: Choice) -> Capabilities:
    return import_class(_target(choice))().capabilities


def _declared(can: Capabilities) -> str:
    doc = inspect.getdoc(Capabilities) or ""
    said = dict(re.findall(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", doc, re.MULTILINE))
    rows = ["| | | what it means |", "|---|---|---|"]
    for one in fields(can):
        value = getattr(can, one.name)
        shown = {True: "yes", False: "no"}.get(value, value)
        rows.append(f"| `{one.name}` | {shown} | {_cell(' '.join(said[one.name].split()))} |")
    return "\n".join(rows)


def _data() -> str:
    return f"# Data\n\n{included(ROOT / 'anomalib_ts/data/README.md')}"


def _data_set(choice: Choice) -> str:
    kind = signature_of(_target(choice))
    words = kind.doc.partition("\n\nArgs:")[0].partition("\n")[2].strip()
    prose = words.partition(">>>")[0].strip()
    return "\n\n".join(
        [f"# {choice.name}", f"`data={choice.name}` · {choice.description}.", prose]
        + ["## Settings", _settings(choice, "data")]
    )


def _protocols() -> str:
    head = (DOCS / "_build" / "protocols.md").read_text(encoding="utf-8")
    parts = [head]
    for group in ("protocol", "threshold"):
        if group == "threshold":
            parts.append("# Thresholds")
        for name, choice in own(group).items():
            kind = import_class(_target(choice))
            parts += [f"## {name}", f"`{group}={name}` {choice.description}.", _settings(choice, group)]
            parts.append(f"::: {kind.__module__}.{kind.__name__}")
    return "\n\n".join(parts).replace("# Thresholds", "## Thresholds") + "\n"


def _metrics() -> str:
    equations = (DOCS / "_build" / "metrics.md").read_text(encoding="utf-8")
    return f"# Metrics\n\n{equations}\n{included(ROOT / 'anomalib_ts/metrics/README.md')}"


def _measured() -> str:
    head = (DOCS / "_build" / "measured.md").read_text(encoding="utf-8")
    lines = [f"- [{_title(path)}]({path.parent.name}.md)" for path in measurements()]
    return f"{head}\n" + "\n".join(lines) + "\n"


def _choices() -> str:
    parts = ["# Everything to choose", "What `anomalib-ts list` shows, with the settings of each."]
    for group, title in GROUPS.items():
        parts.append(f"## {title} (`{group}=`)")
        for name, choice in own(group).items():
            page = {"detector": f"../detectors/{name}.md", "data": f"../data/{name}.md"}.get(group)
            shown = f"[`{name}`]({page})" if page else f"`{name}`"
            parts.append(f"### {shown}\n\n{choice.description.rstrip('.')}.")
            if page is None:
                parts.append(_settings(choice, group))
    return "\n\n".join(parts) + "\n"


def _commands() -> str:
    parts = ["# Commands", "Each as it describes itself.", _help()]
    for name in re.findall(r"^    (\w+)(?: |$)", _said([]), re.MULTILINE):
        parts += [f"## `anomalib-ts {name}`", _help(name)]
    return "\n\n".join(parts) + "\n"


def _help(*command: str) -> str:
    return f"```text\n{_said(list(command)).strip()}\n```"


def _said(command: list[str]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        main([*command, "--help"])
    return said.getvalue()


def _settings(choice: Choice, group: str) -> str:
    """A table of a choice's settings, or its file where no class says what they are."""
    given = _given(choice)
    target = choice.target or given.get("_target_")
    if not isinstance(target, str):
        text = choice.path.read_text(encoding="utf-8") if choice.path else ""
        return f"```yaml\n{text.strip()}\n```"
    signature = signature_of(target)
    comments = _comments(choice)
    rows = ["| setting | what it means | default | takes |", "|---|---|---|---|"]
    for key, one in signature.parameters.items():
        if key in signature.variadic:
            continue
        value = given.get(key, one.default)
        shown = "must be set" if value is REQUIRED or value == "???" else f"`{_plain(value)}`"
        about = described(one.about, one.limits) or comments.get(key, "")
        place = "trainer." if group == "logger" else f"{group.replace('/', '.')}."
        rows.append(f"| `{place}{key}` | {_cell(about)} | {shown} | {_cell(readable(one.hint))} |")
    return "\n".join(rows) if len(rows) > 2 else "No settings."


def _given(choice: Choice) -> dict[str, Any]:
    loaded = yaml.safe_load(choice.path.read_text(encoding="utf-8")) if choice.path else None
    given: dict[str, Any] = loaded if isinstance(loaded, dict) else {}
    below: dict[str, Any] = {}
    for one in given.pop("defaults", []):
        if isinstance(one, str) and choice.path:
            path = choice.path.parent / f"{one}.yaml"
            below |= _given(Choice(one, "", path=path)) if path.is_file() else {}
        elif isinstance(one, dict):
            below |= {str(key): f"{key}={name}" for key, name in one.items()}
    return below | given


def _comments(choice: Choice) -> dict[str, str]:
    text = choice.path.read_text(encoding="utf-8") if choice.path else ""
    return dict(re.findall(r"^(\w+):[^#\n]*# *(.+)$", text, re.MULTILINE))


def _target(choice: Choice) -> str:
    return choice.target or str(_given(choice)["_target_"])


def _plain(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _lowered(text: str) -> str:
    """The headings of an included file one level lower."""
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(
        part if part.startswith("```") else re.sub(r"^(#+ )", r"#\1", part, flags=re.MULTILINE)
        for part in parts
    )


def _title(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
