"""Scans that are touched, replaced, changed, copied and moved: before, while and after they are read."""

import os
import shutil
from contextlib import suppress
from datetime import timedelta

import pytest

from services.kit.contracts import Question, Reading, ReadingRequest
from services.kit.errors import TransientError
from tests.unit.ingestion.at_work import ADMITTED, HELD, NOON, WAITING, deadline, write

LEUKOCYTES = Question.QUESTION_LEUKOCYTES


def pixels(ingestion, name="small"):
    return ingestion.share / f"_{name}_" / "stack10001" / "frame_t.ets"


def touch(ingestion, name="small"):
    for path in (ingestion.share / f"{name}.vsi", pixels(ingestion, name)):
        status = path.stat()
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000_000))


def read_and_disturbed(ingestion, scan, disturb):
    """What reading gives when `disturb` happens after its first tile."""
    outputs = ingestion.handlers.scans(scan)
    values = [next(outputs).value]
    disturb()
    return values + [output.value for output in outputs]


def test_a_touched_scan_that_was_read_is_recognised_and_nothing_is_said_or_read(small):
    scan = small.settled()[-1]
    assert small.read(scan)[1]
    touch(small)
    assert small.poll() == []
    assert small.poll(1000) == []
    assert small.known("small.vsi") == scan


def test_a_scan_copied_again_in_place_is_not_read_again(small, small_slide):
    scan = small.settled()[-1]
    _, reading = small.read(scan)
    pixels(small).write_bytes(pixels(small).read_bytes()[:-1000])
    assert small.poll() == [("small.vsi", WAITING)]
    shutil.copy(next(small_slide[0].parent.rglob("stack10001/frame_t.ets")), pixels(small))
    again = small.settled()[-1]
    assert (again.state, again.slide.slide_id) == (ADMITTED, scan.slide.slide_id)
    assert small.outputs(again) == []
    assert small.outputs(scan)[-1] == reading, "the first word delivered again gets the first answer"


def test_content_changed_after_it_was_read_is_held_for_a_person(small):
    scan = small.settled()[-1]
    small.read(scan)
    with pixels(small).open("ab") as file:
        file.write(b"written afterwards")
    assert small.poll() == [("small.vsi", WAITING)]
    [changed] = small.announced(10)
    assert (changed.state, changed.reason.code, changed.slide.specimen) == (HELD, "changed", "A1234")
    assert changed.slide.slide_id != scan.slide.slide_id


@pytest.mark.parametrize("other", [{"created": NOON + timedelta(hours=1)}, {"barcode": "B5678"}])
def test_another_scan_under_the_same_name_is_a_scan_of_its_own(ingestion, other):
    write(ingestion.share)
    first = ingestion.settled()[-1]
    ingestion.stores.rounds.save(Reading(slide=first.slide, scan=first.properties, round=1), (), first.name, first)
    write(ingestion.share, seed=1, **other)
    second = ingestion.settled()[-1]
    assert second.state == ADMITTED
    assert second.slide.slide_id != first.slide.slide_id


