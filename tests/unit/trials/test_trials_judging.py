import json

import numpy as np
import pytest

from trials import __main__ as command
from trials.cells import _ellipse, _stands_alone
from trials.judging import ailments_table, figures_table, flags_table
from trials.reading import Outcome, Read


def outcome(number=1, rules=(), figures=None, decision="released", ailment="none", **truth):
    known = {"erythroblasts.per_100_leukocytes": 0.0, "erythrocytes.plasmodium": 0.0, "platelets.clumps": 0.0}
    return Outcome(number, ailment, decision, tuple(rules), figures or {}, known | truth, 10.0 + number)


def blasts(percent):
    return {"differential.blast": percent}


def line(text, begins):
    (found,) = [row for row in text.splitlines() if row.startswith(f"| {begins} |")]
    return [part.strip() for part in found.strip("|").split("|")]


def test_sensitivity_is_of_those_who_have_it_and_specificity_of_those_who_surely_have_not():
    found = [
        outcome(1, ["blasts"], **blasts(30.0)),
        outcome(2, ["blast_seen"], **blasts(3.0)),
        outcome(3, [], **blasts(1.0)),
        outcome(4, ["many_possible_blasts"]),
        outcome(5, ["haemogram_wbc"]),
        outcome(6),
    ]
    _, have, sensitivity, lack, specificity = line(flags_table(found), "blasts, ≥ 2 %: held")
    assert (have, lack) == ("2", "3")
    assert sensitivity.startswith("0.500 (")
    assert specificity.startswith("0.667 (")
    _, _, sensitivity, _, _ = line(flags_table(found), "blasts, ≥ 2 %: held or flagged")
    assert sensitivity.startswith("1.000 (")
    assert line(flags_table(found), "platelet clumps, ≥ 3 on the film")[1:3] == ["0", "no patient"]


def test_a_figure_is_right_when_the_truth_lies_within_its_own_limits():
    given = [
        Read(20, 200, 10.0, 6.2, 15.0, ""),
        Read(30, 200, 15.0, 10.3, 20.7, ""),
        Read(1, 50, None, None, None, "few"),
    ]
    found = [
        outcome(n, figures={"differential.monocyte": read}, **{"differential.monocyte": 9.0})
        for n, read in enumerate(given)
    ]
    _, patients, told, within, mean, size, largest = line(figures_table(found), "differential.monocyte")
    assert (patients, told) == ("3", "2")
    assert within.startswith("0.500 (")
    assert (mean, size, largest) == ("+3.50", "3.50", "6.00")


def test_what_the_film_has_none_of_is_truly_none_and_counts_are_no_figures():
    read = Read(4, 200, 2.0, 0.5, 5.0, "")
    text = figures_table([outcome(figures={"differential.blast": read, "leukocytes.counted": read})])
    assert line(text, "differential.blast")[3].startswith("0.000 (")
    assert "leukocytes.counted" not in text


def test_every_ailment_tells_what_became_of_its_patients():
    text = ailments_table([outcome(1), outcome(2, decision="held"), outcome(4, ailment="malaria", decision="held")])
    assert line(text, "none") == ["none", "2", "1 released, 1 held", "12", "12"]
    assert line(text, "malaria")[1:3] == ["1", "1 held"]


def test_what_was_read_before_is_not_read_again(tmp_path, monkeypatch):
    read = outcome(0, figures={"differential.blast": Read(0, 200, 0.0, 0.0, 1.8, "")})
    (tmp_path / command.RESULTS).write_text(json.dumps(read.as_json()) + "\n", "utf-8")
    assert command.outcomes(tmp_path) == [read]
    ran = []
    monkeypatch.setattr(command, "library", lambda *_: None)
    monkeypatch.setattr("subprocess.run", lambda arguments, **_: ran.append(arguments[4]))
    command.main(["read", "--data", "data", "--patients", "3", "--out", str(tmp_path)])
    assert ran == ["1", "2"]


def test_a_box_becomes_a_soft_ellipse_at_the_resolution_of_films():
    light = np.full((200, 200, 3), 0.5, np.float32)
    pixels = _ellipse(light, (50, 60, 80, 40), um_per_px=0.0685)
    assert pixels.shape == (20, 40, 4)
    assert pixels[10, 20].tolist() == pytest.approx([127, 127, 127, 255], abs=2)
    assert pixels[0, 0, 3] == 0
    assert _ellipse(light, (150, 60, 80, 40), um_per_px=0.0685) is None


def test_a_blast_beside_another_cell_or_out_of_focus_is_not_taken():
    side, rng = 110, np.random.default_rng(1)
    across = np.linspace(-1, 1, side)
    radius = np.hypot(across[None], across[:, None])
    alone = np.where(radius[..., None] < 0.6, rng.integers(60, 130, (side, side, 1)), 240).astype(np.uint8)
    alone = np.dstack([np.repeat(alone, 3, axis=2), np.full((side, side), 255, np.uint8)])
    blurred, crowded = alone.copy(), alone.copy()
    blurred[radius < 0.6, :3] = 95
    blurred[..., :3] = np.where(radius[..., None] < 0.6, 95, 96)
    crowded[:, :40, :3] = 90
    assert _stands_alone(alone)
    assert not _stands_alone(blurred)
    assert not _stands_alone(crowded)
