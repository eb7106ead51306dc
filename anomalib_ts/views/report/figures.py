"""The figures that can be zoomed, made with Bokeh and filled by the page's script."""

from __future__ import annotations

from typing import Any

from bokeh.core.properties import value
from bokeh.embed import json_item
from bokeh.layouts import column
from bokeh.models import (
    BasicTickFormatter,
    BoxZoomTool,
    ColumnDataSource,
    CrosshairTool,
    DataRange1d,
    FixedTicker,
    HoverTool,
    PanTool,
    Range1d,
    RangeTool,
    ResetTool,
    WheelZoomTool,
)
from bokeh.models.annotations import LabelSet, Span
from bokeh.plotting import figure

from anomalib_ts.results.leaderboard_table import title
from anomalib_ts.views.palette import ANOMALY, CHOSEN, MIDTONE_GRID, MIDTONE_INK, OTHER, THRESHOLD
from anomalib_ts.views.report.content import Content

FONT = "system-ui, sans-serif"
LEFT_BORDER = 58


def pareto_item(shown: Content) -> Any:
    """Accuracy against seconds; None if fewer than two methods were timed on the common series."""
    timed = [(line.method, line.place) for line in shown.lines if line.place and line.place.seconds]
    if len(timed) < 2:
        return None
    places = [place for _, place in timed]
    metric = title(shown.metric)
    source = ColumnDataSource(
        {
            "seconds": [place.seconds for place in places],
            "value": [place.mean for place in places],
            "name": [shown.label(method) for method, _ in timed],
            "short": [
                shown.label(method)[:24] if place.on_front else "" for method, place in timed
            ],
            "color": [CHOSEN if place.on_front else OTHER for place in places],
            "size": [11 if place.on_front else 8 for place in places],
        }
    )
    plot = _figure(
        340,
        x_axis_type="log",
        x_range=DataRange1d(range_padding=0.16),  # room for the labels
        y_range=DataRange1d(range_padding=0.16),
        tools=[PanTool(), BoxZoomTool(), ResetTool()],
        name="pareto",
    )
    plot.xaxis.axis_label = "seconds to fit and score a series (logarithmic)"
    plot.yaxis.axis_label = f"mean {metric}"
    front = sorted((p.seconds, p.mean) for p in places if p.on_front and p.seconds)
    plot.step(
        [seconds for seconds, _ in front],
        [value for _, value in front],
        mode="after",
        line_color=CHOSEN,
        line_alpha=0.5,
    )
    points = plot.scatter(
        "seconds", "value", size="size", color="color", line_color=None, source=source
    )
    plot.add_tools(
        HoverTool(
            renderers=[points],
            tooltips=[("", "@name"), (metric, "@value{0.000}"), ("seconds", "@seconds")],
        )
    )
    plot.add_layout(
        LabelSet(
            x="seconds",
            y="value",
            text="short",
            source=source,
            x_offset=8,
            y_offset=6,
            text_color=MIDTONE_INK,
            text_font=value(FONT),
            text_font_size="12px",
        )
    )
    return json_item(plot)


def series_item() -> Any:
    """Values above, one strip a detector below, and an overview with a window to drag.

    The page's script gives the x axes their ticks, in times where these are known.
    """
    view = Range1d(start=0, end=1, name="view")
    crosshair = CrosshairTool(
        overlay=Span(dimension="height", line_color=MIDTONE_INK, line_alpha=0.6)
    )
    anomalies = ColumnDataSource({"start": [], "stop": []}, name="anomalies")
    values = _detail(210, view, crosshair, anomalies, name="values")
    values.multi_line(
        "xs",
        "ys",
        line_color="color",
        line_width=1.2,
        source=ColumnDataSource({"xs": [], "ys": [], "color": []}, name="value lines"),
    )
    frames = ColumnDataSource({k: [] for k in _EDGES}, name="blamed")
    values.quad(*_EDGES[:4], source=frames, fill_color=None, line_color="color", line_width=2)
    strips = _detail(120, view, crosshair, anomalies, name="strips")
    _fill_strips(strips)
    strips.xaxis.name = "view axis"
    values.xaxis.ticker = strips.xaxis.ticker
    values.xaxis.visible = False
    values.yaxis.name, values.ygrid.name = "value axis", "value grid"
    return json_item(
        column(values, strips, _overview(view, anomalies), sizing_mode="stretch_width", spacing=2)
    )


