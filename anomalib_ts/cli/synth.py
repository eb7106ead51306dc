"""`anomalib-ts synth`: how good are generated tables, unit by unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from anomalib_ts.cli.stored_units import UnitCommand
from anomalib_ts.synthetic.synth import SynthUnit, run_unit
from anomalib_ts.synthetic.synth_table import as_table

LEAST: Final = {
    "seed": 0,
    "most_rows": 1,
    "most_normal": 1,
    "test_rows": 40,
    "per_label": 2,
    "checkpoints": 1,
    "draws": 2,
}


def _told(result: Mapping[str, Any]) -> str:
    return f"accuracy {result['accuracy']:.3f} ({result['seconds']:.0f} s)"


COMMAND = UnitCommand(
    main="synth",
    unit=SynthUnit,
    parts=("judge", "image", "generator"),
    least=LEAST,
    run=run_unit,
    told=_told,
    tables=lambda records: [as_table(records)],
)
