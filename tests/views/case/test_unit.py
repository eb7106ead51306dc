"""The picture of a stored unit, from what is in the store and what has to be loaded again."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from anomalib_ts.cli.main import main
from anomalib_ts.core.recording import Recording
from anomalib_ts.data.base import Case, DataSet
from anomalib_ts.errors import AnomalibTsError
from anomalib_ts.evaluation.judge import Evaluation
from anomalib_ts.results.store import Store
from anomalib_ts.results.unit_key import Unit
from anomalib_ts.run.unit import execute
from anomalib_ts.views.case import plot_unit, unit
from tests.makers.clips import noise, write, write_machine_type


class Wide(DataSet):
    """Sequences of 12 channels: clips that are labelled as a whole, or one series."""

    name = "wide"

    def __init__(self, clips: bool = True, labelled: bool = True, changed: bool = False) -> None:
        self.clips, self.labelled, self.changed = clips, labelled, changed

    def case_names(self):
        return ["only"]

    def load(self, case_name):
        rng = np.random.default_rng(0)
        count = 6 if self.clips else 1
        recordings = []
        for i in range(count):
            values = rng.random((30, 12))
            label = i % 2 if self.clips and self.labelled else None
            labels = np.arange(30) // 25 if not self.clips and self.labelled else None
            recordings.append(Recording(values, label=label, labels=labels, name=f"clip {i}"))
        normal = 0 if self.clips and self.labelled is not None else None
        train = replace(recordings[0], label=normal, labels=None)
        return Case("only", tuple(recordings), (train,))

    def fingerprint(self, case_name):
        return f"{self.clips} {self.labelled} {self.changed}"


class Sensors(Wide):
    """Three named sensors, read every minute; one recording, or two that were made in turn."""

    TIMES = np.datetime64("2025-12-31T23:00", "ns") + np.arange(90) * np.timedelta64(60, "s")
    NAMES = ("flow (m³/h)", "pressure (bar)", "status")

    def load(self, case_name):
        parts = [slice(0, 50), slice(50, 90)] if self.clips else [slice(0, 90)]
        rng = np.random.default_rng(0)
        recordings = [
            Recording(
                rng.random((len(times), 3)) + np.array([1e9, 0, 5]),
                channel_names=self.NAMES,
                times=times,
                label=self.labelled if self.clips else None,
                labels=None if self.clips else np.arange(90) // 80,
                name=str(times[0]),
            )
            for times in (self.TIMES[part] for part in parts)
        ]
        normal = 0 if self.clips and self.labelled is not None else None
        train = replace(recordings[0], label=normal, labels=None)
        return Case("only", tuple(recordings), (train,))


def stored(folder, settings=None, protocol="Given", kind=Wide, **kept):
    """A store with one scored unit of `Wide`, or of another such data set."""
    data = {"_target_": f"tests.views.case.test_unit.{kind.__name__}", **(settings or {})}
    what = Unit(
        detector="random",
        detector_settings={"_target_": "anomalib_ts.detectors.RandomScore", "seed": 0},
        variant="",
        data="wide",
        data_settings=data,
        case="only",
        protocol=protocol.lower(),
        protocol_settings={"_target_": f"anomalib_ts.protocols.base.{protocol}", **kept},
        threshold={"_target_": "anomalib_ts.evaluation.thresholds.QuantileThreshold"},
        seed=0,
        fingerprint=kind(**(settings or {})).fingerprint("only"),
        version=1,
    )
    outcome = execute(what, Evaluation(), threads=1)
    store = Store(folder)
    store.save_case(what, outcome.truth.arrays())
    store.save(outcome.record, outcome.scores)
    return store, outcome.record


def watched(monkeypatch, name):
    """What a drawing function was called with."""
    calls, draw = [], getattr(unit, name)

    def watch(*given, **named):
        calls.append((*given, *named.values()))
        return draw(*given, **named)

    monkeypatch.setattr(unit, name, watch)
    return calls


@pytest.mark.parametrize("settings", [{}, {"labelled": False}])
def test_clips_of_many_channels_are_loaded_again(settings, tmp_path, monkeypatch):
    calls = watched(monkeypatch, "draw_clips")
    store, record = stored(tmp_path, settings)
    assert "values" not in store.case(record.unit)
    path = plot_unit(store, record)
    assert path == store.path(record.unit, ".png")
    assert imread(path).shape[1] == 1210
    ((panels, threshold, frequencies, title),) = calls
    assert len(panels) == 6 and frequencies is None and threshold == record.threshold
    assert title.startswith("random on only, protocol given: AUROC")
    scores = store.scores(record.unit).reshape(6, 30)
    for panel in panels:
        assert panel.recording.name == panel.clip.name == f"clip {panel.clip.place}"
        assert np.array_equal(panel.scores, scores[panel.clip.place])


def test_clips_are_dealt_again_as_the_protocol_dealt_them(tmp_path, monkeypatch):
    calls = watched(monkeypatch, "draw_clips")
    store, record = stored(tmp_path, protocol="Weak", seed=3)
    plot_unit(store, record)
    ((panels, *_),) = calls
    assert {panel.clip.name for panel in panels} == set(store.case(record.unit)["names"])
    assert all(panel.recording.name == panel.clip.name for panel in panels)


def test_one_series_of_many_channels_is_loaded_again(tmp_path, monkeypatch):
    calls = watched(monkeypatch, "draw_series")
    store, record = stored(tmp_path, {"clips": False})
    assert plot_unit(store, record).is_file()
    ((values, labels, scores, threshold, _, *described),) = calls
    *unknown, blamed = described
    assert unknown == [None, None]  # neither names nor times are known
    assert len(blamed) == 0  # RandomScore cannot say
    assert values.shape == (30, 12) and labels.sum() == 5 and len(scores) == 30
    assert threshold == record.threshold


def test_other_data_than_was_scored_is_not_drawn(tmp_path, monkeypatch):
    store, record = stored(tmp_path)
    monkeypatch.setattr(Wide, "fingerprint", lambda self, case_name: "new")
    with pytest.raises(AnomalibTsError, match="data of only has changed since it was scored"):
        plot_unit(store, record)
    assert not store.path(record.unit, ".png").exists()


def texts(figure):
    """Everything that is written in a figure, once."""
    return list(dict.fromkeys(text.get_text() for text in figure.findobj(Text)))


def drawn(monkeypatch, store, record):
    """The figure that `plot_unit` saves."""
    figures, save = [], Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda figure, *a, **k: (figures.append(figure), save(figure, *a, **k))
    )
    assert plot_unit(store, record).is_file()
    return figures[0]


def test_names_and_times_of_a_stored_series_are_shown(tmp_path, monkeypatch):
    store, record = stored(tmp_path, {"clips": False}, kind=Sensors)
    shown = texts(drawn(monkeypatch, store, record))
    assert "2025-12-31 23:00:00 to 2026-01-01 00:29:00" in shown
    lanes = [text.split("\n")[0] for text in shown if "\n" in text and " to " in text]
    assert set(lanes) == set(Sensors.NAMES)
    assert any(text.split("\n")[0] == "flow (m³/h)" and "100000000" in text for text in shown)
    assert "point" not in shown


def test_names_and_times_of_recordings_are_shown(tmp_path, monkeypatch):
    store, record = stored(tmp_path, {}, kind=Sensors)
    shown = texts(drawn(monkeypatch, store, record))
    assert "2025-12-31 23:00:00 to 2025-12-31 23:49:00" in shown
    assert "2025-12-31 23:50:00 to 2026-01-01 00:29:00" in shown
    assert sum(text.startswith("pressure (bar)\n") for text in shown) == 2


@pytest.mark.parametrize("clips", [False, True])
def test_a_case_stored_without_names_and_times_is_drawn_by_points(clips, tmp_path, monkeypatch):
    store, record = stored(tmp_path, {"clips": clips}, kind=Sensors)
    arrays = store.case(record.unit)
    path = store.case_path(record.unit)
    path.unlink()
    old = {name: a for name, a in arrays.items() if name not in ("times", "channel_names")}
    assert len(old) == len(arrays) - 2
    np.savez_compressed(path, **old)
    shown = texts(drawn(monkeypatch, store, record))
    assert "point" in shown
    assert any(text.startswith("channel 2\n") for text in shown)


@pytest.fixture
def sounds(tmp_path, monkeypatch):
    """A machine whose faults are loud, and the arguments that run a detector on it."""
    monkeypatch.chdir(tmp_path)
    folder = write_machine_type(tmp_path / "sounds" / "fan", train=6, anomalous=0)
    for number in range(3):
        clip = noise(0.3, 100 + number, level=0.3 + 0.05 * number)
        write(folder / "test" / f"anomaly_id_00_{number:08d}.wav", clip)
    return ["run", "data=dcase", "data.root=sounds", "detector=iforest", "baselines=none"]


def test_a_run_on_sounds_ends_with_a_picture_and_its_most_anomalous_clips(
    sounds, monkeypatch, capsys
):
    calls = watched(monkeypatch, "draw_clips")
    assert main(sounds) == 0
    shown = capsys.readouterr()
    (picture,) = Store("results").folder.rglob("*.png")
    assert f"picture: {picture.absolute()}" in shown.err
    ((panels, _, frequencies, _),) = calls
    assert len(panels) == 6
    assert frequencies.shape == (128,) and 7000 < frequencies[-1] < 8000
    assert panels[0].recording.sampling_period == 512 / 16000
    table = shown.out.split("files in sounds/fan/test\n")[1].splitlines()
    assert {line.split()[-1] for line in table[1:4]} == {
        f"anomaly_id_00_{number:08d}.wav" for number in range(3)
    }
    assert len(table) == 6


def test_a_run_does_not_fail_for_its_picture(sounds, monkeypatch, capsys):
    assert main([*sounds, "plot=false"]) == 0
    monkeypatch.setattr("anomalib_ts.views.case.unit.create_stored", broken)
    assert main([*sounds]) == 0
    shown = capsys.readouterr().err
    assert "no picture of fan: data/fan is on a drive that is not there" in shown
    assert not list(Store("results").folder.rglob("*.png"))


def broken(*_):
    raise OSError("data/fan is on a drive that is not there")


def test_several_machine_types_end_with_the_table_alone(sounds, capsys):
    write_machine_type(Store("sounds/pump").folder, train=6)
    assert main([*sounds, "plot=false"]) == 0
    assert "files in" not in capsys.readouterr().out
    assert main(["clips", "results", "--top", "2"]) == 0
    out = capsys.readouterr().out
    assert out.count("files in sounds/") == 2
    assert main(["clips", "results", "--top", "2", "--case", "p*", "--format", "csv"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.startswith("data,case,protocol,detector") and len(rows) == 2
    assert all(row.startswith("dcase,pump,given,iforest") for row in rows)