def test_an_incomplete_scan_that_was_held_is_read_under_its_own_name_once_it_completes(small):
    whole = pixels(small).read_bytes()
    pixels(small).write_bytes(whole[: len(whole) // 2])
    small.poll()
    [held] = small.announced(900)
    assert (held.state, held.reason.code, held.slide.slide_id[0]) == (HELD, "incomplete", "U")
    pixels(small).write_bytes(whole)
    admitted = small.settled()[-1]
    assert (admitted.state, admitted.slide.slide_id[0]) == (ADMITTED, "S")
    assert deadline(admitted.slide) == NOON + timedelta(seconds=900 + 1800)
    tiles, reading = small.read(admitted)
    assert tiles
    assert reading.tile_ids


def test_a_scan_that_changes_while_it_is_read_gives_no_reading_and_is_read_anew(small):
    scan = small.settled()[-1]
    first = read_and_disturbed(small, scan, lambda: touch(small))
    assert first
    assert not any(isinstance(value, Reading) for value in first)
    assert small.poll() == [("small.vsi", WAITING)]
    assert small.outputs(scan) == [], "its word was overtaken"
    [again] = small.announced(10)
    tiles, reading = small.read(again)
    assert again.slide.slide_id == scan.slide.slide_id
    assert not {tile.tile_id for tile in tiles} & {tile.tile_id for tile in first}
    assert not {tile.uri for tile in tiles} & {tile.uri for tile in first}
    assert list(reading.tile_ids) == [tile.tile_id for tile in tiles]


def test_a_scan_replaced_while_it_is_read_is_given_up_even_where_size_and_time_stay(small):
    scan = small.settled()[-1]
    vsi = small.share / "small.vsi"

    def replace():
        status, content = vsi.stat(), bytearray(vsi.read_bytes())
        content[-1] ^= 1
        vsi.write_bytes(content)
        os.utime(vsi, ns=(status.st_atime_ns, status.st_mtime_ns))

    values = read_and_disturbed(small, scan, replace)
    assert not any(isinstance(value, Reading) for value in values)
    assert small.known("small.vsi").state == WAITING


def test_a_scan_that_never_keeps_still_is_held_after_some_tries_and_read_once_it_does(small):
    for _ in range(3):
        scan = small.settled()[-1]
        assert scan.state == ADMITTED
        read_and_disturbed(small, scan, lambda: touch(small))
    [held] = small.announced()
    assert (held.state, held.reason.code) == (HELD, "unsteady")
    assert small.poll(100) == []
    touch(small)
    assert small.read(small.settled()[-1])[1]


def test_a_watcher_that_sees_the_change_first_does_not_hide_that_a_reading_was_given_up(small):
    for _ in range(3):
        scan = small.settled()[-1]

        def disturb():
            pixels(small).write_bytes(pixels(small).read_bytes() + b"x")
            small.announced()

        with suppress(TransientError):
            read_and_disturbed(small, scan, disturb)
    assert small.known("small.vsi").reason.code == "unsteady"


def test_a_scan_that_the_watcher_sees_touched_while_it_is_read_is_read_all_the_same(small):
    scan = small.settled()[-1]

    def disturb():
        touch(small)
        assert small.poll() == []

    with pytest.raises(TransientError, match="changed at this moment"):
        read_and_disturbed(small, scan, disturb)
    assert small.read(scan)[1].tile_ids, "the word delivered again"


def test_a_further_round_of_a_scan_that_changes_meanwhile_is_tried_again(small):
    scan = small.settled()[-1]
    small.read(scan)
    request = ReadingRequest(slide=scan.slide, round=2, question=LEUKOCYTES, cells=10)
    outputs = small.handlers.requests(request)
    next(outputs)
    touch(small)
    with pytest.raises(TransientError):
        list(outputs)
    values = small.request(request)
    assert values[-1].tile_ids
    assert small.request(request) == values


def test_a_copy_is_read_when_the_original_was_taken_away_before(small, small_slide):
    scan = small.settled()[-1]
    small.put(small_slide[0], "spare")
    assert small.settled()[-1].copy_of == "small.vsi"
    small.take_away("small")
    tiles, reading = small.read(scan)
    assert tiles
    assert reading.slide.slide_id == scan.slide.slide_id
    small.poll()
    assert small.known("small.vsi").state == ADMITTED, "its slide is read"


def test_a_copy_is_read_further_when_the_original_was_taken_away_after_the_first_round(small, small_slide):
    scan = small.settled()[-1]
    small.put(small_slide[0], "spare")
    small.settled()
    small.read(scan)
    small.take_away("small")
    [*tiles, reading] = small.request(ReadingRequest(slide=scan.slide, round=2, question=LEUKOCYTES, cells=10))
    assert tiles
    assert reading.tile_ids


def test_a_copy_stands_for_the_slide_when_another_scan_takes_the_name_of_its_original(small, small_slide):
    scan = small.settled()[-1]
    small.put(small_slide[0], "spare")
    small.settled()
    small.take_away("small")
    write(small.share, "small", barcode="B5678")
    small.poll()
    assert small.outputs(scan) == []
    small.settled()
    promoted = small.last("spare.vsi")
    assert (promoted.state, promoted.copy_of) == (ADMITTED, "")
    assert small.read(promoted)[1].slide.slide_id == scan.slide.slide_id


def test_a_scan_that_was_moved_before_it_was_read_is_read_where_it_is_now(small):
    scan = small.settled()[-1]
    (small.share / "notes.txt").touch()
    (small.share / "_small_").rename(small.share / "_moved_")
    (small.share / "small.vsi").rename(small.share / "moved.vsi")
    assert small.read(scan) == ([], None)
    small.settled()
    assert small.known("small.vsi").reason.code == "removed"
    moved = small.last("moved.vsi")
    assert (moved.state, moved.copy_of) == (ADMITTED, "")
    assert small.read(moved)[1]


def test_a_copy_of_a_slide_that_was_held_is_held_for_the_same_reason(ingestion):
    write(ingestion.share)
    assert ingestion.read(ingestion.settled()[-1]) == ([], None)
    [held] = ingestion.announced()
    assert held.state == HELD
    shutil.copytree(ingestion.share / "_s1_", ingestion.share / "_spare_")
    shutil.copy(ingestion.share / "s1.vsi", ingestion.share / "spare.vsi")
    copy = ingestion.settled()[-1]
    assert (copy.name, copy.state, copy.reason, copy.copy_of) == ("spare.vsi", HELD, held.reason, "s1.vsi")


def test_a_scan_that_was_read_and_is_then_cleared_from_the_share_stays_read(small):
    scan = small.settled()[-1]
    small.read(scan)
    (small.share / "notes.txt").touch()
    pixels(small).unlink()
    assert small.poll() == [("small.vsi", WAITING)]
    small.take_away("small")
    small.settled()
    last = small.known("small.vsi")
    assert (last.state, last.slide.slide_id) == (ADMITTED, scan.slide.slide_id)
    assert small.outputs(last) == []
