import contextlib
import hashlib
import logging
import shutil
import threading
from collections import namedtuple
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomalib_ts.data.fetching import download as module
from anomalib_ts.data.fetching.download import download
from anomalib_ts.errors import DataNotFoundError, InputError
from tests.makers.http_server import serve

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


@pytest.mark.parametrize(
    ("wanted", "wrong"),
    [({"size": len(CONTENT)}, "14 bytes instead of"), ({"sha256": SHA256}, "SHA-256 .* instead")],
)
def test_a_file_of_the_users_own_in_place_is_left_as_it_is(target, wanted, wrong):
    target.parent.mkdir()
    target.write_bytes(b"something else")
    with serve(CONTENT) as server, pytest.raises(InputError, match=f"{wrong}.*Move or delete it"):
        fetch(server, target, **wanted)
    assert server.requests == []
    assert target.read_bytes() == b"something else"
    assert left_over(target) == ["data.bin"]


def test_a_part_of_the_users_own_is_left_as_it_is(target):
    target.parent.mkdir()
    part = target.with_name("data.bin.part")
    part.write_bytes(b"something else")
    with serve(CONTENT) as server, pytest.raises(InputError, match="was not left by a download"):
        fetch(server, target)
    assert part.read_bytes() == b"something else"


@pytest.mark.parametrize("place", ["folder", "below a file"])
def test_targets_that_cannot_be_written(target, place):
    if place == "folder":
        target.mkdir(parents=True)
    else:
        target.parent.write_text("a file")
    with serve(CONTENT) as server, pytest.raises((InputError, DataNotFoundError)):
        fetch(server, target)
    assert server.requests == []


def test_a_file_that_appears_meanwhile_is_left_as_it_is(target):
    def user(_):
        target.write_bytes(b"something else")

    with serve(CONTENT, before=user) as server, pytest.raises(InputError, match="there already"):
        fetch(server, target, sha256=SHA256)
    assert target.read_bytes() == b"something else"
    assert left_over(target) == ["data.bin"]


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
        target.with_name("data.bin.part.tag").touch()
        with serve(CONTENT) as server, pytest.raises(DataNotFoundError, match="No space left"):
            fetch(server, target)

    def test_other_schemes(self, target):
        with pytest.raises(InputError, match="not an http or https address"):
            download("file:///etc/passwd", target)


