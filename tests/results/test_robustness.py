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
    assert [(size, method.name) for size, method in pgd.turns(1.0)] == [(0.5, "steady")]
    assert noise.turns(1.0) == []


def test_only_pairs_count():
    records = [*results(), ok(0.1, "alone", attack=attack("Pgd", 0.1)), failed("strong", "z")]
    records.append(ok(0.0, "strong", "z", attack=attack("Pgd", 0.1)))
    pgd = under_attack(entries(records).kept, "auroc")[0]
    strong, _ = pgd.clean
    assert len(pgd.clean) == 2
    assert pgd.values[strong] == [pytest.approx(0.81), pytest.approx(0.21)]


def test_without_attacks_there_is_nothing_to_say():
    assert under_attack(entries([ok(0.5)]).kept, "auroc") == []
