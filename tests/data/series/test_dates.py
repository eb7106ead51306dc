import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anomalib_ts.data.series.dates import unit_of
from anomalib_ts.errors import ConfigError, InputError
from tests.makers.csv_files import load, noise, table

STYLES = {
    "iso": "%Y-%m-%d %H:%M:%S",
    "iso T": "%Y-%m-%dT%H:%M:%S",
    "iso Z": "%Y-%m-%dT%H:%M:%SZ",
    "slashed year": "%Y/%m/%d %H:%M:%S",
    "german": "%d.%m.%Y %H:%M:%S",
    "german short": "%d.%m.%y %H:%M:%S",
    "british": "%d/%m/%Y %H:%M:%S",
    "dashed": "%d-%m-%Y %H:%M:%S",
    "american": "%m/%d/%Y %I:%M:%S %p",
    "words": "%d %b %Y %H:%M:%S",
    "compact": "%Y%m%d%H%M%S",
}


def stamps(start, n, step, style="iso"):
    when = pd.date_range(start, periods=n, freq=step)
    return when, when.strftime(STYLES[style]).tolist()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("start", "step"), [("2024-02-01", "D"), ("2023-12-30 23:50", "7min")])
def test_dates_as_people_write_them(tmp_path, style, start, step):
    when, text = stamps(start, 60, step, style)
    read, _ = load(tmp_path, table({"timestamp": text, "x": noise(60)}))
    np.testing.assert_array_equal(read.times, when.to_numpy("datetime64[ns]"))
    assert read.sampling_period == when.to_series().diff().iloc[-1].total_seconds()


@st.composite
def written(draw):
    """A file in some convention, and what it says."""
    n = draw(st.integers(13, 40))
    start = draw(st.datetimes(pd.Timestamp(1980, 1, 1), pd.Timestamp(2060, 1, 1)))
    style = draw(st.sampled_from(["iso", "german", "british", "american"]))
    step = draw(st.sampled_from(["s", "5min", "h", "D", "W"]))
    when, text = stamps(pd.Timestamp(start).floor("s"), n, step, style)
    frame = pd.DataFrame({"Zeit": text, "Druck [bar]": 1000 * noise(n), "label": np.arange(n) % 2})
    german = draw(st.booleans())
    file = frame.to_csv(index=False, sep=";" if german else ",", decimal="," if german else ".")
    return file, when, frame


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(written())
def test_a_written_file_comes_back_as_it_was(tmp_path, written):
    file, when, frame = written
    read, told = load(tmp_path, file)
    assert read.channel_names == ("Druck [bar]",)
    np.testing.assert_array_equal(read.values[:, 0], frame["Druck [bar]"])
    np.testing.assert_array_equal(read.labels, frame["label"])
    if "nothing in them tells" not in told:  # a morning of 1 February may be one of 2 January
        np.testing.assert_array_equal(read.times, when.to_numpy("datetime64[ns]"))


@pytest.mark.parametrize("mark", "./-")
def test_day_or_month_first(tmp_path, mark):
    def read(days, **settings):
        text = [day.replace(".", mark) for day in days]
        return load(tmp_path, table({"date": text, "x": noise(len(text))}), **settings)

    sure, told = read(["30.01.2024", "31.01.2024", "01.02.2024"])
    assert (sure.sampling_period, told) == (86400, "")
    even, told = read(["01.02.2024", "02.02.2024", "03.02.2024"])
    assert even.sampling_period == 86400
    assert "with the day first (its steps are more even); date_format='%d" in told
    _, told = read(["01.02.2024", "02.03.2024"])
    first = "day" if mark == "." else "month"
    assert f"with the {first} first (nothing in them tells)" in told
    form = mark.join(["%m", "%d", "%Y"])
    chosen, told = read(["01.02.2024", "01.03.2024", "01.04.2024"], date_format=form)
    assert (chosen.sampling_period, told) == (86400, "")
    with pytest.raises(InputError, match=r"line 4, .*cannot be read as a date.*date_format"):
        read(["30.01.2024", "31.01.2024", "02.31.2024"])


