"""A share that goes away, cannot be read, or lies: work waits and says why, nothing is refused, and it goes on."""

import ctypes
import errno
import os
from contextlib import contextmanager

import pytest

from services.ingestion.slides.files import file_set
from services.kit.clock import from_timestamp
from services.kit.contracts import Question, Reading, ReadingRequest
from services.kit.errors import TransientError
from tests.unit.ingestion.at_work import ADMITTED, HELD, REFUSED, STAT, WAITING, write

LEUKOCYTES = Question.QUESTION_LEUKOCYTES
# CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, linux/capability.h
DAC = 0b110
CAPABILITY_VERSION_3 = 0x20080522


@pytest.fixture
def small(ingestion, small_slide):
    ingestion.put(small_slide[0])
    ingestion.scan = ingestion.settled()[-1]
    return ingestion


@contextmanager
def without_privilege():
    """This thread obeys file permissions, even where the tests run as root."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    had, has = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, had) == 0
    has[:] = had[:]
    has[0] &= ~DAC
    assert libc.capset(header, has) == 0
    try:
        yield
    finally:
        assert libc.capset(header, had) == 0


@contextmanager
def forbidden(path):
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        with without_privilege():
            yield
    finally:
        path.chmod(mode)


@contextmanager
def failing(monkeypatch, number, *names):
    """Every file and folder of the share answers with this error, as one on a server that is gone does."""

    def fail(*_args, **_named):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        for name in names:
            patched.setattr(os, name, fail)
        yield


GONE = [(errno.EIO, "pread"), (errno.ESTALE, "pread"), (errno.ESTALE, "open"), (errno.EIO, "fstat")]


@pytest.mark.parametrize(("number", "call"), GONE)
def test_files_that_cannot_be_read_now_are_waited_for_and_the_scan_says_so(small, monkeypatch, number, call):
    with failing(monkeypatch, number, call), pytest.raises(TransientError):
        small.read(small.scan)
    waits = small.known("small.vsi")
    assert (waits.state, waits.reason.code) == (ADMITTED, "unreachable")
    assert os.strerror(number) in waits.reason.text
    [word] = small.announced()
    assert small.outputs(small.scan) == [], "overtaken by the word that says why it waits"
    assert small.read(word)[1]
    assert small.known("small.vsi").reason.code == ""


def test_a_share_that_is_lost_in_the_middle_of_a_reading_is_waited_for(small):
    outputs = small.handlers.scans(small.scan)
    first = next(outputs).value
    away = small.share.rename(small.share.with_name("away"))
    with pytest.raises(TransientError):
        list(outputs)
    assert small.poll(60) == []
    assert "mount it" in small.watcher.unreachable()
    with pytest.raises(TransientError, match="mount it"):
        small.outputs(small.scan)
    away.rename(small.share)
    assert small.poll() == []
    tiles, reading = small.read(small.scan)
    assert first.tile_id in {tile.tile_id for tile in tiles}
    assert list(reading.tile_ids) == [tile.tile_id for tile in tiles]


def test_an_empty_mount_point_in_the_middle_of_a_reading_is_a_share_that_is_away(small):
    outputs = small.handlers.scans(small.scan)
    next(outputs)
    away = small.share.rename(small.share.with_name("away"))
    small.share.mkdir()
    with pytest.raises(TransientError):
        list(outputs)
    assert small.known("small.vsi").state == ADMITTED
    small.share.rmdir()
    away.rename(small.share)
    assert small.read(small.scan)[1]


def test_a_share_lost_before_a_further_round_does_not_end_the_reading(small):
    small.read(small.scan)
    away = small.share.rename(small.share.with_name("away"))
    request = ReadingRequest(slide=small.scan.slide, round=2, question=LEUKOCYTES, cells=10)
    with pytest.raises(TransientError):
        small.request(request)
    away.rename(small.share)
    assert isinstance(small.request(request)[-1], Reading)
    assert small.stores.rounds.of(small.scan.slide.slide_id)[2].tile_ids


def test_a_share_without_permission_is_waited_for_with_that_reason(small):
    with forbidden(small.share):
        assert small.poll(1000) == []
        assert "Permission denied" in small.watcher.unreachable()
        with pytest.raises(TransientError, match="Permission denied"):
            small.read(small.scan)
    small.poll()
    assert small.watcher.unreachable() is None
    assert small.read(small.known("small.vsi"))[1]


def test_pixels_without_permission_are_waited_for_with_that_reason(small):
    with forbidden(small.share / "_small_" / "stack10001" / "frame_t.ets"), pytest.raises(TransientError):
        small.read(small.scan)
    [word] = small.announced()
    assert (word.state, word.reason.code) == (ADMITTED, "unreachable")
    assert "Permission denied" in word.reason.text
    assert small.read(word)[1]


@pytest.mark.parametrize("part", ["s1.vsi", "_s1_", "_s1_/stack10001", "_s1_/stack10001/frame_t.ets"])
def test_a_new_scan_without_permission_waits_visibly_is_held_in_the_end_and_admitted_once_it_has_it(ingestion, part):
    write(ingestion.share)
    with forbidden(ingestion.share / part):
        assert ingestion.poll() == [("s1.vsi", WAITING)]
        assert ingestion.told[-1].reason.code == "unreachable"
        assert "Permission denied" in ingestion.told[-1].reason.text
        assert ingestion.poll(10) == []
        assert "Permission denied" in ingestion.watcher.unreachable()
        assert ingestion.poll(2000) == [("s1.vsi", HELD)]
        assert ingestion.told[-1].reason.code == "unreachable"
        assert ingestion.told[-1].slide.specimen == ("" if part == "s1.vsi" else "A1234")
        assert ingestion.poll(2000) == []
    ingestion.settled()
    assert ingestion.last("s1.vsi").state == ADMITTED


def test_a_scan_of_an_urgent_order_that_cannot_be_read_is_held_while_there_is_time_to_say_so(ingestion):
    ingestion.order(priority=STAT)
    write(ingestion.share)
    with forbidden(ingestion.share / "_s1_" / "stack10001" / "frame_t.ets"):
        ingestion.poll()
        assert ingestion.poll(599) == []
        assert ingestion.poll(1) == [("s1.vsi", HELD)]
    held = ingestion.told[-1]
    assert (held.reason.code, held.slide.specimen) == ("unreachable", "A1234")
    assert from_timestamp(held.slide.deadline) > ingestion.clock.now()
    assert not held.slide.milestones


def test_one_scan_that_cannot_be_read_does_not_make_the_others_wait(ingestion):
    write(ingestion.share)
    write(ingestion.share, "s2", "B5678", seed=1)
    with forbidden(ingestion.share / "s1.vsi"):
        ingestion.settled()
        assert ingestion.watcher.unreachable() is None
    assert ingestion.last("s2.vsi").state == ADMITTED


def test_a_subfolder_without_permission_keeps_its_scans_as_they_are(ingestion):
    today = ingestion.share / "today"
    today.mkdir()
    write(today)
    write(ingestion.share, "s2", "B5678", seed=1)
    ingestion.poll()
    with forbidden(today):
        ingestion.poll(100)
        assert "today" in ingestion.watcher.unreachable()
        assert ingestion.known("today/s1.vsi").state == WAITING
    ingestion.settled()
    assert ingestion.known("today/s1.vsi").state == ADMITTED


def test_a_listing_that_is_wrong_for_a_moment_ends_no_scan(ingestion):
    vsi = write(ingestion.share)
    (ingestion.share / "notes.txt").touch()
    ingestion.poll()
    hidden = [path.rename(path.with_name(f".{path.name}")) for path in (vsi, ingestion.share / "_s1_")]
    assert ingestion.poll(2) == []
    for path in hidden:
        path.rename(path.with_name(path.name[1:]))
    ingestion.settled()
    assert ingestion.last("s1.vsi").state == ADMITTED


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES, errno.ENOENT])
def test_no_error_of_a_folder_ends_the_process(ingestion, monkeypatch, number):
    write(ingestion.share)
    ingestion.settled()
    with failing(monkeypatch, number, "scandir", "stat", "open"):
        assert ingestion.poll(60) == []
        assert os.strerror(number) in ingestion.watcher.unreachable()
        with pytest.raises(TransientError):
            ingestion.read(ingestion.told[-1])
    assert ingestion.known("s1.vsi").state == ADMITTED


def test_a_link_that_leads_nowhere_waits_visibly(ingestion):
    (ingestion.share / "s1.vsi").symlink_to(ingestion.share / "nowhere")
    assert ingestion.poll() == [("s1.vsi", WAITING)]
    assert ingestion.told[-1].reason.code == "unreachable"


def test_folders_nested_without_end_do_not_end_the_process(ingestion):
    write(ingestion.share)
    for start in (ingestion.share, ingestion.share / "_s1_" / "stack10001"):
        folder = start
        for _ in range(600):
            folder = folder / "a"
            folder.mkdir()
    ingestion.settled()
    assert ingestion.last("s1.vsi").state == ADMITTED
    assert len(file_set(ingestion.share / "s1.vsi").files) == 2


def test_a_name_that_is_no_text_inside_a_scan_is_told_in_escapes(ingestion):
    write(ingestion.share)
    stack = ingestion.share / "_s1_" / "stack10001"
    (stack / "frame_t.ets").rename(stack / "frame_t_\udcff.ets")
    (stack / "frame_t_\udcfe.ets").touch()
    ingestion.settled()
    refused = ingestion.last("s1.vsi")
    assert refused.state in (HELD, REFUSED)
    assert r"\xff" in refused.reason.text or r"\udcff" in refused.reason.text
