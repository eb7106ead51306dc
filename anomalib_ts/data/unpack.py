"""Unpacking archives: refused if they reach outside their folder, whole or not there."""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from anomalib_ts.data.download import check_space
from anomalib_ts.errors import InputError


def unpack_zip(archive: str | Path, folder: str | Path, holds: str = "*") -> Path:
    """Unpack a zip archive, so that `folder` is either complete or not there.

    Args:
        archive: the zip file.
        folder: must not exist, or be empty.
        holds: a glob pattern; the outermost folder of the archive that has a match becomes
            `folder`, so that a wrapping folder is left out.

    Returns:
        `folder` as a path.

    Raises:
        InputError: the archive is damaged, would write outside `folder`, or has no match for
            `holds`; or `folder` holds something.
        DataNotFoundError: the disk is too small.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; move what is there or choose another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        _extract(Path(archive), temporary)
        found = _outermost(temporary, holds)
        if found is None:
            raise InputError(f"{archive} holds no file {holds}")
        if folder.exists():
            folder.rmdir()
        found.chmod(0o755)
        found.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _extract(archive: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as file:
            members = [m for m in file.infolist() if not m.filename.startswith("__MACOSX/")]
            for member in members:
                _check_member(archive, member)
            check_space(folder, sum(member.file_size for member in members))
            for member in members:
                file.extract(member, folder)
    except (zipfile.BadZipFile, EOFError) as error:
        raise InputError(
            f"{archive} is damaged ({error}); delete it and download it again"
        ) from error


def _check_member(archive: Path, member: zipfile.ZipInfo) -> None:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    is_link = stat.S_ISLNK(member.external_attr >> 16)
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or is_link:
        raise InputError(
            f"{archive} is refused: its member {member.filename!r} would reach outside the folder"
        )


def _outermost(folder: Path, holds: str) -> Path | None:
    level = [folder]
    while level:
        for candidate in level:
            if any(candidate.glob(holds)):
                return candidate
        level = sorted(path for parent in level for path in parent.iterdir() if path.is_dir())
    return None