def test_midnight_without_a_clock(tmp_path):
    when = pd.date_range("2024-03-01 20:00", periods=30, freq="h")
    text = [f"{w:%d.%m.%Y}" if w.hour == 0 else f"{w:%d.%m.%Y %H:%M}" for w in when]
    read, _ = load(tmp_path, table({"date": text, "x": noise(30)}))
    np.testing.assert_array_equal(read.times, when.to_numpy("datetime64[ns]"))


def test_a_date_and_a_clock_column_are_one_time(tmp_path):
    when = pd.date_range("2025-12-31 23:30", periods=60, freq="min")
    columns = {
        "Datum": when.strftime("%d.%m.%Y"), "Uhrzeit": when.strftime("%H:%M:%S"), "x": noise(60),
    }  # fmt: skip
    read, told = load(tmp_path, table(columns))
    np.testing.assert_array_equal(read.times, when.to_numpy("datetime64[ns]"))
    assert read.channel_names == ("x",)
    assert "columns Datum, Uhrzeit are taken together for the time" in told


@pytest.mark.parametrize("start", ["2024-03-30 20:00", "2024-10-26 20:00"])
def test_offsets_over_a_change_of_summer_time_become_utc(tmp_path, start):
    when = pd.date_range(start, periods=48, freq="30min", tz="Europe/Berlin")
    frame = pd.DataFrame({"timestamp": when, "x": noise(48)})
    read, told = load(tmp_path, frame.to_csv(index=False))
    np.testing.assert_array_equal(read.times, when.tz_convert(None).to_numpy("datetime64[ns]"))
    assert (len(read), read.sampling_period, told) == (48, 1800, "")


def test_local_time_that_comes_twice_says_what_may_be_the_reason(tmp_path):
    when = pd.date_range("2024-10-26 20:00", periods=48, freq="30min", tz="Europe/Berlin")
    text = table({"timestamp": when.strftime("%Y-%m-%d %H:%M"), "x": noise(48)})
    with pytest.raises(
        InputError, match=r"line 16, .*earlier.*end of summer time with UTC offsets"
    ):
        load(tmp_path, text)


def test_offsets_in_some_stamps_only(tmp_path):
    text = table(
        {"time": ["2024-01-01T00:00Z", "2024-01-01T01:00", "2024-01-01T02:00"], "x": "123"}
    )
    with pytest.raises(InputError, match=r"some time stamps .* offset from UTC and others do not"):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("name", "step", "period"),
    [
        ("time", 2, 2.0), ("time [ms]", 2, 0.002), ("timestamp_(min)", 2, 120.0),
        ("time_us", 2, 2e-6), ("Zeit (h)", 1, 3600.0), ("time in days", 1, 86400.0),
    ],
)  # fmt: skip
def test_numbers_count_seconds_or_the_unit_of_the_name(tmp_path, name, step, period):
    read, _ = load(tmp_path, table({name: step * np.arange(20), "x": noise(20)}))
    assert read.channel_names == ("x",)
    assert read.sampling_period == pytest.approx(period)
    assert read.times[3] == pytest.approx(3 * period)


