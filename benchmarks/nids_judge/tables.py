"""The paper's Table 13 and best scores (Tables 7 to 12) beside ours, from stored units of `synth`.

    anomalib-ts synth root=ROOT experiment=nids_tables results=DIR [schedule]
    python benchmarks/nids_judge/tables.py DIR/synth

The paper's accuracy is the best of ten looks at the test rows and of three heads; ours is that
after the last epoch, of the best head that was run. All of ours are means over seeds.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from pathlib import Path
from statistics import fmean
from typing import Any

IMAGES = ("atan32", "tanh32", "atan8")
PAPER = Path(__file__).parent / "paper.csv"

Results = list[dict[str, Any]]
"""Of one judge, one kind of images and one head, a seed each."""


def accuracy(results: Results) -> float:
    """In per cent."""
    return 100 * fmean(one["accuracy"] for one in results)


def cell(results: Results, paper: dict[str, str] | None) -> str:
    """Accuracy, greatest IS and lowest FID of the curve, each with the paper's in brackets."""
    told = [f"({paper[key]})" if paper and paper[key] else "" for key in ("accuracy", "is", "fid")]
    if not results:
        return " · ".join(["not run", *filter(None, told)])
    curves = [one["curve"] for one in results]
    ours = (
        f"{accuracy(results):.2f}",
        f"{fmean(max(at['inception_score'] for at in curve) for curve in curves):.2f}",
        f"{fmean(min(at['fid_probabilities'] for at in curve) for curve in curves):.3f}",
    )
    return " · ".join(f"{one} {other}".strip() for one, other in zip(ours, told, strict=True))


def best_heads(folder: Path) -> dict[tuple[str, str], Results]:
    """By judge and images the results of the head with the greatest accuracy."""
    found: defaultdict[tuple[str, str, int], Results] = defaultdict(list)
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["status"] == "ok":
            names, dense = record["unit"]["names"], record["unit"]["judge"].get("dense", 0)
            found[names["judge"], names["image"], dense].append(record["result"])
    ordered = sorted(found.items(), key=lambda item: accuracy(item[1]))
    return {(judge, image): results for (judge, image, _), results in ordered}


def main() -> None:
    """Print the table, the judges in the paper's order, and the seconds."""
    with PAPER.open(encoding="utf-8") as file:
        paper = {(line["judge"], line["image"]): line for line in csv.DictReader(file)}
    best = best_heads(Path(sys.argv[1]))
    print(f"| judge | {' | '.join(IMAGES)} | seeds | training rows | judge, s |")
    print("| --- " * (len(IMAGES) + 4) + "|")
    for judge in dict.fromkeys([*(name for name, _ in paper), *(name for name, _ in sorted(best))]):
        found = [best.get((judge, image), []) for image in IMAGES]
        cells = [
            cell(one, paper.get((judge, image))) for one, image in zip(found, IMAGES, strict=True)
        ]
        there = [one for one in found if one]
        seeds = ", ".join(str(len(one)) for one in there)
        rows = str(there[0][0]["train_rows"]) if there else ""
        seconds = ", ".join(f"{fmean(one['judge_seconds'] for one in r):.0f}" for r in there)
        print(f"| {judge} | {' | '.join(cells)} | {seeds} | {rows} | {seconds} |")


if __name__ == "__main__":
    main()
