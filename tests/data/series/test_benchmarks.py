"""TSB-AD, the UCR archive and TimeEval, from small folders in their exact layout."""

import numpy as np
import pytest

from anomalib_ts.data import TimeEval, TsbAdM, TsbAdU, TsbUad, Ucr
from anomalib_ts.data.series.selection import listed_rows
from anomalib_ts.data.series.tsb_ad import TsbAd
from anomalib_ts.detectors.base import Detector
from anomalib_ts.errors import AnomalibTsWarning, ConfigError, DataNotFoundError, InputError
from anomalib_ts.evaluation.judge import Evaluation
from anomalib_ts.results.unit_key import Unit
from anomalib_ts.run.unit import execute, load_case

NAB = "001_NAB_id_1_Facility_tr_1007_1st_2014"  # on the list for evaluation
TUNING = "021_NAB_id_21_WebService_tr_500_1st_565"
OTHER = "871_Mine_id_1_Sensor_tr_3_1st_4"  # on none
UCR = "004_UCR_Anomaly_DISTORTEDBIDMC1_25_54_56"


def write_tsb_ad(folder, stem, points, first, channels=("Data",)):
    folder.mkdir(parents=True, exist_ok=True)
    rows = [[f"{i}.5"] * len(channels) + [str(int(first <= i < first + 3))] for i in range(points)]
    text = "\n".join(",".join(row) for row in [[*channels, "Label"], *rows])
    (folder / f"{stem}.csv").write_text(text + "\n")


@pytest.fixture
def tsb_ad(tmp_path):
    folder = tmp_path / "TSB-AD-U"  # as the archive unpacks
    write_tsb_ad(folder, NAB, 2020, 2014)
    write_tsb_ad(folder, TUNING, 600, 565)
    write_tsb_ad(folder, OTHER, 8, 4)
    return tmp_path


class TestTsbAd:
    def test_the_whole_series_is_scored_and_its_beginning_trains(self, tsb_ad):
        data = TsbAdU(root=str(tsb_ad), files="all")
        assert data.case_names() == [NAB, TUNING, OTHER]
        case = data.load(NAB)
        assert (len(case.test[0]), len(case.train[0])) == (2020, 1007)
        np.testing.assert_array_equal(np.flatnonzero(case.test[0].labels), [2014, 2015, 2016])
        assert case.fingerprint == data.fingerprint(NAB)

    def test_the_lists_are_the_published_ones(self, tsb_ad):
        for data, number in ((TsbAdU, (350, 48)), (TsbAdM, (180, 20))):
            for name, count in zip(("evaluation", "tuning"), number, strict=True):
                names = data(root=str(tsb_ad), files=name)._listed()
                assert len(set(names)) == count
                assert all("_tr_" in one and one.endswith(".csv") for one in names)
        series = [NAB, f"{NAB}.csv"]
        assert TsbAdU(root=str(tsb_ad), series=series).case_names() == [NAB]
        tuning = TsbAdU(root=str(tsb_ad), files="tuning", series="021*")
        assert (tuning.case_names(), tuning.name) == ([TUNING], "TSB-AD-U tuning[021*]")

    def test_a_list_of_ones_own(self, tsb_ad):
        (tsb_ad / "mine.csv").write_text(f"file_name\n{OTHER}.csv\n")
        data = TsbAdU(root=str(tsb_ad), files=str(tsb_ad / "mine.csv"))
        assert (data.case_names(), data.name) == ([OTHER], "TSB-AD-U mine")
        (tsb_ad / "mine.csv").write_text("name\nx\n")
        with pytest.raises(InputError, match="has no column file_name"):
            data.case_names()
        with pytest.raises(DataNotFoundError, match=r"no list 'tunin'.* did you mean tuning"):
            TsbAdU(root=str(tsb_ad), files="tunin").case_names()

    def test_a_collection_of_one_channel_has_no_series_of_several(self, tmp_path):
        write_tsb_ad(tmp_path, OTHER, 8, 4, ("Unnamed: 0", "Data"))
        with pytest.raises(InputError, match=r"channels Unnamed: 0, Data, .* TSB-AD-U has one"):
            TsbAdU(root=str(tmp_path), files="all").load(OTHER)

    def test_channels_keep_their_names(self, tmp_path):
        write_tsb_ad(tmp_path, OTHER, 8, 4, ("flow", "heat"))
        case = TsbAdM(root=str(tmp_path), files="all").load(OTHER)
        assert case.test[0].channel_names == case.train[0].channel_names == ("flow", "heat")
        assert case.test[0].values.shape == (8, 2)

    def test_an_incomplete_archive_is_told(self, tsb_ad):
        with pytest.raises(DataNotFoundError, match="349 of 350 series are missing, first 002_NAB"):
            TsbAdU(root=str(tsb_ad)).case_names()

    @pytest.mark.parametrize("data", [TsbAdU, TsbAdM])
    def test_where_to_get_it(self, data, tmp_path):
        with pytest.raises(DataNotFoundError, match=rf"org/datasets/{data.collection}\.zip"):
            data(root=str(tmp_path)).case_names()

    def test_a_name_that_disagrees_with_the_file(self, tmp_path):
        write_tsb_ad(tmp_path, "001_X_id_1_Y_tr_3_1st_5", 8, 4)
        with pytest.warns(AnomalibTsWarning, match="first anomalous point is 4, but 5 by its name"):
            TsbAdU(root=str(tmp_path), files="all").load("001_X_id_1_Y_tr_3_1st_5")
        write_tsb_ad(tmp_path, "002_X_id_1_Y_tr_8_1st_4", 8, 4)
        with pytest.raises(InputError, match="8 points train, and there are 8"):
            TsbAdU(root=str(tmp_path), files="all").load("002_X_id_1_Y_tr_8_1st_4")

    def test_a_file_of_another_kind(self, tmp_path):
        (tmp_path / f"{OTHER}.csv").write_text("a,b\n1,0\n2,0\n")
        with pytest.raises(InputError, match=r"columns a, b, .* one of them called Label"):
            TsbAdU(root=str(tmp_path), files="all").load(OTHER)

    def test_the_base_is_no_data_set_of_its_own(self):
        with pytest.raises(TypeError, match="abstract"):
            TsbAd("x", "all", "*", 5)


