"""Unpacking archives: judged whole before anything is written, and whole or not there."""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO
from unicodedata import category

from anomalib_ts.data.fetching.download import check_space, download
from anomalib_ts.errors import DataNotFoundError, InputError

MAX_RATIO = 100.0
"""Unpacked bytes a byte of the archive. Tables of numbers as text reach 10, sounds hardly 2."""
ALWAYS_FITS = 16_000_000
"""Bytes that any archive may unpack to, since a small one can be mostly zeros in good faith."""
MAX_MEMBERS = 1_000_000
MAX_DEPTH = 32
"""Folders inside each other."""
MAX_PATH = 1000
"""Bytes of a member's name; of each part of it, `MAX_PART`, which is what file systems take."""
MAX_PART = 255

_CHUNK = 1 << 20
_METHODS = {
    *(zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED),
    *(zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA),
}
_DAMAGED = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(ValueError, RuntimeError, LookupError, ArithmeticError, MemoryError),
)
"""What `zipfile` raises for archives that are not as they say."""


def unpack_zip(
    archive: str | Path, folder: str | Path, holds: str = "*", max_ratio: float = MAX_RATIO
) -> Path:
    """Unpack a zip archive, so that `folder` is either complete or not there.

    Args:
        archive: the zip file.
        folder: must not exist, or be empty.
        holds: a glob pattern; the outermost folder of the archive that has a match becomes
            `folder`, so that a wrapping folder is left out.
        max_ratio: how many times its own size the archive may unpack to.

    Returns:
        `folder` as a path.

    Raises:
        InputError: the archive is damaged, encrypted, unpacks to too much, would write outside
            `folder` or one member over another, or has no match for `holds`; or `folder` holds
            something. Nothing is left behind.
        DataNotFoundError: there is no such archive, or the disk is too small or cannot be written.
    """
    archive, folder = Path(archive), Path(folder)
    if os.path.lexists(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not empty; move what is there or choose another folder")
    if not archive.is_file():
        raise DataNotFoundError(f"there is no file {archive}")
    with _reading(archive), zipfile.ZipFile(archive) as file:
        members = _judged(archive, file.infolist(), max_ratio)
        with _temporary(folder) as temporary:
            check_space(temporary, sum(member.file_size for member in members.values()))
            _extract(file, members, temporary)
            found = _outermost(temporary, holds)
            if found is None:
                raise InputError(f"{archive} holds no file {holds}")
            with _writing(folder):
                if folder.exists():
                    folder.rmdir()
                found.chmod(0o755)
                found.replace(folder)
    return folder


def fetch_zip(
    url: str,
    archive: Path,
    folder: Path,
    holds: str = "*",
    *,
    sha256: str | None = None,
    md5: str | None = None,
) -> Path:
    """Download a zip archive, unpack it and delete it; one that is there already is used and left.

    Args:
        url: see `download`.
        archive: where the archive lies, or lies for as long as it is needed.
        folder: see `unpack_zip`.
        holds: see `unpack_zip`.
        sha256: see `download`.
        md5: see `download`.

    Raises:
        AnomalibTsError: see `download` and `unpack_zip`.
    """
    users = archive.exists()
    download(url, archive, sha256=sha256, md5=md5)
    unpack_zip(archive, folder, holds)
    if not users:
        archive.unlink()
    return folder


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    """Say of whatever is wrong with an archive that it is damaged."""
    try:
        yield
    except (InputError, DataNotFoundError):
        raise
    except _DAMAGED as error:
        why = str(error) or type(error).__name__
        raise InputError(f"{archive} is damaged ({why}); delete it and download it again") from None


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataNotFoundError(f"cannot write {path}: {error.strerror or error}") from None


@contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """A folder beside `folder`; what was made for it is gone afterwards, unless `folder` is."""
    missing = [path for path in folder.parents if not path.exists()]
    try:
        with _writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpacking-"))
        try:
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except BaseException:
        for path in missing:
            with suppress(OSError):  # another process has put something there
                path.rmdir()
        raise


def _judged(
    archive: Path, members: list[zipfile.ZipInfo], max_ratio: float
) -> Mapping[PurePosixPath, zipfile.ZipInfo]:
    """The files of an archive by where they go, if all of them may be written."""
    if len(members) > MAX_MEMBERS:
        raise _refusal(archive, f"it has {len(members):,} members")
    files: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for member in members:
        if member.filename.startswith("__MACOSX/"):
            continue
        path = _checked_path(archive, member)
        if member.is_dir():
            continue
        if path in files:
            raise _refusal(archive, f"it has two members {member.filename!r}")
        files[path] = member
    for path in files:
        for parent in path.parents:
            if parent in files:
                raise _refusal(archive, f"its member {str(parent)!r} is a file and a folder")
    size, packed = sum(member.file_size for member in files.values()), archive.stat().st_size
    if size > max(ALWAYS_FITS, max_ratio * packed):
        raise _refusal(
            archive,
            f"its {packed:,} bytes would unpack to {size:,}, more than {max_ratio:g} times as many"
            "; if you trust it, unpack it by other means",
        )
    return files


def _checked_path(archive: Path, member: zipfile.ZipInfo) -> PurePosixPath:
    name = member.filename.replace("\\", "/")
    path = PurePosixPath(name)
    kind = stat.S_IFMT(member.external_attr >> 16)
    outside = path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1])
    if outside or kind == stat.S_IFLNK:
        raise _refusal(archive, f"its member {member.filename!r} would reach outside the folder")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refusal(archive, f"its member {member.filename!r} is no plain file")
    if member.flag_bits & 1:
        raise _refusal(archive, f"its member {member.filename!r} is encrypted; decrypt it first")
    if member.compress_type not in _METHODS:
        what = f"by method {member.compress_type}, which is unknown"
        raise _refusal(archive, f"its member {member.filename!r} is packed {what}")
    if not path.parts and not member.is_dir():
        raise _refusal(archive, f"its member {member.filename!r} has no name")
    if any(category(letter) == "Cc" for letter in name):
        raise _refusal(archive, f"the name of its member {member.filename!r} cannot be printed")
    encoded = [len(part.encode(errors="surrogateescape")) for part in path.parts]
    long = sum(encoded) > MAX_PATH or any(size > MAX_PART for size in encoded)
    if long or len(path.parts) > MAX_DEPTH:
        raise _refusal(archive, f"the name of its member {member.filename[:80]!r}... is too long")
    return path


def _refusal(archive: Path, why: str) -> InputError:
    return InputError(f"{archive} is refused: {why}")


def _extract(
    file: zipfile.ZipFile, members: Mapping[PurePosixPath, zipfile.ZipInfo], folder: Path
) -> None:
    for path, member in members.items():
        target = folder / path
        with _writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch(exist_ok=False)
        with file.open(member) as source, target.open("wb") as written:
            _copy(source, written, target)


def _copy(source: IO[bytes], written: IO[bytes], target: Path) -> None:
    while chunk := source.read(_CHUNK):  # `zipfile` ends at the size that the member declares
        with _writing(target):
            written.write(chunk)
            written.flush()  # a full disk shows here, not when the file is closed


def _outermost(folder: Path, holds: str) -> Path | None:
    level = [folder]
    while level:
        for candidate in level:
            if any(candidate.glob(holds)):
                return candidate
        level = sorted(path for parent in level for path in parent.iterdir() if path.is_dir())
    return None