def answer(status, headers, body=b""):
    """An answer as the handler is told to send it."""

    def send(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        with contextlib.suppress(OSError):  # who is refused hangs up
            handler.wfile.write(body)

    return send


class TestLyingServers:
    @pytest.mark.parametrize("status", [201, 203, 204, 205, 207, 304])
    def test_an_answer_that_brings_no_file(self, target, status):
        with serve(CONTENT, answer=answer(status, {})) as server, pytest.raises(DataNotFoundError):
            fetch(server, target)
        assert len(server.requests) == 1
        assert left_over(target) == []

    @pytest.mark.parametrize(
        "place",
        [
            "file:///etc/passwd",
            "ftp://127.0.0.1:1/x",
            "data:,x",
            "gopher://x",
            "http://[",
            "http://h:x",
        ],
    )
    def test_an_answer_that_leads_elsewhere(self, target, place):
        lies = answer(302, {"Location": place})
        with serve(CONTENT, answer=lies) as server, pytest.raises(DataNotFoundError):
            fetch(server, target)
        assert len(server.requests) == 1
        assert left_over(target) == []

    def test_an_answer_that_leads_to_itself(self, target):
        lies = answer(302, {"Location": "/data.bin"})
        with serve(CONTENT, answer=lies) as server, pytest.raises(DataNotFoundError) as caught:
            fetch(server, target)
        assert "\n" not in str(caught.value)
        assert len(server.requests) < 20

    def test_a_redirect_with_a_body_without_end(self, target):
        written = []

        def endless(handler):
            handler.send_response(302)
            handler.send_header("Location", "/other")
            handler.end_headers()
            with contextlib.suppress(OSError):
                written.extend(handler.wfile.write(bytes(1_000_000)) for _ in range(200))

        with serve(CONTENT, answer=endless) as server, pytest.raises(DataNotFoundError):
            fetch(server, target, retries=0)
        assert sum(written) < 100_000_000

    @pytest.mark.parametrize("length", ["abc", "-5", "1.5", "1e3", "٣", "", "9" * 19, "9" * 5000])
    def test_a_length_that_is_none(self, target, length):
        lies = answer(200, {"Content-Length": length.encode().decode("latin-1")}, b"xx")
        with serve(CONTENT, answer=lies) as server, pytest.raises(DataNotFoundError):
            fetch(server, target)
        assert left_over(target) == []

    def test_a_length_that_is_not_the_one_wanted(self, target):
        sent = []
        lies = answer(200, {"Content-Length": "50000000"}, b"x")
        problem = pytest.raises(InputError, match="50000000 bytes instead of 5")
        with serve(CONTENT, answer=lies, before=sent.append) as server, problem:
            fetch(server, target, size=5)
        assert left_over(target) == []

    @pytest.mark.parametrize("limit", ["size", "none"])
    def test_a_stream_without_end(self, target, limit, monkeypatch):
        monkeypatch.setattr(module, "MAX_UNDECLARED", 3_000_000)
        written, stopped = [], threading.Event()

        def endless(handler):
            handler.send_response(200)
            handler.end_headers()
            with contextlib.suppress(OSError):
                written.extend(handler.wfile.write(bytes(1_000_000)) for _ in range(200))
            stopped.set()

        sizes = []
        real = module._Part.refuse
        monkeypatch.setattr(
            module._Part, "refuse", lambda part, what: (sizes.append(part.size()), real(part, what))
        )
        wanted = {"size": 1000} if limit == "size" else {}
        problem = pytest.raises(InputError, match=r"more than (1000|3000000) bytes; it was deleted")
        with serve(CONTENT, answer=endless) as server, problem:
            fetch(server, target, **wanted)
        assert sizes[0] <= wanted.get("size", 3_000_000)
        assert left_over(target) == []
        assert stopped.wait(10)
        assert sum(written) < 100_000_000

    @pytest.mark.parametrize(
        "where", ["0-", "299999-", "300001-", "", "bytes", "300000-299999/1024000", "-"]
    )
    def test_another_range_than_asked_for_is_not_glued_on(self, target, where):
        def lies(handler):
            if handler.headers.get("Range"):
                headers = {"Content-Range": f"bytes {where}1023999/1024000", "ETag": '"v1"'}
                answer(206, headers, CONTENT[:700_000])(handler)
            else:
                headers = {"Content-Length": len(CONTENT), "ETag": '"v1"'}
                body = CONTENT if len(server.requests) > 1 else CONTENT[:300_000]
                answer(200, headers, body)(handler)

        with serve(CONTENT, answer=lies) as server:
            fetch(server, target)
        assert target.read_bytes() == CONTENT
        assert server.requests == [None, "bytes=300000-", None]

    def test_a_range_that_ends_too_early_is_continued(self, target):
        def pieces(handler):
            wanted = handler.headers.get("Range")
            if not wanted:
                headers = {"Content-Length": len(CONTENT), "ETag": '"v1"'}
                return answer(200, headers, CONTENT[:300_000])(handler)
            start = int(wanted.partition("=")[2].strip("-"))
            end = min(start + 400_000, len(CONTENT))
            extent = f"bytes {start}-{end - 1}/{len(CONTENT)}"
            headers = {"Content-Range": extent, "Content-Length": end - start, "ETag": '"v1"'}
            return answer(206, headers, CONTENT[start:end])(handler)

        with serve(CONTENT, answer=pieces) as server:
            fetch(server, target)
        assert target.read_bytes() == CONTENT
        assert server.requests[1:] == ["bytes=300000-", "bytes=700000-"]

    def test_a_part_that_nobody_asked_for(self, target):
        lies = answer(206, {"Content-Range": "bytes 0-9/10"}, b"0123456789")
        with serve(CONTENT, answer=lies) as server, pytest.raises(DataNotFoundError):
            fetch(server, target, retries=1)
        assert left_over(target) == []

    def test_an_empty_file(self, target):
        lies = answer(200, {"Content-Length": "0"})
        with serve(CONTENT, answer=lies) as server, pytest.raises(InputError, match="no bytes"):
            fetch(server, target)

    def test_a_tag_that_is_no_header(self, target):
        """What a server calls its file is sent back to it, so it must not hold a line's end."""
        tag = target.with_name("data.bin.part.tag")
        target.parent.mkdir()
        with serve(CONTENT) as server:
            target.with_name("data.bin.part").write_bytes(b"x")
            tag.write_bytes(f'{server.url}\n"v\r\nEvil: 1"\xff'.encode("latin-1"))
            fetch(server, target)
        assert server.requests == [None]
        assert target.read_bytes() == CONTENT

    def test_whatever_a_server_says(self, tmp_path):
        """The right file or one of our errors, and nothing beside it is touched."""
        numbers = st.sampled_from(["0", "5", "10", "11", "-1", "x", "", "1" * 30])

        @settings(deadline=None)
        @given(
            answers=st.lists(
                st.tuples(
                    st.sampled_from([200, 200, 206, 204, 302, 404, 416, 500]),
                    st.fixed_dictionaries(
                        {},
                        optional={
                            "Content-Length": numbers,
                            "Content-Range": st.builds("bytes {}-{}/{}".format, *[numbers] * 3),
                            "ETag": st.sampled_from(['"v1"', '"v2"', 'W/"x"', '"\xe9', ""]),
                            "Location": st.sampled_from(["/", "//", "ftp://x/", "http://[", ""]),
                            "Transfer-Encoding": st.just("chunked"),
                        },
                    ),
                    st.sampled_from([b"0123456789", b"01234", b"56789", b"", b"0123456789more"]),
                ),
                min_size=1,
                max_size=4,
            ),
            checksum=st.booleans(),
        )
        def check(answers, checksum):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            (folder / "mine").write_text("mine")
            left = [answer(*one) for one in answers]

            def lies(handler):
                send = left.pop(0) if len(left) > 1 else left[0]
                send(handler)

            server.answer = lies
            digest = hashlib.sha256(b"0123456789").hexdigest()
            try:
                download(
                    server.url,
                    folder / "data",
                    sha256=digest if checksum else None,
                    size=10,
                    retries=2,
                    wait=0,
                    timeout=1,
                )
            except (InputError, DataNotFoundError):
                assert not (folder / "data").exists()
            else:
                content = (folder / "data").read_bytes()
                assert content == b"0123456789" if checksum else len(content) == 10
            assert (folder / "mine").read_text() == "mine"

        folder = tmp_path / "folder"
        with serve(CONTENT) as server:
            check()


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://a b/", "http://a/\n", "http://", "http:///x", "http://h:x/", ""]
)
def test_addresses_that_are_none(target, url):
    with pytest.raises(InputError, match="is not an http or https address"):
        download(url, target)


def test_progress_is_shown_on_a_terminal_only(target, monkeypatch, capsys):
    with serve(CONTENT) as server:
        fetch(server, target)
        assert capsys.readouterr() == ("", "")
        target.unlink()
        monkeypatch.setattr(module.sys.stderr, "isatty", lambda: True)
        fetch(server, target)
    assert "data.bin" in capsys.readouterr().err
