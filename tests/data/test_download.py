import hashlib
import logging
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from anomalib_ts.data import download as module
from anomalib_ts.data.download import download
from anomalib_ts.errors import DataNotFoundError, InputError
from tests.helpers.http_server import serve

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "sub" / "data.bin"


def fetch(server, target, **settings):
    return download(server.url, target, wait=0.001, timeout=5, **settings)


def left_over(target):
    return sorted(path.name for path in target.parent.iterdir())


def test_fetches_and_leaves_nothing_else(target):
    with serve(CONTENT) as server:
        assert fetch(server, target, sha256=SHA256, size=len(CONTENT)) == target
    assert target.read_bytes() == CONTENT
    assert left_over(target) == ["data.bin"]


def test_without_content_length(target):
    with serve(CONTENT, length=False) as server:
        fetch(server, target, sha256=SHA256)
    assert target.read_bytes() == CONTENT


def test_what_is_there_is_not_fetched(target):
    target.parent.mkdir()
    target.write_bytes(CONTENT)
    with serve(CONTENT) as server:
        fetch(server, target, sha256=SHA256)
    assert server.requests == []


def test_wrong_file_in_place_is_deleted(target):
    target.parent.mkdir()
    target.write_bytes(b"something else")
    with serve(CONTENT) as server, pytest.raises(InputError, match="14 bytes instead of"):
        fetch(server, target, size=len(CONTENT))
    assert left_over(target) == []


class TestResuming:
    def test_goes_on_after_drops(self, target):
        with serve(CONTENT, drops=[300_000, 300_000]) as server:
            fetch(server, target)
        assert target.read_bytes() == CONTENT
        assert server.requests == [None, "bytes=300000-", "bytes=600000-"]

    def test_goes_on_in_a_later_call(self, target):
        with serve(CONTENT, drops=[500_000]) as server:
            with pytest.raises(DataNotFoundError, match=r"is kept in .*data\.bin\.part"):
                fetch(server, target, retries=0)
            fetch(server, target)
        assert server.requests == [None, "bytes=500000-"]
        assert target.read_bytes() == CONTENT

    def test_starts_afresh_when_the_file_has_changed(self, target):
        with serve(CONTENT, drops=[500_000]) as server:
            with pytest.raises(DataNotFoundError):
                fetch(server, target, retries=0)
            server.content, server.etag = CONTENT[::-1], '"v2"'
            fetch(server, target)
        assert server.requests == [None, "bytes=500000-"]
        assert target.read_bytes() == CONTENT[::-1]

    def test_starts_afresh_for_another_address(self, target):
        with serve(CONTENT, drops=[500_000]) as first, pytest.raises(DataNotFoundError):
            fetch(first, target, retries=0)
        with serve(CONTENT[::-1]) as second:
            fetch(second, target)
        assert second.requests == [None]
        assert target.read_bytes() == CONTENT[::-1]

    @pytest.mark.parametrize("etag", [None, 'W/"weak"'])
    def test_starts_afresh_where_nothing_vouches_for_the_part(self, target, etag):
        with serve(CONTENT, drops=[500_000], etag=etag) as server:
            fetch(server, target)
        assert server.requests == [None, None]
        assert target.read_bytes() == CONTENT

    def test_a_checksum_vouches_for_the_part(self, target):
        with serve(CONTENT, drops=[500_000], etag=None) as server:
            fetch(server, target, sha256=SHA256)
        assert server.requests == [None, "bytes=500000-"]

    def test_server_that_refuses_ranges(self, target, caplog):
        caplog.set_level(logging.INFO)
        with serve(CONTENT, drops=[500_000], ranges=False) as server:
            fetch(server, target)
        assert target.read_bytes() == CONTENT
        assert "cannot be continued, starting afresh" in caplog.text

    def test_part_that_was_whole_already(self, target):
        with serve(CONTENT, drops=[500_000]) as server:
            with pytest.raises(DataNotFoundError):
                fetch(server, target, retries=0)
            target.with_name("data.bin.part").write_bytes(CONTENT)
            fetch(server, target)
        assert target.read_bytes() == CONTENT
        assert len(server.requests) == 2

    def test_part_that_is_too_long(self, target):
        with serve(CONTENT, drops=[500_000]) as server:
            with pytest.raises(DataNotFoundError):
                fetch(server, target, retries=0)
            target.with_name("data.bin.part").write_bytes(CONTENT + b"more")
            fetch(server, target)
        assert target.read_bytes() == CONTENT


class TestFailures:
    def test_wrong_checksum_deletes_the_file(self, target):
        with serve(CONTENT) as server, pytest.raises(InputError, match=f"SHA-256 {SHA256} instead"):
            fetch(server, target, sha256="0" * 64)
        assert not target.exists()
        assert not target.with_name("data.bin.part").exists()

    def test_wrong_size(self, target):
        with serve(CONTENT) as server, pytest.raises(InputError, match="bytes instead of 5"):
            fetch(server, target, size=5)
        assert not target.exists()

    def test_gives_up_when_nothing_more_arrives(self, target):
        problem = pytest.raises(DataNotFoundError, match="0 of 1024000 bytes arrived")
        with serve(CONTENT, drops=[0] * 10) as server, problem:
            fetch(server, target, retries=2)
        assert len(server.requests) == 3

    def test_gives_up_when_it_never_gets_further(self, target):
        drops = [500_000, 300_000] * 10
        problem = pytest.raises(DataNotFoundError, match="of 1024000 bytes arrived")
        with serve(CONTENT, drops=drops, ranges=False) as server, problem:
            fetch(server, target, retries=3)
        assert len(server.requests) == 4

    def test_retries_a_server_in_trouble(self, target):
        with serve(CONTENT, statuses=[503, 429]) as server:
            fetch(server, target)
        assert target.read_bytes() == CONTENT

    def test_does_not_retry_what_is_not_there(self, target):
        problem = pytest.raises(DataNotFoundError, match=r"could not download http.*Not Found")
        with serve(CONTENT, statuses=[404] * 9) as server, problem:
            fetch(server, target)
        assert len(server.requests) == 1

    def test_no_network(self, target):
        with serve(CONTENT) as server:
            pass
        with pytest.raises(DataNotFoundError, match=r"refused.*save it as .*data\.bin"):
            fetch(server, target, retries=1)

    def test_disk_too_small(self, target, monkeypatch):
        usage = namedtuple("usage", "free")
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1000))
        with (
            serve(CONTENT) as server,
            pytest.raises(DataNotFoundError, match="0 MB free, but 1 MB"),
        ):
            fetch(server, target)

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_disk_full_on_the_way(self, target):
        target.parent.mkdir()
        target.with_name("data.bin.part").symlink_to("/dev/full")
        with serve(CONTENT) as server, pytest.raises(DataNotFoundError, match="No space left"):
            fetch(server, target)

    def test_other_schemes(self, target):
        with pytest.raises(InputError, match="not an http or https address"):
            download("file:///etc/passwd", target)


def test_progress_is_shown_on_a_terminal_only(target, monkeypatch, capsys):
    with serve(CONTENT) as server:
        fetch(server, target)
        assert capsys.readouterr() == ("", "")
        target.unlink()
        monkeypatch.setattr(module.sys.stderr, "isatty", lambda: True)
        fetch(server, target)
    assert "data.bin" in capsys.readouterr().err
