import struct

import numpy as np

from services.embedded.slides import describe, lines
from tests.unit.ingestion.slides.slide_making import make_slide, patch, picture, pixel_file

# A .ets file names its tile table here; a row is a tile: its axes (x, y, z, level) from byte 4.
TABLE_AT, COUNT_AT, ROW, AXES_AT = 32, 40, 36, 4


def stained_slide(folder):
    image = np.full((1500, 1700, 3), 255, np.uint8)
    image[100:1000, 300:1100] = picture(800, 900)
    return make_slide(folder, image, skip_blank=True)


def lose(path, *places):
    """Take tiles of level 0 out of the table, as a scanner that lost them would leave it."""
    pixels = pixel_file(path)
    content = pixels.read_bytes()
    (at,) = struct.unpack_from("<Q", content, TABLE_AT)
    (count,) = struct.unpack_from("<I", content, COUNT_AT)
    rows = [content[at + n * ROW : at + (n + 1) * ROW] for n in range(count)]
    kept = [row for row in rows if struct.unpack_from("<4i", row, AXES_AT) not in [(*place, 0, 0) for place in places]]
    pixels.write_bytes(content[:at] + b"".join(kept))
    patch(pixels, COUNT_AT, struct.pack("<I", len(kept)))


def test_a_sound_slide_has_no_word_of_lost_pixels(tmp_path):
    facts = describe(stained_slide(tmp_path), None)
    told = list(lines(facts))
    assert (facts["suspect_tiles"], len(told)) == (0, len(facts))
    assert f"{'complete':>16}  True" in told


def test_tiles_that_were_lost_from_stained_places_are_told(tmp_path):
    path = stained_slide(tmp_path)
    lose(path, (4, 3), (5, 3))
    facts = describe(path, None)
    assert facts["suspect_tiles"] == 2
    assert list(lines(facts))[-1].startswith("2 tiles are not stored although the scan's coarser picture shows stain")
