import csv
import json
import re
from html.parser import HTMLParser

import pytest

from anomalib_ts.errors import AnomalibTsError, ConfigError, DataNotFoundError
from anomalib_ts.results.statistics import critical_difference
from anomalib_ts.results.store import Store
from anomalib_ts.views.report import write_report
from anomalib_ts.views.report.diagram import LABEL_LENGTH, critical_difference_svg
from tests.makers.records import ok, unit
from tests.makers.report_stores import HOSTILE, full_store
from tests.results.test_comparison import comparison


class Page(HTMLParser):
    """Tags, texts of table rows, and what would be fetched."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.tags, self.links, self._cell = {}, [], [], None
        self.table = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        self.links += [found[k] for k in ("src", "href", "action") if found.get(k)]
        if tag == "table":
            self.table = self.rows.setdefault(found.get("id"), [])
        if tag == "tr" and self.table is not None:
            self.table.append([])
        if tag in ("td", "th") and self.table is not None:
            self.table[-1].append("")
            self._cell = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._cell = None
        if tag == "table":
            self.table = None

    def handle_data(self, data):
        if self._cell and self.table:
            self.table[-1][-1] += data


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    store = full_store(folder / "my <store>")
    paths = write_report(store, folder / "out" / "report.html", formats=("csv", "md", "tex"))
    return {path.suffix: path.read_text(encoding="utf-8") for path in paths}


@pytest.fixture(scope="module")
def page(files):
    return Page(files[".html"])


def test_nothing_is_fetched(page):
    assert [link for link in page.links if not link.startswith(("#", "data:"))] == []
    (policy,) = (a["content"] for t, a in page.tags if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'")


def test_hostile_names_stay_text(files, page):
    assert "<script>window.hacked" not in files[".html"]
    assert not any(tag == "img" for tag, _ in page.tags)
    payload = re.search(r'id="payload">(.*?)</script>', files[".html"], re.DOTALL)[1]
    assert any(HOSTILE in name for name in json.loads(payload)["methods"])
    assert "&lt;/script&gt;" in files[".html"]


def test_leaderboard(page):
    head, *rows = page.rows["leaderboard"]
    assert len(head) == len(rows[0]) == 10
    names = [row[1].strip() for row in rows]
    assert names[:3] == ["good", "fair", "poor"]
    good, poor = rows[0], rows[2]
    assert good[2] == "0.940"  # .925 + .005, .920 + .005, .960 + .005 over three series
    assert good[8].split() == ["3/4", "1", "undefined"]
    assert poor[8].split() == ["2/4", "1", "failed", "1", "undefined", "unranked"]


def test_a_method_on_one_series_of_three_is_named_not_ranked(files, page):
    assert page.rows["leaderboard"][4][5] == "\N{EN DASH}"
    assert re.search(r"Not ranked.*\(1\)", files[".html"], re.DOTALL)


def test_heat_map(page):
    head, *rows = page.rows["heat"]
    assert [cell.split()[0] for cell in head] == ["method", "D", "E"]
    poor = next(row for row in rows if row[0].strip() == "poor")
    assert poor[1] == "0.4251/2"  # the value, and one of two series


def test_heat_map_marks_the_best_of_each_column(files):
    rows = re.findall(r"<tr>(.*?)</tr>", files[".html"].partition('id="heat"')[2], re.DOTALL)
    strong = {
        re.search("<span>(.*?)</span>", row)[1]: re.findall(r"<td[^>]*strong[^>]*>([\d.]+)", row)
        for row in rows[1:5]
    }
    assert strong.pop("good") == ["0.927", "0.965"]
    assert all(found == [] for found in strong.values())


def test_failures_are_grouped_with_their_traceback(files):
    text = files[".html"].partition('id="failures"')[2].partition("</section>")[0]
    assert "2 units did not finish" in text
    assert "D / short, seed 0; D / short, seed 1" in text
    assert text.count("<pre>Traceback ...") == 1


def test_settings_and_versions(files):
    text = files[".html"].partition('id="settings"')[2]
    assert "<dt>threshold.level</dt><dd>0.9</dd>" in text
    assert "version 1, seeds 0, 1" in text
    assert "<dt>python</dt><dd>3.11</dd>" in text


def test_other_formats_hold_the_same_figures(files):
    rows = list(csv.DictReader(files[".csv"].splitlines()))
    good = next(r for r in rows if (r["data"], r["detector"]) == ("D", "good"))
    assert float(good["auroc"]) == pytest.approx(0.9275)
    assert "| good | whole | 0.940 |" in files[".md"]
    assert f"**{float(good['auroc']):.3f} " in files[".md"]
    assert r"good & whole & 0.940 &" in files[".tex"]
    assert files[".tex"].count(r"\begin{tabular}") == 2


def test_published_results_are_marked(tmp_path):
    store = full_store(tmp_path / "store")
    table = tmp_path / "t.csv"
    table.write_text(
        "filename,OTHER,dataset\nlong.out,0.5,D\nshort.out,0.6,D\ntwo channels,0.7,E\n"
    )
    (path,) = write_report(store, tmp_path / "r.html", published=[table])
    page = Page(path.read_text(encoding="utf-8"))
    row = next(row for row in page.rows["leaderboard"] if "OTHER" in row[1])
    assert row[1].split() == ["OTHER", "TSB-UAD"]
    assert (row[2], row[8]) == ("0.600", "3/3")
    assert not any("OTHER" in row[0] for row in page.rows["times"])


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"formats": ["pdf"]}, ConfigError, "unknown report format 'pdf'; there are csv, md, tex"),
        ({"metric": "f1"}, ConfigError, "no result has the metric 'f1'; there are auroc"),
        ({"published": ["nowhere.csv"]}, DataNotFoundError, "no published table at nowhere.csv"),
        ({"series": ["nothing"]}, DataNotFoundError, "matches nothing"),
    ],
)
def test_mistakes_are_one_clear_line_and_leave_no_file(tmp_path, settings, error, message):
    store = Store(tmp_path / "store")
    store.save(ok(0.5))
    with pytest.raises(error, match=message):
        write_report(store, tmp_path / "r.html", **settings)
    assert not (tmp_path / "r.html").exists()


def test_an_empty_store_and_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(DataNotFoundError, match="no results in"):
        write_report(Store(tmp_path / "none"), tmp_path / "r.html")
    store = Store(tmp_path / "store")
    store.save(ok(0.5))
    (tmp_path / "file").write_text("")
    with pytest.raises(AnomalibTsError, match="cannot write the report"):
        write_report(store, tmp_path / "file" / "r.html")


@pytest.mark.parametrize("missing", ["bokeh", "jinja2"])
def test_without_the_extra_the_message_says_what_to_install(tmp_path, monkeypatch, missing):
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    with pytest.raises(AnomalibTsError, match=r"pip install 'anomalib-ts\[report\]'"):
        write_report(Store(tmp_path), tmp_path / "r.html")


def test_one_unit_is_enough_for_a_page(tmp_path):
    store = Store(tmp_path / "store")
    store.save(ok(0.5))
    (path,) = write_report(store, tmp_path / "r.html")
    text = path.read_text(encoding="utf-8")
    assert "nothing to compare yet" in text
    assert "No scores are stored" in text
    assert len(text) < 60_000  # without a figure the plotting library stays out
    assert unit().detector in text


def test_diagram_places_ranks_and_bars():
    records = [
        ok(value + 0.001 * i, name, f"case {i}")
        for name, value in (("a", 0.9), ("b & c", 0.5), ("d", 0.1))
        for i in range(12)
    ]
    found = critical_difference(comparison(*records).common())
    assert found.cliques == ()
    svg = critical_difference_svg(found, [("a", False), ("b & c", True), ("d" * 50, False)])
    assert 'class="clique"' not in svg
    assert re.search(r'class="quoted"[^>]*>b &amp; c 2\.00<', svg)
    assert "d" * 51 not in svg and f"3.00 {'d' * (LABEL_LENGTH - 1)}…" in svg
    left, middle, right = (float(x) for x in re.findall(r'class="stem" d="M([\d.]+) ', svg))
    assert middle - left == pytest.approx(right - middle)


def test_attacked_results_have_a_section_of_their_own(tmp_path):
    store = Store(tmp_path / "store")
    pgd = {"_target_": "a.Pgd", "epsilon": 0.25, "goal": "both", "clip": None}
    for name, clean, hit in (("strong", 0.9, 0.2), ("steady", 0.7, 0.6)):
        store.save(ok(clean, name))
        store.save(ok(hit, name, attack=pgd))
    inner = {"_target_": "anomalib_ts.robustness.Defended", "detector": None}
    for smoothing, clean, hit in ((1, 0.66, 0.4), (15, 0.6, 0.5)):
        settings = {
            "detector_settings": {**inner, "smoothing": smoothing},
            "variant": f"{smoothing}",
        }
        store.save(ok(clean, "defended", **settings))
        store.save(ok(hit, "defended", attack=pgd, **settings))
    (path,) = write_report(store, tmp_path / "r.html")
    text = path.read_text()
    section = text.partition('<section id="attacks">')[2].partition("</section>")[0]
    assert "pgd both" in section
    assert (
        "steady loses least at the largest size (0.100) of those that beat chance (0.5)" in section
    )
    assert "strong is the best without an attack, steady from 0.25 on." in section
    assert "smoothing=15 gains DenseAutoencoder most at the largest size (+0.100)" in section
    assert "and changes the clean value by \u22120.060." in section
    ranking = text.partition('<section id="ranking">')[2].partition("</section>")[0]
    assert "0.900" in ranking and "0.200" not in ranking


def test_nothing_but_attacked_results_is_no_report(tmp_path):
    store = Store(tmp_path / "store")
    store.save(ok(0.2, attack={"_target_": "a.Pgd", "epsilon": 0.25, "goal": "both"}))
    with pytest.raises(DataNotFoundError, match="attack=none"):
        write_report(store, tmp_path / "r.html")
