"""The paper's Table 13 and best scores (Tables 7 to 12) beside ours, from stored units of `synth`.

    anomalib-ts synth root=ROOT experiment=nids_tables results=DIR [schedule]
    python benchmarks/nids_judge/tables.py DIR/synth

The paper's accuracy is the best of ten looks at the test rows and of three heads; ours is that
after the last epoch, of the best head that was run.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

IMAGES = ("atan32", "tanh32", "atan8")
PAPER = Path(__file__).parent / "paper.csv"


def cell(record: dict | None, paper: dict | None) -> str:
    """Accuracy, greatest IS and lowest FID of the curve, each with the paper's in brackets."""
    told = [f"({paper[key]})" if paper and paper[key] else "" for key in ("accuracy", "is", "fid")]
    if record is None:
        return " · ".join(["not run", *filter(None, told)])
    result = record["result"]
    ours = (
        f"{100 * result['accuracy']:.2f}",
        f"{max(at['inception_score'] for at in result['curve']):.2f}",
        f"{min(at['fid_probabilities'] for at in result['curve']):.3f}",
    )
    return " · ".join(f"{one} {other}".strip() for one, other in zip(ours, told, strict=True))


def main() -> None:
    """Print the table, the judges in the paper's order, and the seconds."""
    with PAPER.open(encoding="utf-8") as file:
        paper = {(line["judge"], line["image"]): line for line in csv.DictReader(file)}
    best: dict[tuple[str, str], dict] = {}
    for path in sorted(Path(sys.argv[1]).glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        key = (record["unit"]["names"]["judge"], record["unit"]["names"]["image"])
        if record["status"] == "ok" and (
            key not in best or best[key]["result"]["accuracy"] < record["result"]["accuracy"]
        ):
            best[key] = record
    print(f"| judge | {' | '.join(IMAGES)} | training rows | judge, s |")
    print("| --- " * (len(IMAGES) + 3) + "|")
    for judge in dict.fromkeys([*(name for name, _ in paper), *(name for name, _ in sorted(best))]):
        found = [best.get((judge, image)) for image in IMAGES]
        cells = [
            cell(one, paper.get((judge, image))) for one, image in zip(found, IMAGES, strict=True)
        ]
        there = [one["result"] for one in found if one]
        rows = str(there[0]["train_rows"]) if there else ""
        seconds = ", ".join(f"{one['judge_seconds']:.0f}" for one in there)
        print(f"| {judge} | {' | '.join(cells)} | {rows} | {seconds} |")


if __name__ == "__main__":
    main()
