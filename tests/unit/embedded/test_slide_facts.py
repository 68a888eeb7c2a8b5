import numpy as np

from services.embedded.slides import describe, lines
from tests.unit.ingestion.slides.slide_making import lose_tiles, make_slide, picture


def stained_slide(folder):
    image = np.full((1500, 1700, 3), 255, np.uint8)
    image[100:1000, 300:1100] = picture(800, 900)
    return make_slide(folder, image, skip_blank=True)


def test_a_sound_slide_has_no_word_of_lost_pixels(tmp_path):
    facts = describe(stained_slide(tmp_path), None)
    told = list(lines(facts))
    assert (facts["suspect_tiles"], len(told)) == (0, len(facts))
    assert f"{'complete':>16}  True" in told


def test_tiles_that_were_lost_from_stained_places_are_told(tmp_path):
    path = stained_slide(tmp_path)
    lose_tiles(path, (4, 3), (5, 3))
    facts = describe(path, None)
    assert facts["suspect_tiles"] == 2
    assert list(lines(facts))[-1].startswith("2 tiles are not stored although the scan's coarser picture shows stain")
