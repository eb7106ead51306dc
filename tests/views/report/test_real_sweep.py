"""A real sweep's report in a real browser.

ANOMALIB_TS_REPORT_STORE=DIR takes stored results instead of making some.
"""

import os

import pytest

from anomalib_ts.cli.main import main
from tests.views.report.test_browser import CHROMIUM, browser, column, page, until, view

__all__ = ["browser", "page"]  # fixtures

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory, shared):
    folder = tmp_path_factory.mktemp("sweep")
    results = os.environ.get("ANOMALIB_TS_REPORT_STORE", str(folder / "results"))
    if "ANOMALIB_TS_REPORT_STORE" not in os.environ:
        data = ["data=tsb_uad", f"data.root={shared / 'data' / 'tsb-uad'}", "protocol=whole"]
        sweep = ["detector=iforest,moving_mean,random", "data.dataset=Dodgers,Genesis,NAB"]
        assert main(["run", "-m", *sweep, *data, "baselines=none", f"results={results}"]) == 0
    published = str(shared / "published" / "tsb_uad_auc_roc.csv")
    output = folder / "report.html"
    assert main(["report", results, "-o", str(output), "--published", published]) == 0
    return output


def test_sorting_and_zooming_work(page):
    page.click("#leaderboard th:nth-child(3) button")
    values = [float(value) for value in column(page, "leaderboard", 3)]
    assert values == sorted(values)
    assert len(values) > 10
    whole = view(page)
    page.click("#closer")
    until(page, f"viewer.range.end - viewer.range.start < {whole[1] - whole[0]}")
    page.click("#next")
    page.click("#whole")
    assert page.locator("#viewer canvas").count() >= 3
