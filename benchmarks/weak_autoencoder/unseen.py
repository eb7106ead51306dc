"""AUROC of each kind of fault: without labels, with all kinds labelled, with this one left out.

Reads the results of these commands, in one folder. The second autoencoder trains for as many steps
as both stages of the weakly supervised one together.

    anomalib-ts run experiment=wsae_unseen
    anomalib-ts run experiment=wsae_unseen detector=dense_autoencoder \
        trainer.max_steps=1000,2000 protocol.unlabelled_kinds=[]
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict

import numpy as np

from anomalib_ts.data.sounds.machine_synthesis import FAULTS
from anomalib_ts.results.record import Record
from anomalib_ts.results.store import existing_store

COLUMNS = ("AE", "AE, 2,000 steps", "weak, labelled", "weak, left out")
LABELLED = 50


def main() -> None:
    """Print a Markdown table of means and deviations over seeds for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results")
    values: defaultdict[tuple[str, str, str], list[float]] = defaultdict(list)
    for record in existing_store(parser.parse_args().results).records():
        for kind in FAULTS:
            column = _column(record, kind)
            if column and f"auroc@{kind}" in record.metrics:
                values[record.unit.case, kind, column].append(record.metrics[f"auroc@{kind}"])
    lines = [("case", "kind", *COLUMNS), ("---",) * (2 + len(COLUMNS))]
    for case, kind in dict.fromkeys(key[:2] for key in values):
        lines.append((case, kind, *(_cell(values[case, kind, column]) for column in COLUMNS)))
    sys.stdout.writelines(f"| {' | '.join(line)} |\n" for line in lines)


def _column(record: Record, kind: str) -> str | None:
    unit = record.unit
    unlabelled = unit.protocol_settings["unlabelled_kinds"]
    if unit.protocol_settings["n_train_anomalous"] != LABELLED:
        return None
    if unit.detector == "dense_autoencoder" and not unlabelled:
        return {"": COLUMNS[0], "trainer.max_steps=2000": COLUMNS[1]}.get(unit.variant)
    if unit.detector == "weak_autoencoder" and not unit.variant:
        return COLUMNS[2] if not unlabelled else COLUMNS[3] if unlabelled == [kind] else None
    return None


def _cell(values: list[float]) -> str:
    if len(values) < 2:
        return ", ".join(f"{value:.3f}" for value in values)
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f} (n = {len(values)})"


if __name__ == "__main__":
    main()
