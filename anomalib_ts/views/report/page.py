"""The page: content, figures and series put into the template."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from importlib.resources import files
from typing import Any

from bokeh.resources import Resources
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from anomalib_ts.metrics.bootstrap import Interval
from anomalib_ts.results.entries import Entry
from anomalib_ts.results.leaderboard_table import title
from anomalib_ts.results.store import Store
from anomalib_ts.views.palette import MIDTONE_LINES
from anomalib_ts.views.report.content import Content
from anomalib_ts.views.report.diagram import critical_difference_svg
from anomalib_ts.views.report.figures import pareto_item, series_item
from anomalib_ts.views.report.series import Gallery, gallery

SCRIPTS = ("tables.js", "times.js", "series.js")
NOTHING = "\u2013"
"""Stands where there is no value."""


def page(
    store: Store,
    entries: Sequence[Entry],
    shown: Content,
    series: Sequence[str] = ("*",),
    max_megabytes: float = 20.0,
) -> str:
    """The HTML text.

    Args:
        store: where scores and values lie.
        entries: the results behind `shown`.
        shown: what is worked out from them.
        series: patterns of the cases to look at.
        max_megabytes: for these cases.

    Raises:
        DataNotFoundError: no series with scores matches `series`.
    """
    methods = [line.method for line in shown.lines]
    pictures = gallery(
        store,
        entries,
        methods,
        shown.metric,
        patterns=series,
        max_bytes=max_megabytes * 1e6,
    )
    environment = Environment(
        loader=PackageLoader("anomalib_ts.views.report"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= {"num": _number, "signed": _signed, "short": _short, "p": _probability}
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # Bokeh refers backwards
    template = environment.get_template("page.html")
    pareto = pareto_item(shown)
    return template.render(
        shown=shown,
        gallery=pictures,
        metric=title(shown.metric),
        cd_svg=Markup(_diagram(shown)),  # noqa: S704 - it escapes the names itself
        span=_span_of(shown),
        pareto=pareto is not None,
        payload=_payload(shown, pictures, pareto),
        style=_asset("style.css"),
        scripts=[_asset(name) for name in SCRIPTS],
        bokeh=_bokeh(),
        version=metadata.version("anomalib-ts"),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        folder=store.folder.name,
    )


def _diagram(shown: Content) -> str:
    labels = [(shown.label(method), bool(method.source)) for method in shown.common.methods]
    return critical_difference_svg(shown.cd, labels) if shown.cd else ""


def _payload(shown: Content, pictures: Gallery, pareto: Any) -> dict[str, Any]:
    """What the scripts read; the template writes it as JSON in which no tag can end."""
    return {
        "pareto": pareto,
        "viewer": series_item() if pictures.pictures else None,
        "methods": [shown.label(line.method) for line in shown.lines],
        "colors": MIDTONE_LINES,
        "series": pictures.pictures,
    }


def _span_of(shown: Content) -> tuple[float, float]:
    """Ends of the scale on which the leaderboard draws its intervals."""
    ends = [e for line in shown.lines for e in _ends(line.over_series, line.mean)]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    return low, max(high, low + 1e-9)


def _ends(interval: Interval | None, mean: float | None) -> list[float]:
    if interval is not None:
        return [interval.low, interval.high]
    return [] if mean is None else [mean]


def _bokeh() -> list[Markup]:
    found: Sequence[str] = Resources(mode="inline", components=["bokeh"]).js_raw
    return [Markup(text) for text in found]  # noqa: S704 - the library's own script


def _asset(name: str) -> Markup:
    text = files("anomalib_ts.views.report").joinpath("templates", name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 - a file of this package


def _number(value: float | None, digits: int = 3) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\u2212")


def _short(value: float | None) -> str:
    """Three digits, with thousands as k and M, for times, speeds and sizes."""
    if value is None:
        return NOTHING
    for factor, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.3g}{unit}"
    return f"{value:.3g}"


def _probability(value: float) -> str:
    return "< .001" if value < 0.001 else f"{value:.3f}".lstrip("0")
