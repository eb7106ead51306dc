"""What is said of methods under attack."""

import pytest

from anomalib_ts.results.entries import entries
from anomalib_ts.results.robustness import under_attack
from tests.makers.records import failed, ok


def attack(kind, epsilon, goal="both"):
    return {"_target_": f"a.{kind}", "epsilon": epsilon, "goal": goal, "clip": None}


def results():
    clean = {"strong": 0.9, "steady": 0.7}
    hit = {"strong": {0.1: 0.8, 0.5: 0.2}, "steady": {0.1: 0.69, 0.5: 0.6}}
    records = []
    for name, value in clean.items():
        for case, more in (("x", 0.0), ("y", 0.02)):
            records.append(ok(value + more, name, case))
            for size, found in hit[name].items():
                records.append(ok(found + more, name, case, attack=attack("Pgd", size)))
            records.append(ok(value + more, name, case, attack=attack("Noise", 0.1)))
    return records


def test_losses_and_the_size_at_which_the_ranking_turns():
    pgd, noise = under_attack(entries(results()).kept, "auroc")
    assert (str(pgd.attack), str(noise.attack)) == ("pgd both", "noise both")
    assert pgd.sizes == [0.1, 0.5]
    assert [method.name for method in pgd.clean] == ["strong", "steady"]
    assert [round(v, 3) for v in pgd.losses.values()] == [0.7, 0.1]
    assert pgd.steadiest.name == "steady"
    assert [(size, method.name) for size, method in pgd.turns] == [(0.5, "steady")]
    assert noise.turns == []


def test_only_pairs_count():
    records = [*results(), ok(0.1, "alone", attack=attack("Pgd", 0.1)), failed("strong", "z")]
    records.append(ok(0.0, "strong", "z", attack=attack("Pgd", 0.1)))
    pgd = under_attack(entries(records).kept, "auroc")[0]
    strong, _ = pgd.clean
    assert len(pgd.clean) == 2
    assert pgd.values[strong] == [pytest.approx(0.81), pytest.approx(0.21)]


def test_without_attacks_there_is_nothing_to_say():
    assert under_attack(entries([ok(0.5)]).kept, "auroc") == []


INNER = {"_target_": "anomalib_ts.detectors.Usad", "window": 16}


def defended(value, epsilon=0.0, inner=INNER, **defence):
    settings = {"_target_": "anomalib_ts.robustness.Defended", "detector": inner, "seed": 0}
    more = {"attack": attack("Pgd", epsilon)} if epsilon else {}
    return ok(value, "defended", detector_settings=settings | defence, **more)


def plain(value, epsilon=0.0, window=16):
    settings = {"_target_": "anomalib_ts.detectors.Usad", "window": window, "seed": 0}
    more = {"attack": attack("Pgd", epsilon)} if epsilon else {}
    return ok(value, "usad", variant=f"window={window}", detector_settings=settings, **more)


@pytest.mark.parametrize("bare", [plain, defended])
def test_a_defence_stands_beside_the_same_detector_without(bare):
    records = [bare(0.8), bare(0.5, 0.1), bare(0.3, 0.5), plain(0.1, 0.5, window=8)]
    records += [defended(0.7, smoothing=15), defended(0.55, 0.1, smoothing=15)]
    records += [defended(0.82, clip=True), defended(0.2, 0.5, clip=True)]
    (pgd,) = under_attack(entries(records).kept, "auroc")
    smooth, clip = pgd.defences
    assert (smooth.detector, smooth.defence) == ("Usad (window=16)", "smoothing=15")
    assert smooth.pairs == {0.0: (0.8, 0.7), 0.1: (0.5, 0.55)}
    assert smooth.gain(smooth.largest) == pytest.approx(0.05)
    assert clip.defence == "clip=True" and clip.gain(0.5) == pytest.approx(-0.1)


def test_a_defence_needs_its_detector_beside_it_and_the_default_one_has_a_name():
    alone = [defended(0.7, smoothing=3), defended(0.6, 0.1, smoothing=3)]
    assert under_attack(entries(alone).kept, "auroc")[0].defences == []
    dense = {"_target_": "anomalib_ts.detectors.DenseAutoencoder"}
    records = [defended(0.7, inner=None, smoothing=3), defended(0.6, 0.1, inner=None, smoothing=3)]
    records += [ok(0.8, detector_settings=dense)]
    records += [ok(0.4, detector_settings=dense, attack=attack("Pgd", 0.1))]
    (defence,) = under_attack(entries(records).kept, "auroc")[0].defences
    assert defence.detector == "DenseAutoencoder" and defence.gain(0.1) == pytest.approx(0.2)


def test_a_detector_at_chance_is_not_the_steadiest():
    records = [ok(0.5, "random"), ok(0.5, "random", attack=attack("Pgd", 0.1)), *results()]
    pgd = under_attack(entries(records).kept, "auroc")[0]
    assert len(pgd.losses) == 3 and pgd.steadiest.name == "steady"
    chance = under_attack(entries(records[:2]).kept, "auroc")[0]
    assert chance.steadiest is None
