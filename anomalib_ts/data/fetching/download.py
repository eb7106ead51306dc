"""Fetching files: resumed after a broken connection, verified, and whole or not there.

A server is not believed: what it sends is bounded while it is written, and a file that was not
fetched here is never touched.
"""

from __future__ import annotations

import http.client
import io
import logging
import re
import shutil
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, NoReturn

from anomalib_ts.core.digests import file_digest
from anomalib_ts.errors import AnomalibTsError, DataNotFoundError, InputError

_LOG = logging.getLogger(__name__)
_CHUNK = 1 << 18
_WORTH_RETRYING = {408, 416, 429}
_LENGTH = re.compile(r"[0-9]{1,18}")
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_VERSION = re.compile(r'"[!#-~]*"|[A-Z][a-z]{2}, [ -~]{10,40}')
_NAMES = {"sha256": "SHA-256", "md5": "MD5"}
_Sums = dict[Literal["sha256", "md5"], str | None]
MAX_UNDECLARED = 20_000_000_000
"""Bytes that a server may send without saying beforehand how many there will be."""


class _BrokenOffError(OSError):
    """The connection ended before the file did, or what came was not what was asked for."""


class _LastingError(OSError):
    """Asking again is pointless."""


def download(
    url: str,
    target: str | Path,
    *,
    sha256: str | None = None,
    md5: str | None = None,
    size: int | None = None,
    retries: int = 4,
    wait: float = 1.0,
    timeout: float = 30.0,
) -> Path:
    """Fetch a file, going on where an earlier attempt broke off.

    What has arrived is kept as `<target>.part` until it is whole and verified. It is continued only
    if the server's ETag or date says that its file is still the same, or if a checksum will tell.

    Args:
        url: an http or https address.
        target: the file to write; if it is there already and fits, nothing is fetched. A file
            that does not fit is left as it is, and so is a `.part` that was not fetched here.
        sha256: expected SHA-256 in hex.
        md5: expected MD5 in hex, where the publisher gives nothing better.
        size: expected size in bytes.
        retries: how many attempts in a row may fail without anything new having arrived.
        wait: seconds before the second attempt; doubled for each further one.
        timeout: seconds without an answer after which an attempt has failed.

    Returns:
        `target` as a path.

    Raises:
        DataNotFoundError: the server cannot be reached, refuses, keeps breaking off, or the disk
            is full.
        InputError: what arrived has another checksum or size (it is deleted), the address is not
            http, or something else lies at `target`.
    """
    target = Path(target)
    _check_address(url)
    sums: _Sums = {"sha256": sha256, "md5": md5}
    if target.exists():
        return _checked_own(target, sums, size)
    part = _Part(url, target, size, resumable=any(sums.values()))
    part.prepare()
    failures, furthest = 0, part.size()
    while True:
        try:
            _fetch(part, timeout)
            break
        except AnomalibTsError:
            raise
        except (OSError, http.client.HTTPException, ValueError, ArithmeticError) as error:
            failures = 1 if part.size() > furthest else failures + 1
            furthest = max(furthest, part.size())
            if failures > retries or _is_lasting(error):
                raise _unreachable(url, target, part, error) from error
            _LOG.info("%s broke off (%s), trying again", url, error)
            time.sleep(wait * 2 ** (failures - 1))
    if wrong := _misfit(part.path, sums, size):
        part.refuse(wrong)
    if target.exists():  # another process was faster
        part.forget()
        return _checked_own(target, sums, size)
    part.path.replace(target)
    part.forget()
    return target


def _check_address(url: str) -> None:
    try:
        parts = urllib.parse.urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or not url.isprintable() or " " in url:
        raise InputError(f"{url!r} is not an http or https address")


