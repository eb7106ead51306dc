import numpy as np
import pytest

from anomalib_ts.data import CsvFile, fill_gaps
from anomalib_ts.errors import AnomalibTsWarning, ConfigError, InputError

NAN = np.nan


def test_interpolates_and_says_so():
    with pytest.warns(AnomalibTsWarning, match=r"pump: filled 2 missing values of 4 .*channels 0"):
        filled = fill_gaps([1.0, NAN, NAN, 4.0], name="pump")
    np.testing.assert_allclose(filled, [1, 2, 3, 4])


def test_each_channel_in_its_own_gaps():
    values = np.array([[0.0, 5.0], [NAN, 5.0], [2.0, NAN], [3.0, 8.0]])
    with pytest.warns(AnomalibTsWarning, match="filled 2 missing values of 8 .*channels 0, 1"):
        filled = fill_gaps(values)
    np.testing.assert_allclose(filled, [[0, 5], [1, 5], [2, 6.5], [3, 8]])
    assert np.isnan(values).sum() == 2, "the input is left alone"


def test_ends_repeat_the_nearest_value():
    with pytest.warns(AnomalibTsWarning):
        np.testing.assert_allclose(fill_gaps([NAN, 3.0, 4.0, NAN, NAN]), [3, 3, 4, 4, 4])


def test_whole_series_pass_untouched_and_silently():
    values = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(fill_gaps(values), values)


@pytest.mark.parametrize(("length", "max_gap"), [(6, 5), (1, 0), (3, 2)])
def test_longer_gaps_are_refused(length, max_gap):
    values = np.ones((20, 3))
    values[2:4, 0] = 1.0
    values[7 : 7 + length, 1] = NAN
    message = f"points 7 to {6 + length} of channel 1 are missing.*max_gap={max_gap}.*raise max_gap"
    with pytest.raises(InputError, match=message):
        fill_gaps(values, max_gap)


def test_longest_gap_is_named():
    values = np.ones(30)
    values[[2, 10, 11, 12, 20]] = NAN
    with pytest.raises(InputError, match="points 10 to 12"):
        fill_gaps(values, 2)


@pytest.mark.parametrize("max_gap", [5, 2])
def test_gap_of_exactly_the_limit_is_filled(max_gap):
    values = np.ones(20)
    values[4 : 4 + max_gap] = NAN
    with pytest.warns(AnomalibTsWarning):
        assert np.isfinite(fill_gaps(values, max_gap)).all()


def test_channel_without_any_number():
    values = np.ones((4, 2))
    values[:, 1] = NAN
    with pytest.raises(InputError, match="channel 1 holds no number, all 4 points are missing"):
        fill_gaps(values, 100)


def test_masked_values_are_missing():
    values = np.ma.masked_array(np.arange(12.0), mask=False)
    values[3:6] = 9999
    values[3:6] = np.ma.masked
    with pytest.warns(AnomalibTsWarning, match="filled 3 missing values"):
        np.testing.assert_array_equal(fill_gaps(values), np.arange(12.0))
    whole = np.ma.masked_array(np.arange(6).reshape(3, 2), mask=[[0, 0], [1, 0], [0, 0]])
    with pytest.warns(AnomalibTsWarning, match="filled 1 missing values"):
        np.testing.assert_array_equal(fill_gaps(whole), np.arange(6.0).reshape(3, 2))


def test_channels_are_called_by_name_where_they_have_one():
    values = np.ones((9, 20))
    values[2:5] = NAN
    names = [f"sensor {i}" for i in range(20)]
    with pytest.raises(InputError, match="points 2 to 4 of channel sensor 0 are missing"):
        fill_gaps(values, 2, channel_names=names)
    with pytest.warns(AnomalibTsWarning, match=r"sensor 0, .*sensor 5 and 14 more\)"):
        fill_gaps(values, channel_names=names)


def test_negative_limit():
    with pytest.raises(ConfigError, match="max_gap must be at least 0"):
        fill_gaps([1.0, 2.0], -1)


@pytest.mark.parametrize("several", [False, True])
def test_errors_say_whether_there_are_more_of_the_kind(several, tmp_path):
    whole = np.sin(np.arange(100.0))
    values = whole.copy()
    values[10:20] = np.nan
    times = np.arange(100)
    falling = times.copy()
    falling[50] = 0
    if several:
        values[40:48] = np.nan
        falling[70] = 0
    absent = np.where(np.isnan(values), -1, times)
    for column, time, told, others in (
        (values, times, "a gap of 10 is longer", " (the longest of 2 such gaps)"),
        (whole, absent, "there are 10 points missing", " (the longest of 2 such gaps)"),
        (whole, falling, "is earlier than the one before", " (the first of 2 such times)"),
    ):
        there = time >= 0
        lines = [f"{t},{v}" for t, v in zip(time[there], column[there], strict=True)]
        (tmp_path / "a.csv").write_text("\n".join(["time,flow", *lines]))
        with pytest.raises(InputError, match=told) as error:
            CsvFile(tmp_path / "a.csv").load("a")
        assert (others in str(error.value)) == several
        assert ("such" in str(error.value)) == several
