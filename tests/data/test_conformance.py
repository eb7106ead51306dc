"""The conformance of data sets: a broken rule is named, honest data sets pass."""

from dataclasses import replace

import numpy as np
import pytest

from anomalib_ts import Case, DataSet, Recording
from anomalib_ts.data import CsvFile, MackeyGlass
from anomalib_ts.errors import DataNotFoundError
from anomalib_ts.testing import check_data_set
from tests.makers.csv_files import noise, table


class Honest(DataSet):
    name = "honest"

    def case_names(self):
        return ["one", "two"]

    def load(self, case_name):
        if case_name not in self.case_names():
            raise DataNotFoundError(case_name)
        values = np.random.default_rng(len(case_name)).standard_normal((20, 2))
        parts = tuple(Recording(values, name=f"{case_name} {part}") for part in "ab")
        return Case(case_name, test=parts)

    def fingerprint(self, case_name):
        return case_name


class Unnamed(Honest):
    name = ""


class Twice(Honest):
    def case_names(self):
        return ["one", "one"]


class Empty(Honest):
    def case_names(self):
        return []


class Digestless(Honest):
    def fingerprint(self, case_name):
        return ""


class OneDigest(Honest):
    def fingerprint(self, case_name):
        return "always"


class Restless(Honest):
    def fingerprint(self, case_name):
        return str(np.random.default_rng().random())


class OtherDigest(Honest):
    def load(self, case_name):
        return replace(super().load(case_name), fingerprint="other")


class OtherName(Honest):
    def load(self, case_name):
        return replace(super().load(case_name), name="other")


class NothingToScore(Honest):
    def load(self, case_name):
        case = super().load(case_name)
        return replace(case, test=(), train=case.test)


class OfLists(Honest):
    def load(self, case_name):
        case = super().load(case_name)
        return replace(case, test=list(case.test))


class TwoWidths(Honest):
    def load(self, case_name):
        return replace(super().load(case_name), train=(Recording([1.0, 2.0]),))


class SameNames(Honest):
    def load(self, case_name):
        case = super().load(case_name)
        return replace(case, test=tuple(replace(part, name="same") for part in case.test))


class Unseeded(Honest):
    def load(self, case_name):
        case = super().load(case_name)
        labels = np.random.default_rng().integers(0, 2, 20)
        return replace(case, test=tuple(replace(part, labels=labels) for part in case.test))


class Anything(Honest):
    def load(self, case_name):
        return replace(super().load(self.case_names()[0]), name=case_name)


class KeyErrors(Honest):
    def load(self, case_name):
        return {name: super(KeyErrors, self).load(name) for name in self.case_names()}[case_name]


class TextPlaces(Honest):
    def file(self, case_name, recording_name):
        return "a.wav"


class OneFrequency(Honest):
    def frequencies(self):
        return np.array([1.0])


FAULTS = {
    Unnamed: "`name` is a text",
    Twice: "a case is listed twice",
    Empty: "at least one",
    Digestless: "`fingerprint` gives one text",
    OneDigest: "1 texts for 2 cases",
    Restless: "`fingerprint` gives one text",
    OtherDigest: "Case.fingerprint of one is 'other'",
    OtherName: "one gave a case called 'other'",
    NothingToScore: "one has nothing to score",
    OfLists: "test of one is no tuple",
    TwoWidths: "one has [1, 2]",
    SameNames: "2 recordings and 1 names",
    Unseeded: "test of one differs when loaded again",
    Anything: "it loaded one",
    KeyErrors: "it raised KeyError",
    TextPlaces: "file gave 'a.wav'",
    OneFrequency: "(1,) for 2 channels",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda kind: kind.__name__)
def test_a_broken_rule_is_named(fault):
    with pytest.raises(AssertionError) as caught:
        check_data_set(fault())
    assert FAULTS[fault] in str(caught.value) and "Remedy: " in str(caught.value)


def test_honest_data_sets_pass(tmp_path):
    (tmp_path / "own.csv").write_text(table({"x": noise(20), "y": noise(20)}))
    (tmp_path / "two.csv").write_text(table({"x": noise(20, 1), "y": noise(20)}))
    for data in (Honest(), CsvFile(str(tmp_path)), MackeyGlass(n_points=500, n_anomalies=1)):
        check_data_set(data)


def test_sounds_pass(tmp_path):
    pytest.importorskip("librosa")
    from anomalib_ts.data import MachineSound

    small = {"n_train": 2, "n_test_normal": 2, "n_test_anomalous": 2, "n_ids": 1, "seconds": 0.5}
    check_data_set(MachineSound(root=str(tmp_path), cache=str(tmp_path / "cache"), **small))


def test_what_is_no_data_set_is_refused():
    with pytest.raises(TypeError, match="instance of a DataSet"):
        check_data_set(Honest)