class _Part:
    """What has arrived of a file so far, and the server's tag that says of which version.

    Attributes:
        size_wanted: of the whole file, if it is known.
        resumable: whether a checksum will tell if the parts belong together.
    """

    def __init__(self, url: str, target: Path, size_wanted: int | None, resumable: bool) -> None:
        self.url = url
        self.path = target.with_name(f"{target.name}.part")
        self.tag = target.with_name(f"{target.name}.part.tag")
        self.size_wanted = size_wanted
        self.resumable = resumable

    def prepare(self) -> None:
        """Make the folder, and refuse to write over what was not fetched here."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataNotFoundError(f"cannot create {self.path.parent}: {error.strerror}") from None
        if self.path.exists() and not self.tag.exists():
            raise InputError(
                f"{self.path} is in the way and was not left by a download; move it and run the "
                "same again"
            )

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def request_headers(self) -> dict[str, str]:
        """Ask for the rest if there is a part that can be continued, else for everything."""
        stored = self.tag.read_text("utf-8", "replace") if self.tag.exists() else ""
        url, _, version = stored.partition("\n")
        version = version if _VERSION.fullmatch(version) else ""
        if not self.size() or url != self.url or not (version or self.resumable):
            return {}
        return {"Range": f"bytes={self.size()}-"} | ({"If-Range": version} if version else {})

    def remember(self, headers: http.client.HTTPMessage) -> None:
        """Note which version of the file this is; weak tags do not vouch for single bytes."""
        tag = headers.get("ETag", "")
        version = tag if tag.startswith('"') else headers.get("Last-Modified", "")
        version = version if _VERSION.fullmatch(version) else ""
        self.tag.write_text(f"{self.url}\n{version}", encoding="utf-8")

    def forget(self) -> None:
        """Delete what has arrived."""
        self.path.unlink(missing_ok=True)
        self.tag.unlink(missing_ok=True)

    def refuse(self, what: str) -> NoReturn:
        """Delete what has arrived, since it is not what was wanted."""
        self.forget()
        raise InputError(
            f"{self.path.stem} from {self.url} has {what}; it was deleted. Try again, and if that "
            "ends the same way, the file behind the address has changed"
        )


class _HttpOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https addresses only; urllib would go on to ftp, too."""

    def redirect_request(self, *answer: Any, **more: Any) -> urllib.request.Request | None:
        """Refuse other addresses; the last argument is the new one."""
        try:
            _check_address(answer[-1])
        except InputError as error:
            raise _LastingError(f"it leads on to another address, but {error}") from None
        return super().redirect_request(*answer, **more)

    def http_error_302(self, *answer: Any, **more: Any) -> Any:
        """Go on without the redirect's own body, which urllib would read to whatever end."""
        request, body, *rest = answer
        body.close()
        return super().http_error_302(request, io.BytesIO(), *rest, **more)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _fetch(part: _Part, timeout: float) -> None:
    headers = part.request_headers()
    request = urllib.request.Request(part.url, headers=headers)  # noqa: S310  (checked to be http)
    try:
        response = urllib.request.build_opener(_HttpOnly).open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing lies behind what has arrived
            if error.headers.get("Content-Range") == f"bytes */{part.size()}":
                return
            part.forget()
        raise
    with response:
        start, total = _extent(response, part, asked="Range" in headers)
        if headers and not start:
            _LOG.info("%s cannot be continued, starting afresh", part.url)
        if total is not None and part.size_wanted not in (None, total):
            part.refuse(f"{total} bytes instead of {part.size_wanted}")
        check_space(part.path.parent, 0 if total is None else total - start)
        part.remember(response.headers)
        with part.path.open("ab" if start else "wb", buffering=0) as file:
            _copy(response, file, total, start, part)
    if total is not None and part.size() < total:
        raise _BrokenOffError(f"{part.size()} of {total} bytes arrived")


