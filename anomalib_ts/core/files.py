"""Files that are either whole or not there."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from anomalib_ts.errors import DataNotFoundError, InputError

UNFINISHED = ".anomalib-ts-*.part"
"""Names of files that are being written, or were when their writer was killed."""

# Hidden files and folders, and what archivers, editors and storage systems leave behind:
# __MACOSX and ._x.wav, .ipynb_checkpoints, .snapshot, @eaDir, #recycle, $RECYCLE.BIN, ~$x.
_CLUTTER = re.compile(r"[.@#$~]|__|(lost\+found|RECYCLER|System Volume Information)$")

_ALIVE = ".alive"  # in a claimed folder, locked by the process that claimed it

_swept: set[Path] = set()
_claims: dict[Path, IO[bytes]] = {}


@contextmanager
def atomic_write(path: str | Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Open a temporary file that takes the place of `path` only if the block succeeds.

    A reader, a crash or a second writer never sees half a file. What writers that were killed
    have left in the folder is removed when a process first writes there.

    Args:
        path: of the file.
        durable: wait until the disk has the bytes. If not, a power cut may leave a damaged file;
            for what carries a checksum and can be made again.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.parent.absolute()
    if folder not in _swept:
        _swept.add(folder)
        sweep_unfinished(folder)
    part, file = _new_part(folder)
    with file:
        try:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)
            part.replace(folder / target.name)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def try_writing(folder: Path) -> None:
    """Write a little to a folder, to fail now rather than after hours of work.

    Raises:
        OSError: it cannot be created or written, or its disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(4096))
        file.flush()


def sweep_unfinished(folder: Path) -> None:
    """Remove the temporary files of a folder whose writers are dead."""
    with suppress(OSError):
        for part in folder.glob(UNFINISHED):
            with suppress(OSError), part.open("rb") as file:
                # A writer holds this lock for as long as it lives.
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()


def _new_part(folder: Path) -> tuple[Path, IO[bytes]]:
    """A new temporary file, locked by this process."""
    while True:
        part = folder / UNFINISHED.replace("*", uuid.uuid4().hex)
        file = part.open("xb")
        with suppress(OSError):  # a file system without locks has no sweepers, either
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return part, file
        file.close()  # it was swept before it was locked


def claim_folder(folder: Path) -> None:
    """Create a folder that is this process's for as long as it lives.

    Those beside it that were claimed by processes which are dead now are removed.
    """
    for claimed in [path for path in _claims if not path.exists()]:
        _claims.pop(claimed).close()
    for alive in folder.parent.glob(f"*/{_ALIVE}"):
        with suppress(OSError), alive.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(alive.parent)
    folder.mkdir(parents=True)
    _claims[folder] = (folder / _ALIVE).open("xb")
    with suppress(OSError):
        fcntl.flock(_claims[folder], fcntl.LOCK_EX)


def is_clutter(name: str) -> bool:
    """Whether a file or folder of this name is no one's data, but left there by some system.

    >>> [is_clutter(name) for name in ("a.csv", "._a.csv", "__MACOSX")]
    [False, True, True]
    """
    return _CLUTTER.match(name) is not None


def check_regular(path: str | Path) -> os.stat_result:
    """Refuse what is no regular file: to open a pipe waits, and to read a device never ends.

    Returns:
        What the file system says of it.

    Raises:
        DataNotFoundError: nothing is there.
        InputError: it is something else, or cannot be looked at.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 - a text, too
    except FileNotFoundError:
        raise DataNotFoundError(f"there is no file {path}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path} is no regular file")
    return found
