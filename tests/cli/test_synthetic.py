"""`anomalib-ts synth` and `anomalib-ts judge`, as a user meets them."""

import json

import pytest
from sklearn.datasets import load_wine

from anomalib_ts.cli.main import main
from anomalib_ts.cli.synth import COMMAND
from tests.makers.nsl_kdd_files import nsl_kdd_files

TINY = ["most_rows=20", "most_normal=50", "test_rows=100", "per_label=5", "judge.epochs=1"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return nsl_kdd_files(tmp_path_factory.mktemp("nsl_kdd"))


def synth(root, *settings):
    return main(["synth", f"root={root}", *TINY, *settings])


def stored(folder):
    return [json.loads(path.read_text()) for path in sorted((folder / "synth").glob("*.json"))]


def test_units_are_run_once_and_stored(root, tmp_path, capsys):
    plain = ["image=atan8", "compare=false"]
    assert synth(root, *plain, "generator=marginals,bootstrap") == 0
    first = capsys.readouterr()
    assert first.err.count("accuracy") == 2
    assert "marginals" in first.out and "bootstrap" in first.out
    head, line, _ = first.out.splitlines()
    assert line[head.index("rows a label") :].split()[0] == "5"
    results = tmp_path / "results"
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*.json")}
    assert synth(root, *plain, "generator=bootstrap,gaussian") == 0
    one, other, *_ = capsys.readouterr().err.splitlines()
    assert "(stored)" in one and "(stored)" not in other
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert len(stored(results)) == 3


def test_a_generator_that_trains_is_judged_on_its_way(root, tmp_path):
    settings = ["generator=wgan_gp", "generator.steps=4", "checkpoints=2", "compare=false"]
    assert synth(root, *settings) == 0
    (record,) = stored(tmp_path / "results")
    result = record["result"]
    assert [at["steps"] for at in result["curve"]] == [2, 4]
    assert result["parameters"] == 152_652
    assert result["test_rows"] == 100
    assert result["accuracy_by_epoch"] == [result["accuracy"]]
    assert result["real"].keys() == result["curve"][0].keys() - {"steps"}


def test_a_judge_that_gives_all_rows_one_label_is_called_degenerate(root, tmp_path, capsys):
    plain = ["generator=bootstrap", "compare=false"]
    assert synth(root, *plain, "judge.learning_rate=100") == 0
    assert "degenerate" in capsys.readouterr().out
    assert synth(root, *plain, "judge.epochs=30") == 0
    assert "degenerate" not in capsys.readouterr().out
    assert sorted(r["result"]["degenerate"] for r in stored(tmp_path / "results")) == [False, True]


def test_a_leaky_split_says_so_and_all_measures_can_be_taken(root, tmp_path, capsys):
    assert synth(root, "split=paper", "generator=bootstrap", "draws=2") == 0
    assert "paper (1,402 rows leak)" in capsys.readouterr().out
    (record,) = stored(tmp_path / "results")
    assert record["unit"]["split"] == "paper"
    values = record["result"]["comparison"]["values"]
    assert values["exact_copies"]["bootstrap"] == [1.0, 1.0]
    assert set(values["recall"]) == {
        "real half",
        "bootstrap",
        "marginals",
        "gaussian",
        "interpolation",
    }


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("judge=smal", "unknown judge 'smal'; did you mean small"),
        ("judge.epoch=3", "no setting 'judge.epoch'; did you mean epochs"),
        ("judge.epochs=0", "epochs must be at least 1"),
        ("image.bijection=sin", "bijection"),
        ("split=dirty", "split"),
        ("draws=1", "draws must be at least 2, not 1"),
        ("test_rows=0", "test_rows must be at least 40, not 0"),
        ("seed=-1", "seed must lie in [0, 4294967295], not -1"),
        ("+drows=3", "no setting 'drows'; did you mean draws"),
        ("retry=some", "retry must be none, failed, all, not 'some'"),
        ("root=nowhere", "get NSL-KDD"),
    ],
)
def test_wrong_settings_run_nothing(root, tmp_path, capsys, setting, message):
    assert main(["synth", f"root={root}", setting]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_a_failed_unit_is_stored_and_retried_when_asked(root, tmp_path, capsys):
    (tmp_path / "part").mkdir()
    for file in root.iterdir():
        lines = file.read_text().splitlines()
        (tmp_path / "part" / file.name).write_text("\n".join(lines[:300]))
    command = ["synth", f"root={tmp_path / 'part'}", *TINY, "generator=marginals"]
    assert main(command) == 1
    assert "the files are not the whole ones" in capsys.readouterr().err
    (record,) = stored(tmp_path / "results")
    assert record["error"]["type"] == "InputError"
    assert main(command) == 1
    assert "(stored; retry=failed runs it again)" in capsys.readouterr().err
    assert main([*command, "retry=failed"]) == 1
    assert "(stored" not in capsys.readouterr().err


def test_the_papers_tables_are_images_times_judges_times_dense_layers(root):
    found = COMMAND.composed([f"root={root}", "experiment=nids_tables", "judge=vgg19"])
    assert len({COMMAND.unit_of(config).key() for config in found}) == 3 * 3
    last = found[-1]
    assert last["names"] == {"judge": "vgg19", "image": "atan8", "generator": "wgan_gp"}
    assert last["judge"]["dense"] == 2


def test_help(capsys):
    assert main(["synth", "--help"]) == 0
    assert "image=atan8,log_atan8" in capsys.readouterr().out


@pytest.fixture
def wine(tmp_path):
    frame = load_wine(as_frame=True).frame
    frame = frame.sample(len(frame), random_state=0)
    for name, rows in (("train", frame[:89]), ("real", frame[89:]), ("fake", frame[:89])):
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
    files = {name: str(tmp_path / f"{name}.csv") for name in ("train", "real", "fake")}
    return ["judge", *(part for name, path in files.items() for part in (f"--{name}", path))]


def test_judge_says_what_is_wrong_and_writes_a_page(wine, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert main([*wine, "--label", "target", "--draws", "2", "-o", str(page)]) == 0
    out = capsys.readouterr().out
    assert "Do they give training rows away? Yes: " in out
    assert "exact copies of training rows 1.000 (real rows 0.000 to 0.000)" in out
    assert "2 draws of 44 rows against as many real ones" in out
    assert "<title>fake.csv beside real.csv</title>" in page.read_text()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--label", "targt"], "no column 'targt'; did you mean target"),
        (["--label", "alcohol"], "holds numbers that are not whole"),
        (["--label", "target", "--fake", "nothing.csv"], "nothing.csv"),
        (["--label", "target", "--fake", "header.csv"], "header.csv has no rows"),
        (["--label", "target", "--real", "narrow.csv"], "narrow.csv lacks the column 'alcohol'"),
        (["--label", "target", "--rows", "0"], "--rows must be at least 20, not 0"),
        (["--label", "target", "--draws", "1"], "--draws must be at least 2, not 1"),
        (["--label", "target", "--seed", "-1"], "--seed must be at least 0, not -1"),
    ],
)
def test_judge_refuses_what_it_cannot_do(wine, tmp_path, capsys, more, message):
    real = (tmp_path / "real.csv").read_text().splitlines()
    (tmp_path / "header.csv").write_text(real[0])
    (tmp_path / "narrow.csv").write_text("\n".join(line.partition(",")[2] for line in real))
    assert main([*wine, *more]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_judge_says_why_a_page_cannot_be_written(wine, tmp_path, capsys):
    quick = ["--label", "target", "--draws", "2", "--rows", "20"]
    assert main([*wine, *quick, "-o", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"anomalib-ts: cannot write {tmp_path}: Is a directory\n"


@pytest.mark.parametrize(
    ("command", "experiment", "right"),
    [("run", "nids_tables", "synth"), ("fit", "nids_tables", "synth"), ("synth", "table1", "run")],
)
def test_an_experiment_of_another_command(command, experiment, right, capsys):
    asked = [f"experiment={experiment}", *(["model=x.ats"] if command == "fit" else [])]
    assert main([command, *asked]) == 2
    said = f"is an experiment of another command: anomalib-ts {right} experiment={experiment}\n"
    assert capsys.readouterr().err == f"anomalib-ts: experiment={experiment} {said}"
