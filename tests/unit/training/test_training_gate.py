import json

import numpy as np
import pytest

from services.training import card_texts, gate
from services.training.errors import CandidateRefused
from services.training.paired import Difference, difference, right_of_all, share_right

PLACE = "pbc at 0.1 µm/px, monocyte: called right"


def compared(released: np.ndarray, candidate: np.ndarray) -> Difference:
    return difference(PLACE, right_of_all(released), right_of_all(candidate), share_right, seed=1)


def right(cells: int, wrong: int) -> np.ndarray:
    return np.arange(cells) >= wrong


def test_the_same_answers_are_no_difference():
    found = compared(right(200, 20), right(200, 20))
    assert (found.released, found.candidate, found.low, found.high) == (0.9, 0.9, 0, 0)
    assert not found.worse


def test_a_loss_beyond_chance_is_worse_and_one_within_is_not():
    assert compared(right(200, 10), right(200, 40)).worse
    assert not compared(right(200, 10), right(200, 12)).worse
    assert not compared(right(200, 40), right(200, 10)).worse


def test_what_is_hard_for_both_does_not_hide_a_loss():
    """Unpaired, 50 of 100 against 58 of 100 would be chance; here 8 cells were lost and none was won."""
    assert compared(right(100, 42), right(100, 50)).worse


def test_a_candidate_that_is_nowhere_worse_passes():
    gate.check("leukocytes", [compared(right(100, 5), right(100, 5))])


def test_a_loss_refuses_the_candidate_by_the_name_of_its_place(monkeypatch):
    monkeypatch.setattr(gate, "accepted_losses", lambda _: {})
    with pytest.raises(CandidateRefused, match="monocyte: called right"):
        gate.check("leukocytes", [compared(right(200, 5), right(200, 60))])


def test_a_loss_that_the_models_text_accepts_passes(monkeypatch, tmp_path):
    (tmp_path / "leukocytes.md").write_text(
        f"Use.\n\n## Limits\n\n- None.\n\n## Accepted losses\n\n- {PLACE} — refusal of noise is worth it\n", "utf-8"
    )
    monkeypatch.setattr(card_texts, "_PROSE", tmp_path)
    assert card_texts.accepted_losses("leukocytes") == {PLACE: "refusal of noise is worth it"}
    gate.check("leukocytes", [compared(right(200, 5), right(200, 60))])


def test_the_table_and_the_json_tell_what_is_worse():
    found = [compared(right(200, 5), right(200, 60)), compared(right(200, 60), right(200, 5))]
    lost, won = gate.as_text(found).splitlines()[2:4]
    assert lost.endswith("| worse |")
    assert won.endswith("| better |")
    assert [one["worse"] for one in json.loads(gate.as_json(found))] == [True, False]


def test_a_candidate_takes_the_place_of_all_that_was_released(tmp_path):
    files = ("1/model.onnx", "model.yaml", "card.md", "reliability.png")
    candidate, released = tmp_path / "new", tmp_path / "old"
    for folder, text in ((candidate, "new"), (released, "old")):
        (folder / "1").mkdir(parents=True)
        for file in files:
            (folder / file).write_text(text, "utf-8")
    gate.install(released, candidate)
    assert {(released / file).read_text("utf-8") for file in files} == {"new"}
