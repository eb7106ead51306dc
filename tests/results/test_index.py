"""The copy of a large store's records may be lost, damaged or outdated, and never shows."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from anomalib_ts.results import index
from anomalib_ts.results import store as store_module
from anomalib_ts.results.store import Store
from tests.makers.records import failed, ok, undefined, unit


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A store with an index, written by a first reading; files count as settled at once."""
    monkeypatch.setattr(index, "FEWEST", 3)
    monkeypatch.setattr(index, "SETTLED_NS", 0)
    store = Store(tmp_path)
    for detector in ("a", "a-b", "b"):
        for data in ("D", "D x", "D-x"):
            for seed in (0, 1):
                store.save(ok(0.5 + seed / 10, detector, data=data, seed=seed))
    store.save(failed("c"))
    store.save(undefined("d"))
    time.sleep(0.02)
    first = list(store.records())
    assert (tmp_path / index.NAME).is_file()
    return store, first


def read_files(monkeypatch):
    """Names of the files that are opened from now on."""
    opened = []
    load = store_module.load_stamped

    def noting(path):
        opened.append(Path(path).name)
        return load(path)

    monkeypatch.setattr(store_module, "load_stamped", noting)
    return opened


def as_plain(records):
    return [(r.unit, r, r.finished, r.scores_digest) for r in records]


def test_records_are_the_same_and_only_failures_are_read(large, monkeypatch):
    store, first = large
    opened = read_files(monkeypatch)
    assert as_plain(store.records()) == as_plain(first)
    assert opened == [store.path(failed("c").unit).name]


def test_a_changed_new_or_removed_file_counts_at_once(large, monkeypatch):
    store, first = large
    opened = read_files(monkeypatch)
    path = store.path(first[0].unit)
    same_size = path.read_text().replace('"points": 1000', '"points": 1001')
    times = path.stat()
    path.write_text(same_size)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # what a careful forger would do
    store.path(first[1].unit).unlink()
    store.save(ok(0.9, "new"))
    left_out = store.read()[1]
    assert left_out.count == 1  # the altered one: its checksum is wrong
    found = {r.unit.key for r in store.records()}
    expected = {r.unit.key for r in [*first[2:], ok(0.9, "new")]}
    assert found == expected
    assert path.name in opened


def test_two_files_that_change_places_are_noticed(large):
    store, first = large
    a, b = (store.path(first[place].unit) for place in (0, 1))
    texts = a.read_text(), b.read_text()
    other = a.with_suffix(".tmp")
    a.rename(other)
    b.rename(a)
    other.rename(b)
    values = [r.metrics for r in store.records()][:2]
    assert [store.find(first[0].unit), store.find(first[1].unit)] == [None, None]
    assert values == [first[1].metrics, first[0].metrics]
    assert texts[0] != texts[1]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: b"",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace(b"0.5", b"0.9"),
        lambda text: text.replace(b"[1, ", b"[2, ", 1),
        lambda text: b"\0" * 1000,
        lambda text: text.splitlines(keepends=True)[0] + index._line(b'["D/a",1,2]'),
        lambda text: text.splitlines(keepends=True)[0] + index._line(b"[" * 100_000),
        lambda text: text + text,
    ],
)
def test_a_damaged_index_is_as_good_as_none(large, damage):
    store, first = large
    path = store.folder / index.NAME
    path.write_bytes(damage(path.read_bytes()))
    assert as_plain(store.records()) == as_plain(first)


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda p: p.symlink_to(p)])
def test_something_else_in_its_place_hinders_nobody(large, make):
    store, first = large
    path = store.folder / index.NAME
    path.unlink()
    make(path)
    store.save(ok(0.9, "new"))
    assert len(list(store.records())) == len(first) + 1


def test_what_changed_a_moment_ago_and_small_stores_are_not_copied(tmp_path, monkeypatch):
    store = Store(tmp_path)
    for seed in range(5):
        store.save(ok(0.5, seed=seed))
    list(store.records())
    assert not (tmp_path / index.NAME).exists()
    monkeypatch.setattr(index, "FEWEST", 3)
    list(store.records())
    assert not (tmp_path / index.NAME).exists()


def test_equal_settings_are_in_memory_once(tmp_path):
    store = Store(tmp_path)
    for case in "xyz":
        store.save(replace(ok(0.5, case=case), judged={"window": 3, "reduce": "mean"}))
    found = list(store.records())
    for name in ("detector_settings", "data_settings", "threshold"):
        assert len({id(getattr(r.unit, name)) for r in found}) == 1
    assert unit(case="x") == found[0].unit