LISTS = {
    "another encoding": ("file_name\nä.csv\n".encode("latin-1"), "cannot be read as CSV in UTF-8"),
    "sixteen bits": ("file_name\nx\n".encode("utf-16"), "cannot be read as CSV in UTF-8"),
    "zeros": (b"file_name\na\0b\n", "holds NUL bytes"),
    "too large a cell": (b"file_name\n" + b"x" * 200_000, "field larger than field limit"),
    "nothing": (b"", "has no column file_name"),
    "no series": (b"file_name\n", "lists no series"),
    "too few cells": (b"n,file_name\n1,x\n\n2\n", "line 4: file_name is missing"),
    "too many cells": (b"file_name\nx,y\n", "line 2: it has 2 cells, and the header has 1"),
}


class TestLists:
    @pytest.mark.parametrize("kind", LISTS)
    def test_what_is_wrong_is_told_of_every_list(self, kind, tmp_path):
        content, message = LISTS[kind]
        path = tmp_path / "list.csv"
        path.write_bytes(content)
        with pytest.raises(InputError, match=rf"list\.csv.*{message}"):
            listed_rows(path, ("file_name",))
        write_tsb_ad(tmp_path, OTHER, 8, 4)
        with pytest.raises(InputError, match=message):
            TsbAdU(root=str(tmp_path), files=str(path)).case_names()

    def test_blanks_a_mark_and_line_ends_do_not_count(self, tmp_path):
        path = tmp_path / "list.csv"
        path.write_text(f"n,file_name\r\n1, {OTHER}.csv \r\n\r\n", encoding="utf-8-sig", newline="")
        assert listed_rows(path, ("file_name",)) == [{"n": "1", "file_name": f"{OTHER}.csv"}]


READERS = {
    "tsb_ad": (lambda root: TsbAdU(root=str(root), files="all"), f"{OTHER}.csv"),
    "ucr": (lambda root: Ucr(root=str(root)), f"{UCR}.txt"),
    "tsb_uad": (lambda root: TsbUad(root=str(root), dataset="here"), "a.out"),
}


class TestFolders:
    @pytest.mark.parametrize("reader", READERS)
    def test_what_systems_leave_behind_is_no_series(self, reader, tmp_path):
        make, name = READERS[reader]
        for folder in ("here", "__MACOSX", ".Trash", "@eaDir"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / f"._{name}").write_bytes(b"\0")
            (tmp_path / folder / name).write_text("1,0\n2,0\n")
        assert make(tmp_path).case_names() == [name.rpartition(".")[0]]

    @pytest.mark.parametrize("reader", ["tsb_ad", "ucr"])
    def test_which_of_two_files_is_read_is_not_left_to_chance(self, reader, tmp_path):
        make, name = READERS[reader]
        for folder in ("new", "old"):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / name).touch()
        with pytest.raises(InputError, match=rf"of one series: .*new/{name} and .*old/{name}"):
            make(tmp_path).case_names()

    @pytest.mark.parametrize("reader", ["tsb_ad", "ucr"])
    def test_capitals_in_the_suffix_and_folders_called_so(self, reader, tmp_path):
        make, name = READERS[reader]
        stem, _, suffix = name.rpartition(".")
        (tmp_path / f"{stem}.{suffix.upper()}").touch()
        (tmp_path / f"1{name}").mkdir()
        assert make(tmp_path).case_names() == [stem]


