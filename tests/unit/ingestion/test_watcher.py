import os
import re
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from services.kit.clock import from_timestamp
from tests.unit.ingestion.at_work import ADMITTED, HELD, NOON, REFUSED, ROUTINE, STAT, WAITING, Ingestion, write


@pytest.fixture
def share(tmp_path):
    made = Ingestion(tmp_path)
    yield made
    made.database.close()


def test_a_scan_is_admitted_once_complete_and_still(share):
    write(share.share)
    assert share.poll() == [("s1.vsi", WAITING)]
    assert share.poll(9) == []
    assert share.poll(1) == [("s1.vsi", ADMITTED)]
    scan = share.told[-1]
    assert (scan.slide.specimen, scan.properties.width_px, scan.properties.um_per_px) == ("A1234", 700, 0.137)
    assert from_timestamp(scan.slide.deadline) == NOON + timedelta(minutes=30)
    assert share.poll(100) == []


@pytest.mark.parametrize("name", ["x.vsi", "x.svs"])
def test_a_folder_in_the_place_of_a_scan_is_refused_with_its_reason(share, name):
    (share.share / name).mkdir()
    assert share.poll() == [(name, WAITING)]
    assert share.poll(10) == [(name, REFUSED)]
    assert "is a folder, not a file" in share.told[-1].reason.text
    assert share.poll(1000) == []
    (share.share / name).rmdir()
    vsi = write(share.share, "x")
    if name == vsi.name:
        assert [*share.poll(), *share.poll(10)] == [(name, WAITING), (name, ADMITTED)]


