"""What the command line says about sounds that it cannot use: what is wrong, where, what to do."""

import shutil

import numpy as np
import pytest

from anomalib_ts.cli.main import main
from anomalib_ts.results.store import Store
from tests.makers.clips import noise, sine, write, write_machine_type
from tests.makers.http_server import serve
from tests.makers.zenodo import development, make_records

FAN = "sounds/fan"
CLIP = f"{FAN}/train/normal_id_00_00000000.wav"


@pytest.fixture
def fan(tmp_path, monkeypatch):
    """A machine type in the folder that commands run in."""
    monkeypatch.chdir(tmp_path)
    return write_machine_type(tmp_path / FAN)


def run(*overrides, data="dcase"):
    common = ["baselines=none", "plot=false", "data.cache=cache", "detector=random"]
    root = [] if data != "dcase" else ["data.root=sounds"]
    return main(["run", f"data={data}", *root, *common, *overrides])


def truncated(fan):
    clip = fan / "train/normal_id_00_00000000.wav"
    clip.write_bytes(clip.read_bytes()[:-3000])


def zero_bytes(fan):
    (fan / "train/normal_id_00_00000000.wav").write_bytes(b"")


def no_samples(fan):
    write(fan / "train/normal_id_00_00000000.wav", np.zeros(0))


def no_sound(fan):
    (fan / "train/normal_id_00_00000000.wav").write_text("a text")


def another_rate(fan):
    write(fan / "train/normal_id_00_00000000.wav", noise(0.2, rate=8000), rate=8000)


def stereo(fan):
    write(fan / "train/normal_id_00_00000000.wav", noise(0.2, channels=2))


def silence(fan):
    write(fan / "train/normal_id_00_00000000.wav", np.zeros(4000))


def clipping(fan):
    write(fan / "train/normal_id_00_00000000.wav", 2 * sine(100))


def in_both_parts(fan):
    shutil.copy(fan / "train/normal_id_00_00000001.wav", fan / "test/normal_id_02_00000009.wav")


# What follows "fan, random: " in the table. Silence and clipping are warnings, which are errors in
# this test suite.
UNUSABLE = [
    (
        truncated,
        f"1 of 20 clips cannot be used:\n  {CLIP}: cut short, 3000 bytes of sound are missing; "
        "copy or download it again",
    ),
    (
        zero_bytes,
        f"1 of 20 clips cannot be used:\n  {CLIP}: the file is empty (0 bytes); copy or download "
        "it again",
    ),
    (
        no_samples,
        f"1 of 20 clips cannot be used:\n  {CLIP}: holds no samples; remove it or record it again",
    ),
    (
        no_sound,
        f"1 of 20 clips cannot be used:\n  {CLIP}: cannot be read as sound (Format not "
        "recognised); replace it with a sound file or remove it",
    ),
    (
        another_rate,
        f"1 of 20 clips cannot be used:\n  {CLIP}: sampled at 8000 Hz where 16000 Hz is expected; "
        "set data.audio.resample=true to convert such clips",
    ),
    (
        stereo,
        f"1 of 20 clips cannot be used:\n  {CLIP}: 2 channels where one is expected; set "
        "data.audio.channel to mean, or to the index of one (0 to 1)",
    ),
    (
        silence,
        "fan: 1 of 20 clips are silent (all samples are equal), first "
        "train/normal_id_00_00000000.wav; they are used as they are: remove them if nothing was "
        "recorded",
    ),
    (
        clipping,
        "fan: 1 of 20 clips are clipped (over 0.1 % of the samples at full scale), first "
        "train/normal_id_00_00000000.wav; they are used as they are: record at a lower gain if "
        "you can",
    ),
    (
        in_both_parts,
        f"{FAN}: 1 test clips are byte for byte training clips too "
        "(train/normal_id_00_00000001.wav is test/normal_id_02_00000009.wav); remove them from "
        "one of the two parts",
    ),
]


@pytest.mark.parametrize(("spoil", "message"), UNUSABLE, ids=[f.__name__ for f, _ in UNUSABLE])
def test_unusable_clips_fail_the_case_and_are_named(fan, spoil, message, capsys):
    spoil(fan)
    assert run() == 1
    (record,) = Store("results").records()
    assert record.error["message"] == message
    shown = capsys.readouterr()
    assert f"error: {message}" in shown.err
    assert (shown.out + shown.err).count(message) == 1
    assert "Traceback" not in shown.out + shown.err