def write_ucr(folder, stem=UCR, separator="\n", points=70):
    folder.mkdir(parents=True, exist_ok=True)
    values = [f"   {i / 7:.7e}" for i in range(points)]
    (folder / f"{stem}.txt").write_text(separator.join(values) + "\n")


class TestUcr:
    @pytest.mark.parametrize("separator", ["\n", "  ", "\r\n"])
    def test_the_name_says_what_trains_and_where_the_anomaly_is(self, tmp_path, separator):
        write_ucr(tmp_path / "UCR_Anomaly_FullData", separator=separator)
        data = Ucr(root=str(tmp_path))
        assert data.case_names() == [UCR]
        case = data.load(UCR)
        assert (len(case.train[0]), len(case.test[0])) == (25, 45)
        assert not case.train[0].labels.any()
        np.testing.assert_array_equal(25 + np.flatnonzero(case.test[0].labels), [53, 54, 55])
        assert case.test[0].values[0, 0] == pytest.approx(25 / 7)
        assert case.fingerprint == data.fingerprint(UCR)

    def test_another_name_is_other_data(self, tmp_path):
        moved = UCR.replace("54_56", "54_57")
        write_ucr(tmp_path)
        write_ucr(tmp_path, moved)
        data = Ucr(root=str(tmp_path))
        assert data.fingerprint(UCR) != data.fingerprint(moved)

    def test_what_is_wrong_is_told(self, tmp_path):
        with pytest.raises(DataNotFoundError, match=r"UCR_TimeSeriesAnomalyDatasets2021\.zip"):
            Ucr(root=str(tmp_path)).case_names()
        short = UCR.replace("54_56", "54_71")
        write_ucr(tmp_path, short)
        with pytest.raises(InputError, match=r"25 of 70 points train .* from point 54 to 71"):
            Ucr(root=str(tmp_path)).load(short)
        (tmp_path / f"{UCR}.txt").write_text("1 2 x\n")
        with pytest.raises(InputError, match=r"could not convert .* numbers between blanks"):
            Ucr(root=str(tmp_path)).load(UCR)
        with pytest.raises(DataNotFoundError, match="did you mean"):
            Ucr(root=str(tmp_path), series="004_UCR_Anomaly_DISTORTEDBIDMC").case_names()
        with pytest.raises(ConfigError, match=r"data\.series is empty"):
            Ucr(root=str(tmp_path), series=[])

    @pytest.mark.parametrize("row", ["{} 0", "{},0", "{} {}"])
    def test_columns_are_not_taken_for_one_series(self, tmp_path, row):
        rows = [row.format(i, i + 0.5) for i in range(70)]
        (tmp_path / f"{UCR}.txt").write_text("\n".join(rows))
        with pytest.raises(InputError, match=r"line 1 holds 2 values|could not convert"):
            Ucr(root=str(tmp_path)).load(UCR)

    def test_a_byte_order_mark_is_no_value(self, tmp_path):
        text = "\n".join(map(str, range(70)))
        (tmp_path / f"{UCR}.txt").write_text(text, encoding="utf-8-sig")
        assert Ucr(root=str(tmp_path)).load(UCR).train[0].values[:2, 0].tolist() == [0, 1]
        (tmp_path / f"{UCR}.txt").write_text("\n")
        with pytest.raises(InputError, match="is empty"):
            Ucr(root=str(tmp_path)).load(UCR)

    def test_no_detector_sees_the_name(self, tmp_path):
        write_ucr(tmp_path)
        load_case.cache_clear()
        record = execute(unit_on(tmp_path), Evaluation(["ucr_score"]), 1).record
        assert record.error == {}
        assert record.metrics == {"ucr_score": 1.0}  # 45 points: all are within 100
        assert not [text for text in Nosy.seen if "UCR" in text or "54_56" in text]
        assert Nosy.seen


class Nosy(Detector):
    """Writes down every text that it is given."""

    seen: list[str] = []  # noqa: RUF012

    def _fit(self, train):
        type(self).seen += [str(v) for one in train for v in vars(one).values() if v is not None]
        self.settings = [str(value) for value in vars(self).values()]

    def _score(self, recording):
        type(self).seen += [recording.name, recording.kind, recording.domain, *self.settings]
        return recording.values[:, 0].astype(float)