def test_the_promise_starts_when_the_complete_scan_was_first_seen(share):
    vsi = write(share.share)
    pixels = next(vsi.parent.rglob("frame_t.ets"))
    whole = pixels.read_bytes()
    pixels.write_bytes(whole[: len(whole) // 2])
    share.poll()
    assert "frame_t.ets" in share.told[-1].reason.text
    share.clock.advance(300)
    pixels.write_bytes(whole)
    share.poll()
    share.poll(10)
    assert share.told[-1].state == ADMITTED
    assert from_timestamp(share.told[-1].slide.deadline) == NOON + timedelta(minutes=35)


def test_a_restart_moves_neither_the_promise_nor_the_end(share):
    write(share.share)
    share.poll()
    share.clock.advance(60)
    share.restart()
    share.poll()
    share.poll(10)
    assert from_timestamp(share.told[-1].slide.deadline) == NOON + timedelta(minutes=30)
    share.restart()
    assert share.poll(60) == []


def test_what_was_not_heard_is_told_again(share):
    write(share.share)
    list(share.watcher.poll())
    assert share.poll() == [("s1.vsi", WAITING)]
    assert share.poll() == []


def test_an_incomplete_scan_is_held_after_the_limit_and_taken_up_when_it_completes(share):
    vsi = write(share.share)
    pixels = next(vsi.parent.rglob("frame_t.ets"))
    whole = pixels.read_bytes()
    pixels.unlink()
    share.poll()
    assert share.poll(899) == []
    assert share.poll(1) == [("s1.vsi", HELD)]
    assert share.told[-1].reason.code == "incomplete"
    assert share.told[-1].slide.specimen == "A1234"
    assert share.poll(1000) == []
    pixels.write_bytes(whole)
    assert share.poll() == [("s1.vsi", WAITING)]
    assert share.poll(10) == [("s1.vsi", ADMITTED)]


def held_after(share, seconds):
    """The word that holds the only scan, if it comes within `seconds`, and after how many."""
    for second in range(5, seconds, 5):
        if share.poll(5) == [("s1.vsi", HELD)]:
            return second, share.told[-1]
    return None


@pytest.mark.parametrize(
    ("orders", "settings", "after"),
    [
        ((), {}, 900),
        ((ROUTINE,), {}, 900),
        ((STAT,), {}, 600),
        ((ROUTINE, STAT), {"notice_s": 120.0}, 780),
        ((STAT,), {"stat_promise_s": 400.0}, 200),
        ((ROUTINE,), {"promise_s": 800.0}, 500),
        ((), {"promise_s": 800.0}, 900),
        ((STAT,), {"incomplete_limit_s": 60.0}, 60),
    ],
)
def test_an_incomplete_scan_that_was_ordered_is_held_while_there_is_time_to_say_so(tmp_path, orders, settings, after):
    share = Ingestion(tmp_path, **settings)
    for number, priority in enumerate(orders):
        share.order(f"O{number}", priority=priority)
    next(write(share.share).parent.rglob("frame_t.ets")).unlink()
    share.poll()
    second, held = held_after(share, 1000)
    assert second == after
    assert (held.reason.code, held.slide.specimen) == ("incomplete", "A1234")
    assert f"nothing has come for {after} s" in held.reason.text
    notice_s = (from_timestamp(held.slide.deadline) - share.clock.now()).total_seconds()
    assert not orders or notice_s >= min(share.settings.notice_s, after)
    share.database.close()


def test_an_order_that_becomes_urgent_holds_its_incomplete_scan_sooner(share):
    share.order(priority=ROUTINE)
    next(write(share.share).parent.rglob("frame_t.ets")).unlink()
    share.poll()
    assert share.poll(700) == []
    share.order(priority=STAT, revision=2)
    assert share.poll(2) == [("s1.vsi", HELD)]
    assert from_timestamp(share.told[-1].slide.deadline) == NOON + timedelta(minutes=15)


def test_a_scan_that_never_was_complete_tells_no_moment_at_which_it_was(share):
    next(write(share.share).parent.rglob("frame_t.ets")).unlink()
    share.poll()
    share.poll(900)
    held = share.told[-1]
    assert (held.state, list(held.slide.milestones)) == (HELD, [])
    assert held.slide.HasField("deadline")


def test_a_scan_that_never_comes_to_rest_is_held_once_and_read_when_it_does(share):
    vsi = write(share.share)

    def touched(seconds):
        moment = share.clock.monotonic() + seconds
        os.utime(vsi, (moment, moment))
        return share.poll(seconds)

    assert touched(1) == [("s1.vsi", WAITING)]
    told = [word for _ in range(719) for word in touched(5)]
    assert told == []
    assert touched(5) == [("s1.vsi", HELD)]
    held = share.told[-1]
    assert (held.reason.code, held.slide.specimen) == ("restless", "A1234")
    assert [word for _ in range(100) for word in touched(5)] == []
    assert share.poll(9) == []
    assert share.poll(1) == [("s1.vsi", ADMITTED)]


def test_a_vsi_cut_short_behind_its_barcode_is_held_under_its_specimen_so_that_the_lis_is_told(share):
    vsi = write(share.share)
    vsi.write_bytes(vsi.read_bytes()[:-1])
    share.poll()
    assert share.poll(900) == [("s1.vsi", HELD)]
    assert share.told[-1].reason.code == "incomplete"
    assert share.told[-1].slide.specimen == "A1234"


def test_a_damaged_scan_is_refused_with_its_reason_and_specimen(share):
    vsi = write(share.share)
    pixels = next(vsi.parent.rglob("frame_t.ets"))
    content = bytearray(pixels.read_bytes())
    content[28:32] = b"\xff" * 4
    content[64 + 28 : 64 + 32] = b"\xff" * 4
    pixels.write_bytes(content)
    share.poll()
    assert share.poll(10) == [("s1.vsi", REFUSED)]
    refused = share.told[-1]
    assert refused.reason.code in ("damaged", "unsupported")
    assert "frame_t.ets" in refused.reason.text
    assert refused.slide.specimen == "A1234"


def test_a_foreign_file_under_a_scan_name_is_refused(share):
    (share.share / "x.vsi").write_bytes(b"GIF89a" * 100)
    share.poll()
    assert share.poll(10) == [("x.vsi", REFUSED)]
    assert share.told[-1].slide.slide_id


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x.lif", r"a \.lif file, a format that is not read\. Export.*Read are \.vsi, OME-TIFF, SVS, NDPI.*CZI"),
        ("x.dcm", r"one of the files of a DICOM slide.*Read are \.vsi"),
        ("x.czi", r"is no slide in any format that is read\. Export.*Read are \.vsi"),
        ("x.btf", r"is no slide in any format that is read\. Export.*Read are \.vsi"),
        ("frame_t.ets", r"only the pixel file of a scan.*copy the scan again"),
    ],
)
def test_a_scan_of_a_format_that_is_not_read_is_refused_with_what_is_read(share, name, reason):
    (share.share / name).write_bytes(b"some scanner's own" * 100)
    assert share.poll() == [(name, WAITING)]
    assert share.poll(10) == [(name, REFUSED)]
    assert share.told[-1].reason.code == "unsupported"
    assert re.search(reason, share.told[-1].reason.text)


