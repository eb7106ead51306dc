"""Labelled images: scikit-learn's digits, or any folder that holds a folder a class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from anomalib_ts.core.digests import FileDigests, digest
from anomalib_ts.errors import DataNotFoundError, InputError

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""Of the files that are taken for images; others are left alone."""

DIGITS = "digits"
"""The fingerprint of scikit-learn's digits, which never change."""

_DIGESTS = FileDigests()  # every unit of a sweep asks for the same images


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images of one size and their classes.

    Attributes:
        values: `(n, c, side, side)` float32 from 0 to 1, c 1 (grey) or 3 (red, green, blue).
        labels: `(n,)` from 0 on.
        names: of the classes, in the order of their labels.
    """

    values: NDArray[np.float32]
    labels: NDArray[np.int64]
    names: tuple[str, ...]


def digits() -> LabelledImages:
    """The 1,797 digits of 8 x 8 pixels that come with scikit-learn.

    >>> digits().values.shape
    (1797, 1, 8, 8)
    """
    from sklearn.datasets import load_digits  # noqa: PLC0415 - slow to import

    found = load_digits()
    values = (found.images[:, None] / 16).astype(np.float32)
    return LabelledImages(values, found.target.astype(np.int64), tuple("0123456789"))


def image_folder(root: str | Path, side: int) -> LabelledImages:
    """The images in `root/<class>/`, each cut to its middle square and brought to one size.

    Args:
        root: folder that holds a folder for each class, with images in it at any depth.
        side: pixels a side.

    Returns:
        Grey images where all files are grey, else coloured ones; transparency is ignored.

    Raises:
        DataNotFoundError: there are no images.
        InputError: a file cannot be read as an image.
    """
    paths = _paths(Path(root))
    names = sorted({path.relative_to(root).parts[0] for path in paths})
    read = [_read(path, side) for path in paths]
    coloured = any(len(one) == 3 for one in read)
    values = np.stack([np.repeat(x, 3, 0) if coloured and len(x) == 1 else x for x in read])
    labels = [names.index(path.relative_to(root).parts[0]) for path in paths]
    return LabelledImages(values, np.array(labels, dtype=np.int64), tuple(names))


def fingerprint(root: str | None) -> str:
    """A digest that changes whenever the images do; of the digits where there is no folder.

    Raises:
        DataNotFoundError: there are no images.
    """
    if root is None:
        return DIGITS
    names = [[path.relative_to(root).as_posix(), _DIGESTS.of(path)] for path in _paths(Path(root))]
    return digest(names)


def _paths(root: Path) -> list[Path]:
    found = sorted(
        path
        for path in root.glob("*/**/*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
    if not found:
        raise DataNotFoundError(
            f"there are no images in {root}; root must hold a folder for each class, with images "
            f"({', '.join(sorted(SUFFIXES))}) in it"
        )
    return found


def _read(path: Path, side: int) -> NDArray[np.float32]:
    """`(1 or 3, side, side)` from 0 to 1."""
    from matplotlib.image import imread  # noqa: PLC0415 - slow to import

    try:
        pixels = np.asarray(imread(path))
    except (OSError, SyntaxError, ValueError) as error:  # as the reader of images has it
        raise InputError(f"{path} cannot be read as an image: {error}") from None
    largest = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    values = np.atleast_3d(pixels).astype(np.float32) / largest
    values = values[..., :3] if values.shape[2] > 2 else values[..., :1]
    height, width, _ = values.shape
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    square = torch.from_numpy(values[top : top + edge, left : left + edge]).permute(2, 0, 1)
    resized = functional.interpolate(
        square[None], size=(side, side), mode="bilinear", antialias=True, align_corners=False
    )
    return np.asarray(resized[0].clamp(0, 1).numpy())