def _fill_strips(strips: figure) -> None:
    lines = ColumnDataSource({"xs": [], "ys": [], "color": []}, name="score lines")
    strips.multi_line("xs", "ys", line_color="color", line_width=1.1, source=lines)
    thresholds = ColumnDataSource({"x0": [], "x1": [], "y": []}, name="thresholds")
    strips.segment(
        "x0", "y", "x1", "y", line_color=THRESHOLD, line_dash="dashed", source=thresholds
    )
    names = ColumnDataSource({"y": [], "text": [], "color": []}, name="names")
    strips.add_layout(
        LabelSet(
            x=6,
            x_units="screen",
            y="y",
            text="text",
            source=names,
            text_color="color",
            text_font=value(FONT),
            text_font_size="12px",
            text_font_style="bold",
            text_baseline="top",
        )
    )
    strips.xaxis.ticker = FixedTicker(ticks=[])
    strips.yaxis.major_label_text_color = None
    strips.yaxis.major_tick_line_color = None
    strips.yaxis.axis_line_color = None
    strips.ygrid.visible = False


def _detail(
    height: int, view: Range1d, crosshair: CrosshairTool, anomalies: ColumnDataSource, name: str
) -> figure:
    pan = PanTool(dimensions="width", name=f"{name} pan")
    wheel = WheelZoomTool(dimensions="width", modifiers={"ctrl": True})
    plot = _figure(
        height,
        x_range=view,
        y_range=Range1d(start=0, end=1),
        tools=[pan, wheel, crosshair],
        active_scroll=wheel,
        name=name,
    )
    plot.vstrip("start", "stop", source=anomalies, **_ANOMALY_STYLE)
    return plot


def _overview(view: Range1d, anomalies: ColumnDataSource) -> figure:
    plot = _figure(
        64,
        x_range=Range1d(start=0, end=1, name="whole"),
        y_range=Range1d(start=0, end=1),
        tools="",
        name="overview",
    )
    plot.vstrip("start", "stop", source=anomalies, **_ANOMALY_STYLE)
    line = ColumnDataSource({"x": [], "y": []}, name="overview line")
    plot.line("x", "y", line_color=OTHER, source=line)
    window = RangeTool(x_range=view, start_gesture="pan")
    window.overlay.fill_color, window.overlay.fill_alpha = CHOSEN, 0.15
    window.overlay.line_color, window.overlay.line_alpha = CHOSEN, 0.9
    plot.add_tools(window)
    plot.xaxis.name = "whole axis"
    plot.xaxis.ticker = FixedTicker(ticks=[])
    plot.yaxis.major_label_text_color = None
    plot.yaxis.major_tick_line_color = None
    plot.yaxis.axis_line_color = None
    plot.ygrid.visible = False
    return plot


_EDGES = ("left", "right", "top", "bottom", "color")

_ANOMALY_STYLE: dict[str, Any] = {
    "fill_color": ANOMALY,
    "fill_alpha": 0.22,
    "line_color": ANOMALY,
    "line_alpha": 0.35,
}


def _figure(height: int, **settings: Any) -> figure:
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        toolbar_location=None,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        min_border_left=LEFT_BORDER,
        min_border_right=12,
        **settings,
    )
    plot.grid.grid_line_color = MIDTONE_GRID
    plot.axis.axis_line_color = MIDTONE_GRID
    plot.axis.major_tick_line_color = MIDTONE_GRID
    plot.axis.minor_tick_line_color = None
    plot.axis.major_label_text_color = MIDTONE_INK
    plot.axis.major_label_text_font = FONT
    plot.axis.axis_label_text_color = MIDTONE_INK
    plot.axis.axis_label_text_font = FONT
    plot.axis.axis_label_text_font_style = "normal"
    if "x_axis_type" not in settings:
        plot.xaxis.formatter = BasicTickFormatter(use_scientific=False)
    return plot
