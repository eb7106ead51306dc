"""How well `pot` keeps its promise where nothing changes: the rate that came, over that promised.

    python benchmarks/plant_day/promise.py

Scores of a point a minute are drawn from known distributions, so that the rate at the threshold
found is known exactly. 30 draws each; tenth, half and nine tenths of them.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from anomalib_ts.deploy.calibration import HeldBack
from anomalib_ts.deploy.target import AlarmTarget

DAY, DRAWS = 1440, 30
SCORES = {
    "exponential": stats.expon(),
    "gamma, shape 2": stats.gamma(2),
    "normal": stats.norm(),
    "log-normal, 0.5": stats.lognorm(0.5),
    "Student t, 5": stats.t(5),
    "beta, 5 and 5": stats.beta(5, 5),
}
CASES = ((1, 1.0), (6, 0.1), (30, 0.1))


def main() -> None:
    print("| scores | " + " | ".join(f"{d} d held back, {p:g} a day" for d, p in CASES) + " |")
    print("| --- |" + " --- |" * len(CASES))
    for name, law in SCORES.items():
        cells = []
        for days, promised in CASES:
            found = []
            for seed in range(DRAWS):
                scores = law.rvs(days * DAY, random_state=seed)
                rule = HeldBack.of([scores], 60.0).rule(AlarmTarget(per_day=promised))
                found.append(DAY * law.sf(rule.threshold) / promised)
            cells.append(" / ".join(f"{q:.2g}" for q in np.quantile(found, [0.1, 0.5, 0.9])))
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
