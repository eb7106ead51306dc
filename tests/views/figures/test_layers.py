"""Layers under attack as a table and a picture."""

import pytest

from anomalib_ts.errors import ConfigError, UndefinedMetricError
from anomalib_ts.results.store import Store
from anomalib_ts.run.job import run_job
from anomalib_ts.views.figures import write_figure
from anomalib_ts.views.figures.layers import Layers
from tests.run.test_attack import NET, PCA, attack, job

PLAN = {"_target_": "anomalib_ts.views.figures.layers.Layers", "name": "layers"}


@pytest.mark.parametrize("isolate", [False, True])
def test_layers_of_a_network_with_roughness_beside_them(tmp_path, isolate):
    pgd = attack("Pgd", steps=4, sizes=[])
    made = job(tmp_path, pgd, NET, {"pca": PCA}, isolate=isolate)
    records = run_job(made)
    Layers().check(made)
    written = write_figure(PLAN, Store(tmp_path), records)
    assert {row[1] for row in written.grid.cells} == {"chosen (attack=pgd both 0.2)"}
    layers = [row[2] for row in written.grid.cells]
    assert layers[-1] == "roughness" and len(layers) > 4
    assert any("pca" in remark for remark in written.remarks)
    assert all(path.stat().st_size for path in written.paths)
    stored = {r.unit.key: r.diagnosis for r in Store(tmp_path).records()}
    assert stored == {r.unit.key: r.diagnosis for r in records}


def test_without_an_attack_or_layers_there_is_nothing_to_show(tmp_path):
    with pytest.raises(ConfigError, match="attack=pgd"):
        Layers().check(job(tmp_path))
    records = run_job(job(tmp_path, attack("Noise"), NET))
    with pytest.raises(UndefinedMetricError, match="use a deep detector"):
        Layers().draw(Store(tmp_path), records)
