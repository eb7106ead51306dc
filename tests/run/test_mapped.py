"""Arrays reach another process in a file without a name, and who writes to it is alone."""

import io
import os

import numpy as np
import pytest

from anomalib_ts.core.plain import plain_scores
from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case
from anomalib_ts.results.blamed import Blamed
from anomalib_ts.run import mapped
from anomalib_ts.run.answer_file import read_answer, write_answer
from anomalib_ts.run.mapped import MappedFile
from anomalib_ts.run.task import Answer, Task


def case(n=50_000):
    values = np.random.default_rng(0).standard_normal((n, 2))
    test = Recording(values, times=np.arange(n), labels=np.zeros(n, int), name="whole")
    return Case("case", (test,), (test[: n // 2], Recording(values[:5].astype(np.float32))))


def same(one, other):
    pairs = zip((*one.test, *one.train), (*other.test, *other.train), strict=True)
    return all(
        np.array_equal(a.values, b.values)
        and a.values.dtype == b.values.dtype
        and np.array_equal(a.times, b.times)
        and a.name == b.name
        for a, b in pairs
        if a.times is not None
    )


def test_what_is_mapped_is_equal_and_read_only():
    given = case()
    content = MappedFile(given).content
    assert same(content, given)
    for recording in (*content.test, *content.train):
        assert not recording.values.flags.writeable and not recording.values.flags.owndata


def test_what_is_sent_holds_no_array_of_the_file():
    file = MappedFile(case())
    sent = io.BytesIO()
    file.dump(file.content, sent)
    assert len(sent.getvalue()) < 5000
    sent.seek(0)
    assert same(mapped.load(sent, file.file.fileno()), file.content)


def test_other_arrays_are_sent_themselves():
    file, sent = MappedFile(case()), io.BytesIO()
    own = np.arange(3000.0)
    file.dump({"own": own, "every second": file.content.test[0].values[::2]}, sent)
    sent.seek(0)
    received = mapped.load(sent, file.file.fileno())
    assert np.array_equal(received["own"], own)
    assert np.array_equal(received["every second"], file.content.test[0].values[::2])


def test_who_writes_to_the_file_is_alone():
    file, sent = MappedFile(case()), io.BytesIO()
    file.dump(file.content, sent)
    sent.seek(0)
    received = mapped.load(sent, file.file.fileno())
    address = received.test[0].values.__array_interface__["data"][0]
    memory = np.ctypeslib.as_array((np.ctypeslib.ctypes.c_double * 9).from_address(address))
    memory[:] = 7
    assert (received.test[0].values.ravel()[:9] == 7).all()
    assert same(file.content, case())


def test_a_case_without_arrays_can_be_mapped():
    assert MappedFile(Case("empty", ())).content == Case("empty", ())


def test_the_file_has_no_name():
    assert os.fstat(MappedFile(case(10)).file.fileno()).st_nlink == 0


TASK = Task({}, (), (Recording(np.arange(3.0)), Recording(np.arange(2.0))))
ANSWER = Answer(
    scores=(plain_scores([1, 2, 3], 3), plain_scores([4, 5], 2)),
    fitted={"a": 1.5},
    left_out=["b"],
    fit_seconds=1.0,
    score_seconds=(0.5, 0.25),
    peak_memory_mb=3.0,
    blamed=Blamed(np.array([[0, 2], [4, 5]]), np.array([[0.75, -1], [8, 0]], np.float32)),
    blame_error="why",
)


def written(answer):
    file = io.BytesIO()
    write_answer(answer, file)
    return file.getvalue()


def test_an_answer_is_read_as_it_was_written():
    read = read_answer(io.BytesIO(written(ANSWER)), TASK)
    assert [scores.tolist() for scores in read.scores] == [[1, 2, 3], [4, 5]]
    assert read.blamed.stretches.tolist() == [[0, 2], [4, 5]]
    assert read.blamed.parts.tolist() == [[0.75, -1], [8, 0]]
    arrays = {"scores": (), "blamed": None}
    assert vars(read) | arrays == vars(ANSWER) | arrays


def test_no_torn_answer_is_taken_for_one():
    whole = written(ANSWER)
    assert all(read_answer(io.BytesIO(whole[:end]), TASK) is None for end in range(len(whole)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"ok"', b'"no"'),
        (b"1.5", b"[1]"),
        (b'"fitted"', b'"fatted"'),
        (np.float64(5).tobytes(), np.float64("nan").tobytes()),
        (np.float32(0.75).tobytes(), np.float32("nan").tobytes()),
        (np.int64([4, 5]).tobytes(), np.int64([4, 6]).tobytes()),
        (np.int64([4, 5]).tobytes(), np.int64([4, 4]).tobytes()),
        (b"[2, 2]", b"[9, 2]"),
        (b"[2, 2]", b'"twice"'),
    ],
)
def test_no_altered_answer_is_taken_for_one(old, new):
    whole = written(ANSWER)
    assert old in whole
    assert read_answer(io.BytesIO(whole.replace(old, new)), TASK) is None
