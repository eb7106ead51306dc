"""Fetching files: resumed after a broken connection, verified, and whole or not there."""

from __future__ import annotations

import http.client
import logging
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn

from anomalib_ts.data.digests import file_digest
from anomalib_ts.errors import AnomalibTsError, DataNotFoundError, InputError

_LOG = logging.getLogger(__name__)
_CHUNK = 1 << 18
_WORTH_RETRYING = {408, 416, 429}


class _BrokenOffError(OSError):
    """The connection ended before the file did."""


def download(
    url: str,
    target: str | Path,
    *,
    sha256: str | None = None,
    size: int | None = None,
    retries: int = 4,
    wait: float = 1.0,
    timeout: float = 30.0,
) -> Path:
    """Fetch a file, going on where an earlier attempt broke off.

    What has arrived is kept as `<target>.part` until it is whole and verified. It is continued only
    if the server's ETag or date says that its file is still the same, or if `sha256` will tell.

    Args:
        url: an http or https address.
        target: the file to write; if it is there already and fits, nothing is fetched.
        sha256: expected SHA-256 in hex.
        size: expected size in bytes.
        retries: how many attempts in a row may fail without anything new having arrived.
        wait: seconds before the second attempt; doubled for each further one.
        timeout: seconds without an answer after which an attempt has failed.

    Returns:
        `target` as a path.

    Raises:
        DataNotFoundError: the server cannot be reached, refuses, keeps breaking off, or the disk
            is full.
        InputError: what arrived has another checksum or size (it is deleted), or the address is
            not http.
    """
    target = Path(target)
    if not url.startswith(("http://", "https://")):
        raise InputError(f"{url} is not an http or https address")
    if target.exists():
        _verify(target, url, sha256, size)
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _Part(url, target, resumable=sha256 is not None)
    failures, furthest = 0, part.size()
    while True:
        try:
            _fetch(part, timeout)
            break
        except AnomalibTsError:
            raise
        except (OSError, http.client.HTTPException) as error:
            failures = 1 if part.size() > furthest else failures + 1
            furthest = max(furthest, part.size())
            if failures > retries or _is_lasting(error):
                raise _unreachable(url, target, part, error) from error
            _LOG.info("%s broke off (%s), trying again", url, error)
            time.sleep(wait * 2 ** (failures - 1))
    _verify(part.path, url, sha256, size)
    part.path.replace(target)
    part.tag.unlink(missing_ok=True)
    return target


class _Part:
    """What has arrived of a file so far, and the server's tag that says of which version."""

    def __init__(self, url: str, target: Path, resumable: bool) -> None:
        self.url = url
        self.path = target.with_name(f"{target.name}.part")
        self.tag = target.with_name(f"{target.name}.part.tag")
        self.resumable = resumable

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def request_headers(self) -> dict[str, str]:
        """Ask for the rest if there is a part that can be continued, else for everything."""
        url, _, version = (
            self.tag.read_text().partition("\n") if self.tag.exists() else ("", "", "")
        )
        if not self.size() or url != self.url or not (version or self.resumable):
            return {}
        return {"Range": f"bytes={self.size()}-"} | ({"If-Range": version} if version else {})

    def remember(self, headers: http.client.HTTPMessage) -> None:
        """Note which version of the file this is; weak tags do not vouch for single bytes."""
        tag = headers.get("ETag", "")
        version = tag if tag.startswith('"') else headers.get("Last-Modified", "")
        self.tag.write_text(f"{self.url}\n{version}")


def _fetch(part: _Part, timeout: float) -> None:
    headers = part.request_headers()
    request = urllib.request.Request(part.url, headers=headers)  # noqa: S310  (checked to be http)
    try:
        response = urllib.request.urlopen(request, timeout=timeout)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing lies behind what has arrived
            if error.headers.get("Content-Range") == f"bytes */{part.size()}":
                return
            part.path.unlink(missing_ok=True)
        raise
    with response:
        start = part.size() if response.status == 206 else 0
        if headers and not start:
            _LOG.info("%s cannot be continued, starting afresh", part.url)
        length = response.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        check_space(part.path.parent, 0 if length is None else int(length))
        part.remember(response.headers)
        with part.path.open("ab" if start else "wb", buffering=0) as file:
            _copy(response, file, total, start)
    if total is not None and part.size() < total:
        raise _BrokenOffError(f"{part.size()} of {total} bytes arrived")


def _copy(source: IO[bytes], file: IO[bytes], total: int | None, done: int) -> None:
    with _progress(Path(str(file.name)).stem, total, done) as advance:
        while chunk := source.read(_CHUNK):
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
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    _LOG.info("downloading %s: %s bytes, %d here already", name, total or "unknown", done)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
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


def _verify(path: Path, url: str, sha256: str | None, size: int | None) -> None:
    found = path.stat().st_size
    if size is not None and found != size:
        _refuse(path, url, f"{found} bytes instead of {size}")
    if sha256 is not None and (digest := file_digest(path)) != sha256.lower():
        _refuse(path, url, f"SHA-256 {digest} instead of {sha256}")


def _refuse(path: Path, url: str, what: str) -> NoReturn:
    path.unlink()
    raise InputError(
        f"{path.name} from {url} has {what}; it was deleted. Try again, and if that ends the same "
        "way, the file behind the address has changed"
    )


def _is_lasting(error: BaseException) -> bool:
    """Whether asking again is pointless: the server refused for good (403, 404, ...)."""
    return (
        isinstance(error, urllib.error.HTTPError)
        and 400 <= error.code < 500
        and error.code not in _WORTH_RETRYING
    )


def _unreachable(url: str, target: Path, part: _Part, error: BaseException) -> DataNotFoundError:
    reason = getattr(error, "reason", None) or error
    kept = f" What has arrived is kept in {part.path}." if part.size() else ""
    return DataNotFoundError(
        f"could not download {url}: {reason}.{kept} Check the network and run the same again, or "
        f"fetch the file by other means and save it as {target}"
    )