def test_a_copy_is_the_same_slide_and_says_so(share):
    vsi = write(share.share)
    share.poll()
    share.poll(10)
    shutil.copy(vsi, share.share / "again.vsi")
    shutil.copytree(share.share / "_s1_", share.share / "_again_")
    share.poll()
    share.poll(10)
    first, copy = share.told[-3], share.told[-1]
    assert (copy.name, copy.state, copy.copy_of) == ("again.vsi", ADMITTED, "s1.vsi")
    assert copy.slide.slide_id == first.slide.slide_id


@pytest.mark.parametrize(
    ("barcode", "ordered"),
    [(None, ""), ("not a specimen!", ""), ("x", "x"), ("A/1234", "A/1234"), ("7" * 40, "7" * 40)],
)
def test_a_barcode_that_fits_no_rule_holds_the_scan_under_what_an_order_could_name(share, barcode, ordered):
    write(share.share, barcode=barcode)
    share.poll()
    assert share.poll(10) == [("s1.vsi", HELD)]
    assert (share.told[-1].reason.code, share.told[-1].slide.specimen) == ("barcode", ordered)


def test_a_stat_order_shortens_the_promise(share):
    share.order(priority=STAT)
    write(share.share)
    share.poll()
    share.poll(10)
    assert from_timestamp(share.told[-1].slide.deadline) == NOON + timedelta(minutes=15)
    assert share.told[-1].slide.priority == STAT


def test_a_scan_taken_away_before_it_was_complete_is_held(share):
    vsi = write(share.share)
    share.poll()
    (share.share / "notes.txt").touch()
    vsi.rename(share.share.parent / "s1.vsi")
    (share.share / "_s1_").rename(share.share.parent / "_s1_")
    assert share.poll() == []
    assert share.poll(10) == [("s1.vsi", HELD)]
    assert share.told[-1].reason.code == "removed"
    (share.share.parent / "_s1_").rename(share.share / "_s1_")
    (share.share.parent / "s1.vsi").rename(vsi)
    share.poll()
    assert share.poll(10) == [("s1.vsi", ADMITTED)], "it came back as it was"


def test_a_share_that_is_suddenly_empty_is_away_and_ends_no_scan(share):
    vsi = write(share.share)
    share.poll()
    for path in (vsi, share.share / "_s1_"):
        path.rename(share.share.parent / path.name)
    assert share.poll(60) == []
    assert "unmounted" in share.watcher.unreachable()


def test_a_share_that_goes_away_and_comes_back_changes_nothing(share):
    write(share.share)
    share.poll()
    away = share.share.rename(share.share.with_name("away"))
    assert share.poll(60) == []
    assert "mount it" in share.watcher.unreachable()
    away.rename(share.share)
    share.poll(10)
    assert share.watcher.unreachable() is None
    assert share.told[-1].state == ADMITTED


JUMPS = [timedelta(hours=-1), timedelta(hours=1), datetime(1970, 1, 1, tzinfo=UTC) - NOON, timedelta(days=365 * 50)]


@pytest.mark.parametrize("jump", JUMPS)
def test_a_wall_clock_that_is_set_neither_admits_early_nor_never(share, jump):
    write(share.share)
    share.poll()
    share.clock.set_wall(NOON + jump)
    assert share.poll(9) == []
    assert share.poll(1) == [("s1.vsi", ADMITTED)]
    assert from_timestamp(share.told[-1].slide.deadline) == NOON + jump + timedelta(minutes=30), "by the clock as it is"


@pytest.mark.parametrize("jump", JUMPS)
def test_a_wall_clock_that_is_set_neither_holds_an_incomplete_scan_early_nor_never(share, jump):
    vsi = write(share.share)
    next(vsi.parent.rglob("frame_t.ets")).unlink()
    share.poll()
    share.clock.set_wall(NOON + jump)
    assert share.poll(899) == []
    assert share.poll(1) == [("s1.vsi", HELD)]


@pytest.mark.parametrize("jump", JUMPS)
def test_a_wall_clock_that_is_set_says_nothing_new_of_a_scan_that_was_admitted(share, jump):
    write(share.share)
    share.poll()
    share.poll(10)
    share.clock.set_wall(NOON + jump)
    assert share.poll(10_000) == []


def test_a_promise_that_a_clock_ahead_wrote_down_before_a_restart_begins_now_at_the_latest(share):
    write(share.share)
    share.clock.set_wall(NOON + timedelta(days=365))
    share.poll()
    share.restart()
    share.clock.set_wall(NOON)
    share.poll()
    share.poll(10)
    assert from_timestamp(share.told[-1].slide.deadline) == NOON + timedelta(seconds=10, minutes=30)
