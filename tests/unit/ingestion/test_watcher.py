import shutil
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from services.ingestion.settings import IngestionSettings
from services.ingestion.store import METADATA, ScanStore
from services.ingestion.watcher import Watcher
from services.kit.clock import ManualClock, from_timestamp
from services.kit.contracts import Priority, ScanState
from services.kit.database import Database
from services.kit.telemetry import Metrics
from services.simulator.vsi import Stack, StackKind, write_slide

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
WAITING, ADMITTED = ScanState.SCAN_STATE_WAITING, ScanState.SCAN_STATE_ADMITTED
HELD, REFUSED = ScanState.SCAN_STATE_HELD, ScanState.SCAN_STATE_REFUSED


def write(folder, name="s1", barcode="A1234", seed=0):
    pixels = np.random.default_rng(seed).integers(100, 255, (600, 700, 3), np.uint8)
    return write_slide(folder, name, [Stack(10001, "40x_BF", StackKind.MAIN, pixels)], barcode=barcode, created=NOON)


class Share:
    """A share that is watched, with a clock moved by hand; `told` holds every announcement."""

    def __init__(self, folder):
        self.folder = folder / "share"
        self.folder.mkdir()
        self.clock = ManualClock(NOON)
        self.database = Database.in_file(folder / "ingestion.db", METADATA)
        self.store = ScanStore(self.database)
        self.told = []
        self.restart()

    def restart(self):
        settings = IngestionSettings.load(share=self.folder, settle_s=10, incomplete_limit_s=900)
        self.watcher = Watcher(settings, self.store, self.clock, Metrics())

    def poll(self, seconds=0.0):
        self.clock.advance(seconds)
        outputs = list(self.watcher.poll())
        self.told += [output.value for output in outputs]
        self.watcher.sent(outputs)
        return [(scan.name, scan.state) for scan in (output.value for output in outputs)]


@pytest.fixture
def share(tmp_path):
    made = Share(tmp_path)
    yield made
    made.database.close()


def test_a_scan_is_admitted_once_complete_and_still(share):
    write(share.folder)
    assert share.poll() == [("s1.vsi", WAITING)]
    assert share.poll(9) == []
    assert share.poll(1) == [("s1.vsi", ADMITTED)]
    scan = share.told[-1]
    assert (scan.slide.specimen, scan.properties.width_px, scan.properties.um_per_px) == ("A1234", 700, 0.137)
    assert from_timestamp(scan.slide.deadline) == NOON + timedelta(minutes=30)
    assert share.poll(100) == []


def test_the_promise_starts_when_the_complete_scan_was_first_seen(share):
    vsi = write(share.folder)
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
    write(share.folder)
    share.poll()
    share.clock.advance(60)
    share.restart()
    share.poll()
    share.poll(10)
    assert from_timestamp(share.told[-1].slide.deadline) == NOON + timedelta(minutes=30)
    share.restart()
    assert share.poll(60) == []


def test_what_was_not_heard_is_told_again(share):
    write(share.folder)
    list(share.watcher.poll())
    assert share.poll() == [("s1.vsi", WAITING)]
    assert share.poll() == []


def test_an_incomplete_scan_is_held_after_the_limit_and_taken_up_when_it_completes(share):
    vsi = write(share.folder)
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


def test_a_damaged_scan_is_refused_with_its_reason_and_specimen(share):
    vsi = write(share.folder)
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
    (share.folder / "x.vsi").write_bytes(b"GIF89a" * 100)
    share.poll()
    assert share.poll(10) == [("x.vsi", REFUSED)]
    assert share.told[-1].slide.slide_id


def test_a_copy_is_the_same_slide_and_says_so(share):
    vsi = write(share.folder)
    share.poll()
    share.poll(10)
    shutil.copy(vsi, share.folder / "again.vsi")
    shutil.copytree(share.folder / "_s1_", share.folder / "_again_")
    share.poll()
    share.poll(10)
    first, copy = share.told[-3], share.told[-1]
    assert (copy.name, copy.state, copy.copy_of) == ("again.vsi", ADMITTED, "s1.vsi")
    assert copy.slide.slide_id == first.slide.slide_id


@pytest.mark.parametrize("barcode", [None, "not a specimen!", "x"])
def test_a_barcode_that_fits_no_rule_holds_the_scan_without_a_guess(share, barcode):
    write(share.folder, barcode=barcode)
    share.poll()
    assert share.poll(10) == [("s1.vsi", HELD)]
    assert (share.told[-1].reason.code, share.told[-1].slide.specimen) == ("barcode", "")


def test_a_stat_order_shortens_the_promise(share):
    share.store.set_urgency("A1234", Priority.PRIORITY_STAT)
    write(share.folder)
    share.poll()
    share.poll(10)
    assert from_timestamp(share.told[-1].slide.deadline) == NOON + timedelta(minutes=15)
    assert share.told[-1].slide.priority == Priority.PRIORITY_STAT


def test_a_scan_taken_away_before_it_was_complete_is_held(share):
    vsi = write(share.folder)
    share.poll()
    (share.folder / "notes.txt").touch()
    vsi.rename(share.folder.parent / "s1.vsi")
    (share.folder / "_s1_").rename(share.folder.parent / "_s1_")
    assert share.poll() == [("s1.vsi", HELD)]
    assert share.told[-1].reason.code == "removed"
    (share.folder.parent / "_s1_").rename(share.folder / "_s1_")
    (share.folder.parent / "s1.vsi").rename(vsi)
    share.poll()
    assert share.poll(10) == [("s1.vsi", ADMITTED)], "it came back as it was"


def test_a_share_that_is_suddenly_empty_is_away_and_ends_no_scan(share):
    vsi = write(share.folder)
    share.poll()
    for path in (vsi, share.folder / "_s1_"):
        path.rename(share.folder.parent / path.name)
    assert share.poll(60) == []
    assert "unmounted" in share.watcher.unreachable()


def test_a_share_that_goes_away_and_comes_back_changes_nothing(share):
    write(share.folder)
    share.poll()
    away = share.folder.rename(share.folder.with_name("away"))
    assert share.poll(60) == []
    assert "mount it" in share.watcher.unreachable()
    away.rename(share.folder)
    share.poll(10)
    assert share.watcher.unreachable() is None
    assert share.told[-1].state == ADMITTED


def test_a_wall_clock_set_back_neither_admits_early_nor_never(share):
    write(share.folder)
    share.poll()
    share.clock.set_wall(NOON - timedelta(days=1))
    assert share.poll(9) == []
    assert share.poll(1) == [("s1.vsi", ADMITTED)]
