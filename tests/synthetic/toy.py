"""A small table with what real ones have: tails, whole numbers, symbols, a rare label."""

import numpy as np
import pandas as pd

from anomalib_ts.synthetic.tables.table import Schema

LABELS = ("normal", "scan", "flood")


def toy_frame(n, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    size = np.floor(rng.lognormal(3 + 2 * (label == 2), 1, n))
    rate = rng.beta(2 + 6 * label, 5)
    flag = np.where(rng.random(n) < 0.9, label, rng.integers(3, size=n))
    return pd.DataFrame(
        {
            "size": size,
            "rate": rate,
            "twice": 2 * rate + rng.normal(scale=0.05, size=n),
            "flag": np.array(["SF", "REJ", "S0"])[flag],
            "label": np.array(LABELS)[label],
        }
    )


def toy_tables(*sizes):
    """Tables of one law, of these sizes."""
    frames = [toy_frame(n, seed) for seed, n in enumerate(sizes)]
    schema = Schema.of(frames, "label")
    return [schema.read(frame, f"table {i}") for i, frame in enumerate(frames)]