def test_the_advice_about_channels_and_rates_works(fan):
    stereo(fan)
    write(fan / "train/normal_id_00_00000001.wav", noise(0.2, rate=8000), rate=8000)
    assert run("data.audio.channel=mean", "data.audio.resample=true") == 0


def test_a_name_that_cannot_be_parsed(fan, capsys):
    write(fan / "train/my_recording.wav", noise(0.1))
    assert run() == 2
    assert capsys.readouterr().err == (
        f"anomalib-ts: {FAN}/train/my_recording.wav: the name of a clip must look like "
        "normal_id_00_00000000 (normal or anomaly, machine, 8 digits) or "
        "section_00_source_train_normal_0000_attributes (section, source or target, train or "
        "test, normal or anomaly, 4 digits)\n"
    )


@pytest.mark.filterwarnings("ignore:the training data fill no window")
@pytest.mark.parametrize("detector", ["weak_autoencoder", "deep_sad", "devnet"])
def test_no_anomalies_for_the_second_stage(fan, detector, capsys):
    assert run(f"detector={detector}", "trainer.progress=false", "protocol=given") == 1
    (record,) = Store("results").records()
    message = record.error["message"]
    assert "learns from labelled anomalies, and the training recordings have none" in message
    assert "protocol=weak" in message
    assert message in capsys.readouterr().err


def test_too_few_clips_for_the_split(fan, capsys):
    assert run("protocol=weak", "protocol.n_test_normal=200") == 1
    assert (
        "fan: normal test clips: 200 are asked for, but there are 14; ask for fewer, or for a "
        "fraction such as 0.5"
    ) in capsys.readouterr().err


def test_one_machine_id_is_enough_for_detectors_that_do_not_tell_machines_apart(fan, capsys):
    assert run("data.machine_ids=['02']") == 0
    (record,) = Store("results").records()
    assert record.metrics["auroc"] == record.metrics["auroc/02"]
    assert "auroc/00" not in record.metrics
    only = ("data.machine_ids=['02']", "detector=mobilefacenet", "trainer.progress=false")
    assert run(*only) == 1
    assert (
        "MobileFaceNet tells machines apart and needs training recordings of at least two machine "
        "ids"
    ) in capsys.readouterr().err


def test_copies_within_a_part_are_refused_where_a_split_would_part_them(fan, capsys):
    for number in range(4):
        shutil.copy(
            fan / f"train/normal_id_00_{number:08d}.wav",
            fan / f"train/normal_id_00_{number + 50:08d}.wav",
        )
    assert run("protocol=given") == 0
    capsys.readouterr()
    assert run("protocol=weak") == 1
    message = capsys.readouterr().err
    assert "training clips are the same sound as test clips (train/normal_id_00_" in message
    assert "remove one of the two, so that no split can train on what it tests" in message


def test_half_an_archive_is_refused_and_left_to_its_owner(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    records = make_records(tmp_path / "source", ["fan"], monkeypatch)
    archive = tmp_path / "dcase" / "dev_data" / "dev_data_fan.zip"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(records[development("fan")][:-500])
    with serve(records) as server:
        settings = [
            "data.download=true",
            "data.root=dcase",
            "data.machine_types=[fan]",
            f"data.url={server.base}",
        ]
        assert run(*settings, data="dcase2020") == 2
        message = capsys.readouterr().err
        assert message.startswith(
            "anomalib-ts: dcase/dev_data/dev_data_fan.zip is there already, but has MD5 "
        )
        assert message.endswith("Move or delete it and run the same again, to have it fetched\n")
        archive.unlink()
        assert run(*settings, data="dcase2020") == 0


@pytest.mark.filterwarnings("default::anomalib_ts.errors.AnomalibTsWarning")
def test_warnings_reach_the_terminal_in_one_line(fan, capsys):
    silence(fan)
    assert run() == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "silent" in line]
    assert line.startswith("warning: fan: 1 of 20 clips are silent")
