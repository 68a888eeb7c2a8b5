import numpy as np

from services.embedded.slides import describe, is_whole, lines
from tests.unit.ingestion.slides.slide_making import damage_tiles, lose_tiles, make_slide, picture


def stained_slide(folder):
    image = np.full((1500, 1700, 3), 255, np.uint8)
    image[100:1000, 300:1100] = picture(800, 900)
    return make_slide(folder, image, skip_blank=True)


def test_a_sound_slide_has_no_word_of_lost_pixels(tmp_path):
    facts = describe(stained_slide(tmp_path), None)
    told = list(lines(facts))
    assert (facts["suspect_tiles"], facts["places_damaged"], len(told)) == (0, 0, len(facts))
    assert is_whole(facts)
    assert f"{'complete':>16}  True" in told


def test_tiles_that_were_lost_from_stained_places_are_told(tmp_path):
    path = stained_slide(tmp_path)
    lose_tiles(path, (4, 3), (5, 3))
    facts = describe(path, None)
    assert facts["suspect_tiles"] == 2
    assert list(lines(facts))[-1].startswith("2 tiles are not stored although the scan's coarser picture shows stain")
    assert not is_whole(facts)


def test_a_level_of_which_no_tile_decodes_is_told(tmp_path):
    path = stained_slide(tmp_path)
    damage_tiles(path, level=1)
    facts = describe(path, None)
    assert (facts["complete"], facts["missing_tiles"] > 0, facts["suspect_tiles"]) == (True, True, 0)
    assert facts["places_read"] > facts["places_damaged"] > 0
    assert "of level 1 at offset" in facts["damage"]
    assert "places that were read cannot be decoded" in list(lines(facts))[-1]
    assert not is_whole(facts)