def _extent(response: http.client.HTTPResponse, part: _Part, asked: bool) -> tuple[int, int | None]:
    """The place in the file at which the answer begins, and the length of the whole file.

    Raises:
        _BrokenOffError: it begins elsewhere than at the end of what has arrived.
        _LastingError: it holds no file.
    """
    length = _length(response)
    if response.status == 200:
        return 0, length
    if response.status != 206:
        raise _LastingError(f"the server answered {response.status}, which brings no file")
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if found:
        first, last = int(found[1]), int(found[2])
        total = last + 1 if found[3] == "*" else int(found[3])
        fits = first == part.size() and first <= last < total
        if asked and fits and length in (None, last - first + 1):
            return first, total
    part.forget()
    raise _BrokenOffError("the server sent another part of the file than was asked for")


def _length(response: http.client.HTTPResponse) -> int | None:
    text = response.headers.get("Content-Length")
    if text is None:
        return None
    if not _LENGTH.fullmatch(text.strip()):
        raise _LastingError(f"the server says that the file has {text[:40]!r} bytes")
    return int(text)


def _copy(source: IO[bytes], file: IO[bytes], total: int | None, done: int, part: _Part) -> None:
    """Write what comes, and stop as soon as it is more than it should be."""
    limit = total if total is not None else part.size_wanted
    limit = MAX_UNDECLARED if limit is None else limit
    with _progress(Path(str(file.name)).stem, total, done) as advance:
        while chunk := source.read(min(_CHUNK, limit - done + 1)):
            done += len(chunk)
            if done > limit:
                part.refuse(f"more than {limit} bytes")
            try:
                file.write(chunk)
            except OSError as error:
                raise DataNotFoundError(
                    f"cannot write {file.name}: {error.strerror or error}; make room and run the "
                    "same again, it goes on from here"
                ) from error
            advance(len(chunk))


@contextmanager
def _progress(name: str, total: int | None, done: int) -> Iterator[Callable[[int], None]]:
    _LOG.info("downloading %s: %s bytes, %d here already", name, total or "unknown", done)
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task(name, total=total, completed=done)
        yield lambda n: bar.advance(task, n)


def check_space(folder: Path, needed: int) -> None:
    """Raise `DataNotFoundError` unless `folder` has room for so many bytes."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataNotFoundError(
            f"{folder} has {free / 1e6:,.0f} MB free, but {needed / 1e6:,.0f} MB are needed"
        )


def _checked_own(target: Path, sums: _Sums, size: int | None) -> Path:
    """What lies at `target` already, if it is the file that is wanted."""
    wrong = _misfit(target, sums, size) if target.is_file() else "a folder, not a file"
    if wrong:
        raise InputError(
            f"{target} is there already, but has {wrong}; it is left as it is. Move or delete it "
            "and run the same again, to have it fetched"
        )
    return target


def _misfit(path: Path, sums: _Sums, size: int | None) -> str:
    """How a file differs from what is wanted; empty if it does not."""
    found = path.stat().st_size if path.exists() else 0
    if size is not None and found != size:
        return f"{found} bytes instead of {size}"
    if not found and size is None:
        return "no bytes at all"
    for algorithm, wanted in sums.items():
        if wanted is not None and (digest := file_digest(path, algorithm)) != wanted.lower():
            return f"{_NAMES[algorithm]} {digest} instead of {wanted}"
    return ""


def _is_lasting(error: BaseException) -> bool:
    """Whether asking again is pointless: the server refused for good (403, 404, ...)."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code < 500 and error.code not in _WORTH_RETRYING
    return isinstance(error, (_LastingError, http.client.InvalidURL, ValueError, ArithmeticError))


def _unreachable(url: str, target: Path, part: _Part, error: BaseException) -> DataNotFoundError:
    reason = " ".join(str(getattr(error, "reason", None) or error).split()).rstrip(".")
    kept = f" What has arrived is kept in {part.path}." if part.size() else ""
    return DataNotFoundError(
        f"could not download {url}: {reason}.{kept} Check the network and run the same again, or "
        f"fetch the file by other means and save it as {target}"
    )
