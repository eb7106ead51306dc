"""The item that everything exchanges: what it takes, what it refuses, what it shares."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from anomalib_ts.core.recording import Recording, as_recording, as_recordings
from anomalib_ts.errors import InputError

VALUES = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=8),
    elements=st.floats(-(2.0**100), 2.0**100, width=32),
)


@given(VALUES, st.data())
def test_a_stretch_holds_the_same_points_and_labels(values, data):
    labels = data.draw(hnp.arrays(np.int8, len(values), elements=st.integers(0, 1)))
    part = data.draw(st.slices(len(values)))
    recording = Recording(values, labels, name="a", sampling_period=0.5, machine_id="m")
    if not len(values[part]):
        with pytest.raises(InputError, match="holds no point"):
            recording[part]
        return
    stretch = recording[part]
    np.testing.assert_array_equal(stretch.values, values[part])
    np.testing.assert_array_equal(stretch.labels, labels[part])
    assert (stretch.name, stretch.sampling_period, stretch.machine_id) == ("a", 0.5, "m")
    assert len(stretch) == len(values[part])
    assert stretch.channels == values.shape[1]


@given(VALUES, st.sampled_from([np.float32, np.float64, object]))
def test_values_are_stored_as_copies_that_cannot_be_written(values, dtype):
    original = values.astype(dtype)
    recording = Recording(original)
    original[0, 0] = 5.0 if original[0, 0] != 5.0 else 6.0
    np.testing.assert_array_equal(recording.values, values)
    assert recording.values.dtype == (np.float32 if dtype == np.float32 else np.float64)
    with pytest.raises(ValueError, match="read-only"):
        recording.values[0, 0] = 1.0


def test_stretches_and_relabelled_recordings_share_memory():
    recording = Recording(np.arange(10), np.zeros(10))
    assert np.shares_memory(recording[2:5].values, recording.values)
    assert np.shares_memory(recording[2:5][1:].values, recording.values)
    assert np.shares_memory(recording.without_labels().values, recording.values)


def test_a_read_only_view_of_memory_that_others_can_write_is_copied():
    owner = np.arange(4, dtype=np.float32)[:, None]
    view = owner[:]
    view.setflags(write=False)
    frame = pd.DataFrame({"a": np.arange(4, dtype=np.float32)})
    recordings = Recording(view), Recording(frame)
    owner[0] = 99
    frame.iloc[0, 0] = 99
    assert [recording.values[0, 0] for recording in recordings] == [0, 0]


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series])
def test_one_dimension_is_one_channel(kind):
    recording = Recording(kind([1, 2, 3]))
    assert recording.values.shape == (3, 1)
    assert recording.channels == 1


@pytest.mark.parametrize(
    "values", [[], np.empty((0, 2)), np.empty((2, 0)), 3.0, np.ones((2, 2, 2))], ids=np.shape
)
def test_other_shapes_are_refused(values):
    with pytest.raises(InputError, match=r"pump: values must be \(points, channels\)"):
        Recording(values, name="pump")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_with_their_place(bad):
    values = np.zeros((5, 3))
    values[3, 1] = bad
    message = f"pump: point 3, channel 1 is {bad}; .*fill_gaps mends short gaps"
    with pytest.raises(InputError, match=message.replace("+", r"\+")):
        Recording(values, name="pump")


@pytest.mark.parametrize(
    "values",
    [
        ["1", "x"],
        [1j, 2],
        np.array(["2020-01-01"], dtype="datetime64[D]"),
        np.array([1], dtype="timedelta64[s]"),
        [[1, 2], [3]],
        [10**400],
        {"a": [1]},
    ],
    ids=["text", "complex", "dates", "durations", "ragged", "too large", "dict"],
)
def test_what_is_not_numbers_is_refused(values):
    with pytest.raises(InputError, match="pump: the values are not numbers"):
        as_recording(values, name="pump")


@pytest.mark.parametrize("labels", [[0, 2], [0, -1], [0, np.nan], ["0", "1"], [0, None], [0, 0.5]])
def test_labels_other_than_0_and_1_are_refused(labels):
    with pytest.raises(InputError, match=r"pump: the label of point \d is .* must be 0 .* or 1"):
        Recording([1.0, 2.0], labels, name="pump")


@pytest.mark.parametrize("labels", [[0, 1], [False, True], [0.0, 1.0], np.array([0, 1], object)])
def test_labels_are_stored_as_int8_that_cannot_be_written(labels):
    stored = Recording([1.0, 2.0], labels).labels
    assert stored.dtype == np.int8
    assert stored.tolist() == [0, 1]
    with pytest.raises(ValueError, match="read-only"):
        stored[0] = 1


@pytest.mark.parametrize("labels", [[0], [0, 1, 0], [[0], [1]], 0])
def test_there_must_be_one_label_a_point(labels):
    with pytest.raises(InputError, match=r"pump: 2 points need labels of shape \(2,\)"):
        Recording([1.0, 2.0], labels, name="pump")


@pytest.mark.parametrize("label", [2, -1, "1", np.nan])
def test_the_record_label_is_0_or_1(label):
    with pytest.raises(InputError, match="pump: the record label must be 0 or 1"):
        Recording([1.0], label=label, name="pump")


def test_without_labels_keeps_all_but_the_labels():
    recording = Recording([1.0, 2.0], [0, 1], 1, "pump", 0.1)
    recording = replace(recording, machine_id="id_02", domain="target")
    bare = recording.without_labels()
    assert bare.labels is None
    assert bare.label is None
    assert (bare.name, bare.sampling_period) == ("pump", 0.1)
    assert (bare.machine_id, bare.domain) == ("id_02", "target")
    np.testing.assert_array_equal(bare.values, recording.values)
    assert recording.label == 1


@pytest.mark.parametrize("index", [0, -1, (0, 0), np.array([0])])
def test_a_recording_is_cut_with_slices_only(index):
    with pytest.raises(TypeError, match="cut with a slice"):
        Recording([1.0, 2.0])[index]


def test_a_recording_cannot_be_changed():
    with pytest.raises(AttributeError):
        Recording([1.0]).name = "other"


def test_a_recording_passes_through_as_recording():
    recording = Recording([1.0], name="pump")
    assert as_recording(recording, name="other") is recording
    assert as_recordings(recording) == (recording,)


def test_what_a_user_may_train_on_becomes_recordings():
    series, array = Recording([1.0, 2.0], name="pump"), np.ones((3, 1))
    assert as_recordings([series, array])[0] is series
    assert [item.name for item in as_recordings([array, array])] == ["recording 0", "recording 1"]
    assert [len(item) for item in as_recordings((array, array[:2]))] == [3, 2]
    assert [item.values.shape for item in as_recordings([1, 2, 3])] == [(3, 1)]
    assert [item.values.shape for item in as_recordings([[1, 2], [3, 4], [5, 6]])] == [(3, 2)]
    assert [item.values.shape for item in as_recordings(array)] == [(3, 1)]


def test_no_training_data_is_refused():
    with pytest.raises(InputError, match="the list of recordings is empty"):
        as_recordings([])


def test_text_is_not_taken_for_a_list_of_recordings():
    with pytest.raises(InputError, match="not numbers"):
        as_recordings("series.csv")


@pytest.mark.parametrize("what", ["labels", "times"])
def test_a_masked_label_or_time_is_refused(what):
    hidden = np.ma.masked_array([0, 1, 1], mask=[False, False, True])
    time = np.ma.masked_array([0, 1, 2], mask=[False, False, True])
    with pytest.raises(InputError, match=f"{what[:-1]} of point 2 is masked"):
        Recording([1.0, 2.0, 3.0], **{what: hidden if what == "labels" else time})
    shown = np.ma.masked_array([0, 1], mask=False)
    assert getattr(Recording([1.0, 2.0], **{what: shown}), what).tolist() == [0, 1]


@pytest.mark.parametrize("label", [True, np.True_, 1.0, np.int64(1)])
def test_a_record_label_is_stored_as_a_plain_number(label):
    assert type(Recording([1.0], label=label).label) is int


@pytest.mark.parametrize("label", [np.ma.masked, np.array([1]), [0, 1]])
def test_a_record_label_is_one_known_number(label):
    with pytest.raises(InputError, match="the record label must be 0 or 1"):
        Recording([1.0], label=label)


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize(("year", "fits"), [(1600, 0), (1677, 0), (1678, 1), (2261, 1), (2300, 0)])
def test_times_that_nanoseconds_do_not_hold_are_refused(unit, year, fits):
    times = np.array([f"{year}-01-01", f"{year}-01-02"], dtype=f"datetime64[{unit}]")
    if fits:
        kept = Recording([1.0, 2.0], times=times).times
        np.testing.assert_array_equal(kept.astype(times.dtype), times)
        return
    with pytest.raises(InputError, match=f"the time of point 0, {year}-01-01.* is beyond"):
        Recording([1.0, 2.0], times=times)
