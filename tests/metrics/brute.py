"""Slow versions of the metrics, straight from their definitions, for small inputs.

Every threshold, window, segment and point gets a loop of its own; nothing is shared with the
package.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, permutations

import numpy as np


def predictions(scores: np.ndarray) -> Iterator[np.ndarray]:
    """Every prediction that a threshold can make, from few points to all."""
    for threshold in sorted(set(scores.tolist()), reverse=True):
        yield scores >= threshold


def segments(mask: np.ndarray) -> list[tuple[int, int]]:
    found, start = [], None
    for i, value in enumerate([*mask, False]):
        if value and start is None:
            start = i
        if not value and start is not None:
            found.append((start, i))
            start = None
    return found


def trapezoid(heights, positions):
    corners = list(zip(positions, heights, strict=True))
    return sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(corners))


def auroc(labels, scores):
    pairs = [(a > b) + (a == b) / 2 for a in scores[labels] for b in scores[~labels]]
    return sum(pairs) / len(pairs)


def aupr(labels, scores):
    area = last = 0.0
    for predicted in predictions(scores):
        hits = (predicted & labels).sum()
        area += (hits / labels.sum() - last) * hits / predicted.sum()
        last = hits / labels.sum()
    return area


def precision_at_k(labels, scores, k):
    """Mean over all orders of the points that agree with the scores."""
    orders = [
        order
        for order in permutations(range(len(scores)))
        if all(scores[a] >= scores[b] for a, b in pairwise(order))
    ]
    return np.mean([labels[list(order[:k])].mean() for order in orders])


def f1(precision, recall):
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def point(labels, predicted):
    hits = (labels & predicted).sum()
    return hits / predicted.sum(), hits / labels.sum()


def adjusted(labels, predicted, percent=0.0):
    filled = predicted.copy()
    for start, end in segments(labels):
        if predicted[start:end].sum() / (end - start) > percent / 100:
            filled[start:end] = True
    return point(labels, filled)


def event(labels, predicted):
    found = [predicted[start:end].any() for start, end in segments(labels)]
    return point(labels, predicted)[0], np.mean(found)


def delay(labels, predicted):
    delays = []
    for start, end in segments(labels):
        hits = [i - start for i in range(start, end) if predicted[i]]
        delays.append(hits[0] if hits else end - start)
    return np.mean(delays)


def range_based(labels, predicted):
    true, found = segments(labels), segments(predicted)

    def meet(a, b):
        return max(0, min(a[1], b[1]) - max(a[0], b[0]))

    def share(one, others):
        touching = sum(meet(one, other) > 0 for other in others)
        inside = sum(meet(one, other) for other in others) / (one[1] - one[0])
        return (inside / touching if touching else 0.0), touching > 0

    precision = np.mean([share(run, true)[0] for run in found])
    recalls = [share(segment, found) for segment in true]
    return precision, np.mean([0.2 * hit + 0.8 * part for part, hit in recalls])


def affiliation(labels, predicted):
    """Midpoint rule on eighths of a point; every kink of the integrands lies on that grid."""
    true, n = segments(labels), len(labels)
    borders = [(a[1] + b[0]) / 2 for a, b in pairwise(true)]
    precisions, recalls = [], []
    for (start, end), low, high in zip(true, [0, *borders], [*borders, n], strict=True):
        time = np.arange(low, high, 0.125) + 0.0625
        predicted_time = time[predicted[time.astype(int)]]
        if not len(predicted_time):
            recalls.append(0.0)
            continue
        closeness = [_at_least_as_far(x, start, end, low, high) for x in predicted_time]
        precisions.append(np.mean(closeness))
        inside = time[(time >= start) & (time < end)]
        runs = [(max(a, low), min(b, high)) for a, b in segments(predicted) if b > low and a < high]
        recalls.append(np.mean([_farther_than_runs(y, runs, low, high) for y in inside]))
    return np.mean(precisions), np.mean(recalls)


def _at_least_as_far(x, start, end, low, high):
    distance = max(start - x, x - end, 0.0)
    if distance == 0:
        return 1.0
    return (max(0.0, start - low - distance) + max(0.0, high - end - distance)) / (high - low)


def _farther_than_runs(y, runs, low, high):
    distance = min(max(a - y, y - b, 0.0) for a, b in runs)
    nearer = min(y + distance, high) - max(y - distance, low)
    return 1 - nearer / (high - low)


def soft_labels(labels, window):
    """Labels with buffers: sqrt(1 - d / window) within window / 2 of a segment, capped at 1."""
    weights = labels.astype(float)
    for start, end in segments(labels):
        for i in range(len(labels)):
            distance = max(start - i, i - (end - 1), 0)
            if 0 < distance <= window // 2:
                weights[i] += np.sqrt(1 - distance / window)
    return np.minimum(weights, 1.0)


def range_curve(labels, scores, window):
    """False alarms, N', recall and precision at every distinct score."""
    soft = soft_labels(labels, window)
    positives = (labels.sum() + soft.sum()) / 2
    buffered = segments(soft > 0)
    rows = []
    for predicted in predictions(scores):
        hits = soft[predicted].sum()
        found = np.mean([predicted[start:end].any() for start, end in buffered])
        recall = min(hits / positives, 1.0) * found
        rows.append(
            (predicted.sum() - hits, len(labels) - positives, recall, hits / predicted.sum())
        )
    return np.array(rows).T


def range_auc_roc(labels, scores, window, *, reachable):
    false_alarms, negatives, recall, _ = range_curve(labels, scores, window)
    fpr = false_alarms / (false_alarms[-1] if reachable else negatives)
    return trapezoid([0, *recall, 1], [0, *fpr, 1])


def range_auc_pr(labels, scores, window, *, step):
    _, _, recall, precision = range_curve(labels, scores, window)
    if step:
        return float(np.sum(np.diff(recall, prepend=0) * precision))
    return trapezoid([precision[0], *precision], [0, *recall])


def timeeval(labels, scores, window):
    """TimeEval's range ROC and PR areas, from its description; thresholds: every distinct score."""
    half = window // 2
    weights = labels.astype(float)
    for start, end in segments(labels):
        for i in range(len(labels)):
            distance = max(start - i, i - (end - 1), 0)
            if 0 < distance <= half:
                weights[i] = max(weights[i], 1 - (1 - np.sqrt(0.5)) * distance / half)
    positives = (labels.sum() + weights.sum()) / 2
    recalls, rates, precisions = [0.0], [0.0], [1.0]
    for predicted in predictions(scores):
        gained = weights * predicted
        # Its slice takes in one point more than the buffer on the right.
        found = [gained[max(0, a - half) : b + half + 1].any() for a, b in segments(labels)]
        recalls.append(min(gained.sum() / positives, 1) * np.mean(found))
        rates.append((predicted.sum() - gained.sum()) / (len(labels) - positives))
        precisions.append(gained.sum() / predicted.sum())
    return trapezoid([*recalls, 1], [*rates, 1]), trapezoid(precisions, recalls)


def volume(area, window):
    """Mean of an area over the windows 0..window by trapezoids."""
    slices = [area(w) for w in range(window + 1)]
    return trapezoid(slices, range(window + 1)) / window if window else slices[0]


def best(measure, labels, scores):
    """Highest F1 of a (precision, recall) measure over all thresholds."""
    return max(f1(*measure(labels, predicted)) for predicted in predictions(scores))
