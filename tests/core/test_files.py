"""Files that are either whole or not there."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalib_ts import load_detector
from anomalib_ts.core.digests import FileDigests, file_digest
from anomalib_ts.core.files import (
    UNFINISHED,
    atomic_write,
    check_regular,
    claim_folder,
    sweep_unfinished,
)
from anomalib_ts.data import CsvFile
from anomalib_ts.errors import AnomalibTsError


def test_the_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "folder" / "file.bin"
    with atomic_write(path) as file:
        file.write(b"abc")
        assert not path.exists()
    assert path.read_bytes() == b"abc"
    assert [item.name for item in path.parent.iterdir()] == ["file.bin"]


@given(old=st.binary(max_size=50), new=st.binary(max_size=50))
def test_an_old_file_is_replaced_whole(tmp_path_factory, old, new):
    path = tmp_path_factory.mktemp("files") / "file.bin"
    path.write_bytes(old)
    with atomic_write(str(path)) as file:
        file.write(new)
        file.flush()
        assert path.read_bytes() == old
    assert path.read_bytes() == new


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_changes_when_the_block_fails(tmp_path, error):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")

    def write_half():
        with atomic_write(path) as file:
            file.write(b"half of the new")
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_readable_by_others(tmp_path):
    with atomic_write(tmp_path / "file.bin") as file:
        file.write(b"abc")
    assert (tmp_path / "file.bin").stat().st_mode & 0o777 == 0o644


def test_of_two_writers_the_last_to_finish_wins(tmp_path):
    path = tmp_path / "file.bin"
    with atomic_write(path) as first:
        with atomic_write(path) as second:
            second.write(b"second")
        assert path.read_bytes() == b"second"
        first.write(b"first")
    assert path.read_bytes() == b"first"


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(OSError, match="taken"), atomic_write(Path(tmp_path, "taken", "file.bin")):
        pytest.fail("the block must not run")


KILLED = """
import os, signal, sys
from anomalib_ts.core.files import atomic_write
with atomic_write(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_is_swept_by_the_next(tmp_path):
    path = tmp_path / "file.bin"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
        assert len(list(tmp_path.glob(UNFINISHED))) == 1
    with atomic_write(path) as file:
        file.write(b"whole")
    assert list(tmp_path.iterdir()) == [path]


def test_a_living_writer_is_left_alone(tmp_path):
    path = tmp_path / "file.bin"
    with atomic_write(path) as file:
        file.write(b"slow")
        sweep_unfinished(tmp_path)
        assert len(list(tmp_path.glob(UNFINISHED))) == 1
    assert path.read_bytes() == b"slow"


def test_nothing_else_is_swept(tmp_path):
    (tmp_path / ".hidden.part").touch()
    sweep_unfinished(tmp_path)
    sweep_unfinished(tmp_path / "not there")
    assert [item.name for item in tmp_path.iterdir()] == [".hidden.part"]


CLAIMS = """
import os, signal, sys
from pathlib import Path
from anomalib_ts.core.files import claim_folder
claim_folder(Path(sys.argv[1]))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_folders_of_the_dead_are_removed_and_those_of_the_living_kept(tmp_path):
    claim_folder(tmp_path / "living")
    subprocess.run([sys.executable, "-c", CLAIMS, str(tmp_path / "dead")], check=False)
    (tmp_path / "another").mkdir()
    claim_folder(tmp_path / "new")
    assert {item.name for item in tmp_path.iterdir()} == {"living", "another", "new"}


def no_files(folder):
    """What a path may lead to that is no regular file."""
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    (folder / "device").symlink_to("/dev/zero")
    (folder / "loop").symlink_to("loop")
    return [folder / name for name in ("pipe", "folder", "device", "loop")]


READERS = {
    "check": check_regular,
    "digest": file_digest,
    "digest once": lambda path: FileDigests().of(path),
    "model": load_detector,
    "series": lambda path: CsvFile(str(path)).fingerprint(path.stem),
}


@contextmanager
def no_longer_than(seconds):
    def late(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", READERS)
def test_no_reader_waits_at_a_pipe_or_reads_a_device_without_end(name, tmp_path):
    for path in no_files(tmp_path):
        with pytest.raises(AnomalibTsError, match=path.name), no_longer_than(20):
            READERS[name](path)
