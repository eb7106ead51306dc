"""Scores a CSV file with an exported detector: `python score_onnx.py pump.onnx tomorrow.csv`.

Needs numpy and onnxruntime only. Prints, for each point, its score and 1 if that is above the
threshold. Columns are found by the names that the training data had; without names all are taken.
"""

import json
import sys

import numpy as np
import onnxruntime

model, table = sys.argv[1:]
session = onnxruntime.InferenceSession(model)
facts = session.get_modelmeta().custom_metadata_map
window, stride, names = (json.loads(facts[key]) for key in ("window", "stride", "channel_names"))
with open(table, encoding="utf-8") as file:
    header = file.readline().strip().split(",")
columns = [header.index(name) for name in names] if names else None
values = np.loadtxt(table, delimiter=",", skiprows=1, usecols=columns, ndmin=2)
if facts["points"] == "series":
    window = len(values)
last = len(values) - window
if last < 0:
    sys.exit(f"{table} has fewer than {window} points")
starts = np.unique([*range(0, last + 1, stride), last])  # the last window ends at the end
blocks = np.array_split(starts, 1 + len(starts) // 1024)
parts = [session.run(None, {"windows": values[s[:, None] + np.arange(window)]})[0] for s in blocks]
scores = np.concatenate(parts)
if facts["points"] == "centre":
    points = np.pad(scores, (window // 2, (window - 1) // 2), mode="edge")
elif facts["points"] == "last":  # without a past, a point counts as a typical one
    points = np.pad(scores, (window - 1, 0), constant_values=1)
else:  # the mean over the windows that hold a point
    points, count = np.zeros((2, len(values)))
    for start, score in zip(starts, scores, strict=True):
        points[start : start + window] += score
        count[start : start + window] += 1
    points /= count
for point in points:
    print(f"{point:.9g},{int(point > float(facts['threshold']))}")
