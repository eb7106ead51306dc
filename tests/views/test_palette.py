"""One colour for one thing, in the pictures of a case, of a study and of the report."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex

import anomalib_ts
from anomalib_ts.results.store import Store
from anomalib_ts.views import palette
from anomalib_ts.views.case.series import draw_series
from anomalib_ts.views.figures.distributions import Distributions
from tests.makers.figure_stores import clips, made

PACKAGE = Path(anomalib_ts.__file__).parent
COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b(?=[\"'])")


def test_no_picture_has_a_colour_of_its_own():
    sources = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.js")]
    found = [
        f"{path.relative_to(PACKAGE)}: {match}"
        for path in sources
        if path.name != "palette.py"
        for match in COLOUR.findall(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def drawn(artists):
    return {to_hex(artist.get_facecolor()) for artist in artists}


def test_anomalies_have_one_colour_in_all_pictures(tmp_path):
    labels = np.repeat([0, 1, 0], 20).astype(np.int8)
    case = draw_series(np.zeros((60, 1)), labels, np.arange(60.0), 5.0)
    assert palette.ANOMALY in drawn(case.axes[0].patches)
    assert palette.THRESHOLD in {line.get_color() for line in case.axes[1].lines}
    store = Store(tmp_path)
    record = clips(store, made(0.5), [0, 0, 1, 1], [1.0, 2.0, 2.5, 3.0], threshold=2.2)
    study = Distributions().draw(store, [record]).picture
    assert {palette.NORMAL, palette.ANOMALY} <= drawn(study.axes[0].patches)
    pytest.importorskip("bokeh")
    from anomalib_ts.views.report.figures import series_item

    page = json.dumps(series_item())
    assert palette.ANOMALY in page
    assert palette.THRESHOLD in page
