import shutil

import cv2
import numpy as np
import pytest

from services.ingestion.tiles import TILE_PX
from services.kit.contracts import Question, Reading, ReadingRequest, Scan, ScanState
from services.kit.errors import TransientError
from services.simulator.vsi import Stack, StackKind, write_slide
from tests.unit.ingestion.at_work import FEW_CELLS, Ingestion
from tests.unit.ingestion.slides.slide_making import lose_tiles

LEUKOCYTES, ERYTHROCYTES = Question.QUESTION_LEUKOCYTES, Question.QUESTION_ERYTHROCYTES


@pytest.fixture
def ingestion(tmp_path, small_slide):
    made = Ingestion(tmp_path, settle_s=0, **FEW_CELLS)
    made.put(small_slide[0])
    yield made
    made.database.close()


def test_a_round_gives_each_field_as_a_tile_and_says_what_it_read(ingestion):
    [scan] = ingestion.announced()
    tiles, reading = ingestion.read(scan)
    assert [tile.tile_id for tile in tiles] == list(reading.tile_ids)
    assert len(set(reading.tile_ids)) == len(tiles) >= 3
    asked = {question for field in reading.fields for question in field.questions}
    assert asked == {LEUKOCYTES, ERYTHROCYTES, Question.QUESTION_PLATELETS, Question.QUESTION_PLATELET_CLUMPS}
    assert reading.film.monolayer_mm2 > 0.05
    picture = cv2.imdecode(np.frombuffer(ingestion.objects.get(tiles[0].uri), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (TILE_PX, TILE_PX, 3)


def test_a_round_delivered_again_is_the_same_round(ingestion):
    [scan] = ingestion.announced()
    first_tiles, first = ingestion.read(scan)
    again_tiles, again = ingestion.read(scan)
    assert [tile.SerializeToString() for tile in first_tiles] == [tile.SerializeToString() for tile in again_tiles]
    assert first.tile_ids == again.tile_ids


def test_a_further_round_reads_other_fields_until_none_is_left(ingestion):
    [scan] = ingestion.announced()
    _, reading = ingestion.read(scan)
    read, number = {field.field_id for field in reading.fields if not field.HasField("rejected")}, 1
    while LEUKOCYTES not in reading.exhausted:
        number += 1
        request = ReadingRequest(slide=scan.slide, round=number, question=LEUKOCYTES, cells=10)
        reading = next(
            output.value for output in ingestion.handlers.requests(request) if isinstance(output.value, Reading)
        )
        fields = {field.field_id for field in reading.fields if not field.HasField("rejected")}
        assert fields
        assert not fields & read
        read |= fields
    assert number > 1


def test_a_request_before_the_first_round_waits(ingestion):
    [scan] = ingestion.announced()
    with pytest.raises(TransientError):
        list(ingestion.handlers.requests(ReadingRequest(slide=scan.slide, round=2, question=LEUKOCYTES, cells=5)))


def test_a_slide_gone_before_a_further_round_says_that_nothing_more_comes(ingestion):
    [scan] = ingestion.announced()
    ingestion.read(scan)
    (ingestion.share / "small.vsi").unlink()
    request = ReadingRequest(slide=scan.slide, round=2, question=LEUKOCYTES, cells=5)
    [reading] = [output.value for output in ingestion.handlers.requests(request)]
    assert list(reading.exhausted) == [LEUKOCYTES]
    assert not reading.tile_ids
    assert "small.vsi" in reading.fields[0].rejected.text


def test_a_field_with_damaged_pixels_is_rejected_and_told_and_the_others_are_read(ingestion):
    pixels = ingestion.share / "_small_" / "stack10001" / "frame_t.ets"
    content = bytearray(pixels.read_bytes())
    # Level 0 comes first in the file: the middle of its bytes is the middle of the film.
    start = len(content) // 3
    content[start : start + 60_000] = b"\x55" * 60_000
    pixels.write_bytes(content)
    [scan] = ingestion.announced()
    tiles, reading = ingestion.read(scan)
    damaged = [field for field in reading.fields if field.rejected.code in ("unreadable", "missing_tiles")]
    assert tiles
    assert damaged


def test_no_field_is_read_from_tiles_that_the_finest_level_has_lost(ingestion):
    lost = [(3, 2), (4, 2), (5, 3)]
    lose_tiles(ingestion.share / "small.vsi", *lost)
    [scan] = ingestion.announced()
    tiles, reading = ingestion.read(scan)
    assert reading.film.missing_tiles == 3
    rejected = [field for field in reading.fields if field.rejected.code == "missing_tiles"]
    assert rejected
    assert tiles
    side = 512 * 0.137
    for column, row in lost:
        for tile in tiles:
            beside = tile.region.x_um >= (column + 1) * side or tile.region.x_um + tile.region.width_um <= column * side
            above = tile.region.y_um >= (row + 1) * side or tile.region.y_um + tile.region.height_um <= row * side
            assert beside or above


def test_bare_glass_is_held_as_an_empty_film(ingestion):
    glass = np.full((3000, 3000, 3), 240, np.uint8)
    write_slide(ingestion.share, "glass", [Stack(10001, "40x", StackKind.MAIN, glass)], barcode="A9999")
    scan = next(scan for scan in ingestion.announced() if scan.name == "glass.vsi")
    assert ingestion.read(scan) == ([], None)
    [held] = ingestion.announced()
    assert (held.state, held.reason.code) == (ScanState.SCAN_STATE_HELD, "film_empty")
    assert ingestion.read(scan) == ([], None)


def test_a_scan_gone_before_it_was_read_is_held(ingestion):
    [scan] = ingestion.announced()
    shutil.rmtree(ingestion.share / "_small_")
    (ingestion.share / "small.vsi").unlink()
    (ingestion.share / "another.vsi").touch()
    assert ingestion.read(scan) == ([], None)
    held = next(scan for scan in ingestion.announced() if scan.name == "small.vsi")
    assert (held.state, held.reason.code) == (ScanState.SCAN_STATE_HELD, "removed")


def test_an_empty_mount_point_is_a_share_that_is_away_and_no_removed_scan(ingestion):
    [scan] = ingestion.announced()
    shutil.rmtree(ingestion.share / "_small_")
    (ingestion.share / "small.vsi").unlink()
    with pytest.raises(TransientError):
        ingestion.read(scan)


def test_a_word_from_before_the_admission_that_comes_late_is_not_read(ingestion):
    [scan] = ingestion.announced()
    waiting = Scan(name=scan.name, state=ScanState.SCAN_STATE_WAITING)
    assert ingestion.read(waiting) == ([], None)


def test_a_copy_is_not_read_again(ingestion):
    [scan] = ingestion.announced()
    scan.copy_of = "other.vsi"
    assert ingestion.read(scan) == ([], None)
