"""`frottis analyse` of slides: what is said of a scan that has lost pixels."""

import pytest

from services.embedded import analysing
from tests.unit.ingestion.slides.slide_making import lose_tiles, make_slide, picture


class NoCells:
    """An analyser that finds nothing, and keeps the pictures that it was given."""

    def __init__(self):
        self.pictures = []

    def analyse(self, pictures):
        self.pictures += pictures
        return iter(())


@pytest.fixture
def analyser(monkeypatch):
    made = NoCells()
    monkeypatch.setattr(analysing, "build_analyser", lambda _: made)
    return made


def test_places_of_a_slide_whose_tiles_were_lost_are_left_out_and_told(tmp_path, analyser):
    path = make_slide(tmp_path, picture(2500, 700))
    lose_tiles(path, (1, 1), (2, 1))
    told = []
    analysing.analyse([path], None, tmp_path / "cells.jsonl", None, told.append)
    [given] = analyser.pictures
    assert [(box.x, box.y, box.width, box.height) for box in given.lost] == [(128, 128, 128, 128), (256, 128, 128, 128)]
    [problem] = map(str, told)
    assert problem.startswith(f"{path}: 2 tiles of the scan are not stored")
    assert "1 of 3 places were left out" in problem
    assert "scan the slide again" in problem


def test_of_a_sound_slide_nothing_is_told(tmp_path, analyser):
    told = []
    analysing.analyse([make_slide(tmp_path, picture(500, 300))], None, tmp_path / "cells.jsonl", None, told.append)
    assert told == []
    assert not analyser.pictures[0].lost
