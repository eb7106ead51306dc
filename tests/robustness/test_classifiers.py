"""Classifiers of images under FGSM and noise, and what `anomalib-ts sparseness` makes of them."""

import json

import numpy as np
import pytest
import torch
from matplotlib.image import imsave
from torch import nn

from anomalib_ts.cli.main import main
from anomalib_ts.cli.sparseness import COMMAND
from anomalib_ts.errors import DataNotFoundError, InputError
from anomalib_ts.robustness.classifiers.classifier import Classifier, uphill
from anomalib_ts.robustness.classifiers.images import fingerprint, image_folder

QUICK = ["classifier.epochs=1", "epsilons=[0.2,0.05]"]


@pytest.fixture
def folder(tmp_path):
    """Two classes of 24 grey images, 12 x 10: bright at the left, bright at the right."""
    rng = np.random.default_rng(0)
    for name, bright in (("left", slice(0, 5)), ("right", slice(5, 10))):
        (tmp_path / "images" / name / "deeper").mkdir(parents=True)
        for number in range(24):
            pixels = rng.uniform(0, 0.4, (12, 10))
            pixels[:, bright] += 0.5
            place = tmp_path / "images" / name / ("deeper" if number % 2 else "")
            imsave(place / f"{number}.png", pixels, cmap="gray", vmin=0, vmax=1)
    return tmp_path / "images"


def test_a_folder_of_classes_is_cut_to_squares(folder):
    (folder / "left" / "notes.txt").write_text("no image")
    found = image_folder(folder, 8)
    assert found.values.shape == (48, 3, 8, 8) and found.values.dtype == np.float32
    assert found.names == ("left", "right") and found.labels.tolist() == [0] * 24 + [1] * 24
    left, right = found.values[..., :3].mean((1, 2, 3)), found.values[..., -3:].mean((1, 2, 3))
    assert ((left > right) == (found.labels == 0)).all()


def test_what_is_no_image_is_refused_and_a_change_is_seen(folder):
    before = fingerprint(str(folder))
    (folder / "left" / "0.png").write_bytes(b"no image")
    assert fingerprint(str(folder)) != before
    with pytest.raises(InputError, match=r"0\.png cannot be read as an image"):
        image_folder(folder, 8)
    with pytest.raises(DataNotFoundError, match="a folder for each class"):
        image_folder(folder / "left" / "deeper", 8)


@pytest.mark.parametrize(("shape", "convolutions"), [("alexnet", 5), ("vgg11", 8)])
def test_shapes(shape, convolutions):
    images, labels = np.zeros((4, 3, 16, 16), np.float32), np.array([0, 1, 2, 0])
    network = Classifier(shape=shape, epochs=1).trained(images, labels)
    rectified = [name for name, one in network.named_children() if isinstance(one, nn.ReLU)]
    assert rectified == [f"conv{i + 1}" for i in range(convolutions)] + ["fc1", "fc2"]
    assert network(torch.zeros(2, 3, 16, 16)).shape == (2, 3)


def test_uphill_is_the_sign_of_the_losss_gradient():
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    with torch.no_grad():
        network[1].weight[:] = torch.tensor([[1.0, -2.0, 0.0, 3.0], [0.0, 0.0, 0.0, 0.0]])
    images = torch.zeros(300, 1, 2, 2)  # more than a batch
    labels = torch.arange(300) % 2
    found = uphill(network, images, labels).flatten(1)
    assert found[0].tolist() == [-1, 1, 0, -1]
    assert torch.equal(found[1], -found[0]) and torch.equal(found[298], found[0])


def test_units_are_stored_and_tables_count_seeds(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["sparseness", f"root={folder}", "side=8", *QUICK]
    assert main([*command, "seed=0,1"]) == 0
    assert capsys.readouterr().err.count("images recognised") == 2
    paths = sorted((tmp_path / "results" / "sparseness").glob("*.json"))
    times = [path.stat().st_mtime_ns for path in paths]
    assert main([*command, "seed=0,1"]) == 0
    said = capsys.readouterr()
    assert said.err.count("(stored)") == 2
    assert "of 2" in said.out and "by category" in said.out
    assert [path.stat().st_mtime_ns for path in paths] == times
    result = json.loads(paths[0].read_text())["result"]
    assert (result["trained"], result["attacked"], result["classes"]) == (24, 24, 2)
    assert len(result["layers"]) == 2 * 2 * 7  # sizes, populations, layers
    assert len(result["detection"]) == 2 * 2 * 3  # sizes, kinds of change, features
    rough = {
        (row["epsilon"], row["kind"]): row["supervised"]
        for row in result["detection"]
        if row["features"] == "roughness"
    }
    assert rough[0.2, "noise"] > rough[0.05, "noise"]


def test_the_papers_experiment_is_two_shapes_times_three_seeds():
    units = [COMMAND.unit_of(one) for one in COMMAND.composed(["experiment=psi_digits"])]
    assert len({unit.key() for unit in units}) == 6
    assert {unit.classifier["shape"] for unit in units} == {"alexnet", "vgg11"}
    assert [unit.classifier["seed"] for unit in units] == [unit.seed for unit in units]
    assert min(units[0].epsilons) == 0.03


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("classifier=alexnt", "unknown classifier 'alexnt'; did you mean alexnet"),
        ("classifier.epochs=0", "epochs must be at least 1"),
        ("side=10", "side must be a multiple of 4, not 10"),
        ("epsilons=[0.1,0]", "epsilons must be a list of sizes above 0"),
        ("epsilons=0.1", "epsilons: 0.1 is not a list"),
        ("most_attacked=5", "most_attacked must be at least 20"),
        ("root=nowhere", "there are no images in nowhere"),
        ("experiment=nids_tables", "anomalib-ts synth experiment=nids_tables"),
    ],
)
def test_wrong_settings_run_nothing(tmp_path, monkeypatch, capsys, setting, message):
    monkeypatch.chdir(tmp_path)
    assert main(["sparseness", setting]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_the_experiment_belongs_to_this_command(capsys):
    assert main(["run", "experiment=psi_digits"]) == 2
    assert "anomalib-ts sparseness experiment=psi_digits" in capsys.readouterr().err
