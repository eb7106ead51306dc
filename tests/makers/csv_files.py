"""Writing a text as a user's file and reading it, for the tests of `CsvFile`."""

import warnings

import numpy as np

from anomalib_ts.data import CsvFile
from anomalib_ts.errors import AnomalibTsWarning


def load(folder, text, name="own.csv", **settings):
    """The test part of a file with this content, and the package's warnings as one text."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        case = CsvFile(str(path), **settings).load(path.name.split(".")[0])
    told = [str(w.message) for w in caught if issubclass(w.category, AnomalibTsWarning)]
    return case.test[0], "\n".join(told)


def table(columns):
    """A CSV text of named columns."""
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(f'"{name}"' for name in columns), *(",".join(map(str, row)) for row in rows)]
    return "\n".join(lines) + "\n"


def noise(n, seed=0):
    """Numbers that are nothing but measurements."""
    return np.random.default_rng(seed).normal(size=n).round(4)