@pytest.mark.parametrize(("unit", "ticks"), [("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
@pytest.mark.parametrize("named", [True, False])
def test_unix_time_in_smaller_units(tmp_path, unit, ticks, named):
    name = f"timestamp_{unit}" if named else "timestamp"
    numbers = [(1_700_000_000 + i) * ticks + i % 2 for i in range(20)]
    read, told = load(tmp_path, table({name: numbers, "x": noise(20)}))
    exact = np.array(numbers, np.int64) * (10**9 // ticks)
    np.testing.assert_array_equal(read.times.astype(np.int64), exact)
    assert ("are read as Unix" in told) is not named


def test_units():
    names = ["t [ms]", "elapsed (sec)", "time_s", "time", "s", "timestamp_min", "time <h>"]
    assert [unit_of(name) for name in names] == ["ms", "sec", "s", None, None, "min", "h"]


def test_a_format_that_is_none(tmp_path):
    with pytest.raises(ConfigError, match=r"date_format='%Q' is no format of dates"):
        load(tmp_path, table({"time": ["a", "b"], "x": "12"}), timestamp_column=0, date_format="%Q")


class TestUseOfTime:
    def test_inserted_points_have_times(self, tmp_path):
        when = pd.date_range("2024-01-01", periods=12, freq="h").delete([4, 5, 9])
        read, _ = load(tmp_path, table({"time": when, "x": noise(9)}))
        even = pd.date_range("2024-01-01", periods=12, freq="h").to_numpy("datetime64[ns]")
        np.testing.assert_array_equal(read.times, even)
        rows = np.searchsorted(read.times, when.to_numpy("datetime64[ns]"))
        np.testing.assert_array_equal(read.values[rows, 0], noise(9))

    def test_rows_keep_their_own_times(self, tmp_path):
        seconds = [0.0, 1.1, 1.9, 3.0, 5.2, 6.0]
        read, _ = load(tmp_path, table({"time": seconds, "x": noise(6)}))
        np.testing.assert_allclose(read.times, [0, 1.1, 1.9, 3.0, 4.1, 5.2, 6.0])

    def test_uneven_steps_are_said_and_nothing_is_inserted(self, tmp_path):
        seconds = np.cumsum(0.4 + np.random.default_rng(0).exponential(size=100))
        read, told = load(tmp_path, table({"time": seconds, "x": noise(100)}))
        assert "are no multiple of the usual" in told
        assert (len(read), read.sampling_period) == (100, None)
        np.testing.assert_allclose(read.times, seconds)

    @pytest.mark.parametrize("how", [{"timestamp_column": "none"}, {"exclude_columns": ["time"]}])
    def test_time_can_be_left_out(self, tmp_path, how):
        text = table({"time": [5, 3, 3, 9], "x": noise(4)})
        with pytest.raises(InputError, match=r"line 3, .*earlier.*timestamp_column=none"):
            load(tmp_path, text)
        read, told = load(tmp_path, text, **how)
        assert (read.channel_names, read.times, told) == (("x",), None, "")

    def test_a_column_called_none_can_be_the_time(self, tmp_path):
        read, _ = load(tmp_path, table({"none": [0, 2, 4], "x": noise(3)}), timestamp_column="none")
        assert read.sampling_period == 2

    def test_a_time_that_does_not_rise_is_a_measurement_if_its_name_is_vague(self, tmp_path):
        columns = {"timestamp": np.arange(20), "response_time": noise(20), "x": noise(20, 1)}
        read, told = load(tmp_path, table(columns))
        assert read.channel_names == ("response_time", "x")
        assert "response_time is named like a time, but used as a channel" in told


@pytest.mark.parametrize("year", [1600, 2300, 9999])
def test_dates_that_nanoseconds_do_not_hold_are_never_other_dates(tmp_path, year):
    dates = [f"{year}-01-{day:02d}" for day in range(1, 21)]
    read, told = load(tmp_path, table({"time": dates, "x": noise(20)}))
    assert read.times is None
    assert "cannot be read as one" in told
    mixed = ["2024-01-01", "2024-01-02", *dates[2:3], "2024-01-04", "2024-01-05"]
    with pytest.raises(InputError, match=f"line 4, .*'{year}-01-03' cannot be read as a date"):
        load(tmp_path, table({"time": mixed, "x": noise(5)}))


@pytest.mark.parametrize(("unit", "last"), [("ms", 2**63 // 10**6), ("us", 2**63 // 10**3)])
def test_unix_times_that_nanoseconds_do_not_hold_are_seconds(tmp_path, unit, last):
    numbers = last + 1000 * np.arange(20)
    read, _ = load(tmp_path, table({f"time [{unit}]": numbers, "x": noise(20)}))
    assert read.times.dtype.kind == "f"
    assert (read.times > 0).all()
