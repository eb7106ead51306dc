"""Data sets, loaders for files and arrays, and the policy for missing points.

The classes are imported when they are first asked for: those of sounds need the extra `audio`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anomalib_ts.core.exports import lazily

if TYPE_CHECKING:
    from anomalib_ts.data.base import Case as Case
    from anomalib_ts.data.base import DataSet as DataSet
    from anomalib_ts.data.series.arrays import Arrays as Arrays
    from anomalib_ts.data.series.csv_file import CsvFile as CsvFile
    from anomalib_ts.data.series.gaps import fill_gaps as fill_gaps
    from anomalib_ts.data.series.mackey_glass import MackeyGlass as MackeyGlass
    from anomalib_ts.data.series.timeeval import TimeEval as TimeEval
    from anomalib_ts.data.series.tsb_ad import TsbAdM as TsbAdM
    from anomalib_ts.data.series.tsb_ad import TsbAdU as TsbAdU
    from anomalib_ts.data.series.tsb_uad import TsbUad as TsbUad
    from anomalib_ts.data.series.ucr import Ucr as Ucr
    from anomalib_ts.data.sounds.dcase import Dcase as Dcase
    from anomalib_ts.data.sounds.dcase2020 import Dcase2020 as Dcase2020
    from anomalib_ts.data.sounds.machine_sound import MachineSound as MachineSound
    from anomalib_ts.data.tables.nsl_kdd import NslKdd as NslKdd

_HOMES = {
    "Arrays": "anomalib_ts.data.series.arrays",
    "Case": "anomalib_ts.data.base",
    "CsvFile": "anomalib_ts.data.series.csv_file",
    "DataSet": "anomalib_ts.data.base",
    "Dcase": "anomalib_ts.data.sounds.dcase",
    "Dcase2020": "anomalib_ts.data.sounds.dcase2020",
    "MachineSound": "anomalib_ts.data.sounds.machine_sound",
    "MackeyGlass": "anomalib_ts.data.series.mackey_glass",
    "NslKdd": "anomalib_ts.data.tables.nsl_kdd",
    "TimeEval": "anomalib_ts.data.series.timeeval",
    "TsbAdM": "anomalib_ts.data.series.tsb_ad",
    "TsbAdU": "anomalib_ts.data.series.tsb_ad",
    "TsbUad": "anomalib_ts.data.series.tsb_uad",
    "Ucr": "anomalib_ts.data.series.ucr",
    "fill_gaps": "anomalib_ts.data.series.gaps",
}

__all__ = list(_HOMES)
__getattr__, __dir__ = lazily(__name__, _HOMES)
