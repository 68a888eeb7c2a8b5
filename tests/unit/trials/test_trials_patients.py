from collections import Counter

from services.simulator.composer import CellTruth, ClumpTruth, Truth
from trials.patients import patients
from trials.reading import truth_of


def test_a_patient_is_the_same_whenever_asked_for_and_however_many_there_are():
    few, many = patients(30), patients(100)
    assert many[:30] == few
    assert len({patient.recipe.seed for patient in many}) == 100
    assert len({patient.specimen for patient in many}) == 100


def test_a_fifth_has_nothing_to_find_and_each_ailment_has_as_many_as_any_other():
    counts = Counter(patient.ailment for patient in patients(100))
    assert counts.pop("none") == 20
    assert len(counts) == 10
    assert set(counts.values()) == {8}


def test_the_films_hold_what_ails_the_patients():
    for patient in patients(100):
        white, red = patient.recipe.differential, patient.recipe.erythrocytes
        total = sum(count for name, count in white.items() if name != "erythroblast")
        assert total >= 180, "enough for a differential"
        assert (white.get("blast", 0) > 0) == (patient.ailment in ("leukaemia", "few blasts"))
        assert (white.get("erythroblast", 0) > 0) == (patient.ailment == "erythroblasts")
        assert (white.get("myelocyte", 0) > 0) == (patient.ailment == "left shift")
        assert ("ring" in red) == (patient.ailment == "malaria")
        assert (patient.recipe.clumps > 0) == (patient.ailment == "clumps")


def cell(kind, label, region="monolayer"):
    return CellTruth(kind, label, 10, 10, 8, 8, region, "cut-out")


def test_truth_is_of_the_whole_film_for_leukocytes_and_of_the_monolayer_for_the_rest():
    white = [cell("leukocyte", "lymphocyte", "feathered")] * 3 + [cell("leukocyte", "neutrophil_band")]
    red = [cell("erythrocyte", "normal")] * 17 + [cell("erythrocyte", "target")] + [cell("erythrocyte", "ring")] * 2
    elsewhere = [cell("erythrocyte", "normal", "thick")] * 50 + [cell("platelet", "platelet", "thick")]
    rest = [cell("leukocyte", "erythroblast"), cell("platelet", "platelet")]
    clump = ClumpTruth(0, 6, 10, 10, 8, 8, "feathered")
    truth = truth_of(Truth(100, 100, 0.137, 1, tuple(white + red + elsewhere + rest), (), (clump,)))
    assert truth["differential.lymphocyte"] == 75
    assert truth["differential.neutrophils"] == 25
    assert truth["erythroblasts.per_100_leukocytes"] == 25
    assert truth["erythrocytes.target"] == 5
    assert truth["erythrocytes.plasmodium"] == 10
    assert "erythrocytes.ring" not in truth
    assert truth["platelets.per_100_erythrocytes"] == 5
    assert truth["platelets.clumps"] == 1
