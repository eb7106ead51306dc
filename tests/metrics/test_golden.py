"""Our `/tsb_ad` and `/tsb_uad` metrics against values from the original authors' code."""

import numpy as np
import pytest

from anomalib_ts.errors import InputError, UndefinedMetricError
from anomalib_ts.metrics import REGISTRY, evaluate
from tests.metrics.golden import (
    UNUSABLE,
    Case,
    checked_in_cases,
    differences,
    functions,
    shared_cases,
)

TOLERANCE = 1e-12
CASES = {case.name: case for case in checked_in_cases()}
UNDEFINED = {"labels_all_0", "labels_all_1"}
NOT_FINITE = {"score_nan", "score_inf"}
DEFINED = sorted(CASES.keys() - UNDEFINED - NOT_FINITE)


def worst(cases: list[Case]) -> tuple[str, str, float]:
    return max(differences(cases), key=lambda row: np.inf if np.isnan(row[2]) else row[2])


@pytest.mark.parametrize("name", DEFINED)
def test_every_stored_value_is_reproduced(name):
    rows = list(differences([CASES[name]]))
    assert len(rows) > 40
    assert worst([CASES[name]])[2] <= TOLERANCE


def test_the_cases_from_real_series_are_reproduced(shared):
    if not (shared / "golden" / "metrics_cases.npz").is_file():
        pytest.skip(f"no golden values in {shared}")
    cases = shared_cases(shared)
    assert len(cases) == 63
    real = [case for case in cases if case.name.startswith("real_")]
    assert len(real) == 6
    assert worst(real)[2] <= TOLERANCE


def test_every_golden_metric_is_covered_or_named_as_unusable():
    stored = {name for case in CASES.values() for name in case.values}
    inputs = {name for name in stored if name.endswith("/threshold")}
    assert stored - inputs - UNUSABLE == set(functions())


@pytest.mark.parametrize("name", sorted(UNDEFINED))
def test_one_class_is_an_error_where_the_originals_return_something(name):
    case = CASES[name]
    for metric in REGISTRY.keys() - {"false_alarm_rate"}:  # of normal points alone, and ours
        with pytest.raises(UndefinedMetricError, match="both classes"):
            evaluate(case.labels, case.scores, metric, case.window, threshold=0.5)


@pytest.mark.parametrize("name", sorted(NOT_FINITE))
def test_scores_that_are_not_finite_are_refused(name):
    case = CASES[name]
    with pytest.raises(InputError, match="finite"):
        evaluate(case.labels, case.scores, "full", case.window)


@pytest.mark.parametrize("name", ["constant_0", "constant_3p7"])
def test_affiliation_of_a_constant_score_is_undefined_as_in_the_original(name):
    case = CASES[name]
    assert case.values["Affiliation-F"] is None
    with pytest.raises(UndefinedMetricError, match="constant"):
        evaluate(case.labels, case.scores, "oracle/affiliation_f1/tsb_ad")