def unit_on(root):
    return Unit(
        detector="nosy",
        detector_settings={"_target_": f"{__name__}.Nosy"},
        variant="",
        data="UCR",
        data_settings={"_target_": "anomalib_ts.data.Ucr", "root": str(root)},
        case=UCR,
        protocol="given",
        protocol_settings={"_target_": "anomalib_ts.protocols.base.Given"},
        threshold={"_target_": "anomalib_ts.evaluation.thresholds.QuantileThreshold"},
        seed=0,
        fingerprint="",
        version=1,
    )


HEADER = (
    "collection_name,dataset_name,train_path,test_path,dataset_type,datetime_index,split_at,"
    "train_type,train_is_normal,input_type,length,dimensions,contamination,num_anomalies,"
    "min_anomaly_length,median_anomaly_length,max_anomaly_length,mean,stddev,trend,stationarity,"
    "period_size"
)
NO_TREND = "1,.2,1,1,1,1,5,2,no trend,not_stationary"
INDEX = f"""{HEADER}
NAB,taxi,,univariate/NAB/taxi.test.csv,real,True,,unsupervised,False,univariate,4,{NO_TREND},
Lab,pump,multi/pump.train.csv,multi/pump.test.csv,real,False,,supervised,False,multi,3,{NO_TREND},48
"""


@pytest.fixture
def timeeval(tmp_path):
    files = {
        "datasets.csv": INDEX,
        "univariate/NAB/taxi.test.csv": "timestamp,value,is_anomaly\n"
        + "".join(f"2014-10-30 {9 + i:02d}:00:00,{i}.5,{int(i == 2)}\n" for i in range(4)),
        "multi/pump.train.csv": "timestamp,flow,heat,is_anomaly\n0,1,20,0\n1,2,21,1\n",
        "multi/pump.test.csv": "timestamp,flow,heat,is_anomaly\n0,1,20,0\n1,2,21,0\n2,9,22,1\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


class TestTimeEval:
    def test_an_index_and_a_file_for_each_series(self, timeeval):
        data = TimeEval(root=str(timeeval))
        assert data.case_names() == ["Lab/pump", "NAB/taxi"]
        taxi = data.load("NAB/taxi")
        assert taxi.train == ()
        np.testing.assert_array_equal(taxi.test[0].values[:, 0], [0.5, 1.5, 2.5, 3.5])
        np.testing.assert_array_equal(taxi.test[0].labels, [0, 0, 1, 0])
        assert taxi.fingerprint == data.fingerprint("NAB/taxi")

    def test_a_training_part_keeps_its_labels(self, timeeval):
        pump = TimeEval(root=str(timeeval)).load("Lab/pump")
        assert pump.train[0].labels.tolist() == [0, 1]
        assert pump.train[0].channel_names == pump.test[0].channel_names == ("flow", "heat")

    def test_selection(self, timeeval):
        data = TimeEval(root=str(timeeval), series="NAB/*")
        assert (data.case_names(), data.name) == (["NAB/taxi"], "TimeEval[NAB/*]")

    def test_a_series_is_listed_once(self, timeeval):
        index = timeeval / "datasets.csv"
        index.write_text(INDEX + "NAB,taxi,,other.csv\n")
        with pytest.raises(InputError, match=r"datasets\.csv lists NAB/taxi twice"):
            TimeEval(root=str(timeeval)).case_names()

    def test_what_is_wrong_is_told(self, timeeval, tmp_path):
        with pytest.raises(DataNotFoundError, match=r"timeeval\.github\.io/evaluation-paper"):
            TimeEval(root=str(tmp_path / "nowhere")).case_names()
        taxi = timeeval / "univariate/NAB/taxi.test.csv"
        taxi.write_text("timestamp,value,is_anomaly\n1,2.5,0\n2,2.5,1\n")
        with pytest.warns(AnomalibTsWarning, match=r"has 2 points, but 4 by datasets\.csv"):
            TimeEval(root=str(timeeval)).load("NAB/taxi")
        taxi.write_text("value,is_anomaly,timestamp\n1,0,2\n1,0,3\n")
        with pytest.raises(InputError, match="times first and is_anomaly last"):
            TimeEval(root=str(timeeval)).load("NAB/taxi")
        taxi.unlink()
        with pytest.raises(DataNotFoundError, match=r"no file .*taxi\.test\.csv, which datasets"):
            TimeEval(root=str(timeeval)).load("NAB/taxi")
        (timeeval / "datasets.csv").write_text(f"{HEADER}\nNAB\n")
        with pytest.raises(InputError, match="line 2: dataset_name is missing"):
            TimeEval(root=str(timeeval)).case_names()
        (timeeval / "datasets.csv").write_text("a,b\n")
        with pytest.raises(InputError, match="no column collection_name"):
            TimeEval(root=str(timeeval)).case_names()
