"""Several replicas of ingestion on one share and one database."""

import shutil
import threading
from contextlib import contextmanager

import pytest

from services.ingestion import admission
from services.ingestion.wiring import HANGS_S
from services.kit.contracts import Decision, Delivery, DeliveryState, Reading
from services.kit.lease import LeaseLost
from tests.unit.ingestion.at_work import ADMITTED, FEW_CELLS, HELD, NOON, STAT, WAITING, Ingestion, write

DAY_S = 86_400
TAKEOVER_S = 20


@pytest.fixture
def first(tmp_path):
    made = Ingestion(tmp_path, keep_days=30, **FEW_CELLS)
    yield made.replica()
    made.database.close()


@pytest.fixture
def second(first):
    return first.replica()


def test_two_that_poll_admit_each_scan_once_and_tell_it_once(first, second, monkeypatch):
    opened = []
    open_slide = admission.open_slide
    monkeypatch.setattr(admission, "open_slide", lambda path, **more: opened.append(path) or open_slide(path, **more))
    write(first.share)
    for _ in range(12):
        first.poll(1)
        second.poll(1)
    assert [scan.state for scan in first.told] == [WAITING, ADMITTED]
    assert second.told == []
    assert len(opened) == 1


def test_two_that_poll_at_the_same_moment_admit_each_scan_once(tmp_path):
    made = Ingestion(tmp_path, settle_s=0)
    names = [f"s{n}" for n in range(5)]
    for n, name in enumerate(names):
        write(made.share, name, barcode=f"A100{n}", seed=n)
    replicas = [made.replica(), made.replica()]
    together = threading.Barrier(2)

    def work(replica):
        for _ in range(5):
            together.wait(60)
            replica.announced()

    threads = [threading.Thread(target=work, args=(replica,)) for replica in replicas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    told = [(scan.name, scan.state, scan.revision) for replica in replicas for scan in replica.told]
    assert sorted(name for name, state, _ in told if state == ADMITTED) == [f"{name}.vsi" for name in names]
    assert len(set(told)) == len(told)
    made.database.close()


def test_another_takes_over_from_one_that_died_and_moves_no_promise(first, second):
    write(first.share)
    first.poll()
    assert second.poll() == []
    assert second.poll(TAKEOVER_S - 1) == []
    second.poll(1)
    assert second.poll(10) == [("s1.vsi", ADMITTED)]
    assert second.told[-1].slide.deadline.ToDatetime().replace(tzinfo=NOON.tzinfo) == NOON.replace(minute=30)
    assert first.poll(1) == [], "it comes back as one that waits"


def test_what_was_not_heard_is_told_by_the_one_that_takes_over(first, second):
    write(first.share)
    list(first.watcher.poll())
    second.poll()
    assert second.poll(TAKEOVER_S) == [("s1.vsi", WAITING)]


@contextmanager
def frozen_in(monkeypatch, module, name, meanwhile):
    """The first call of `module.name` waits, while the others do what they do."""
    work, calls = getattr(module, name), []

    def freeze(*given, **more):
        if not calls:
            calls.append(given)
            meanwhile()
        return work(*given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(module, name, freeze)
        yield


def test_one_that_was_frozen_says_nothing_any_more(first, second, monkeypatch):
    write(first.share)
    first.poll()
    second.poll(10)

    def meanwhile():
        second.poll()
        second.poll(TAKEOVER_S)
        assert second.poll(10) == [("s1.vsi", ADMITTED)]

    with frozen_in(monkeypatch, admission, "open_slide", meanwhile), pytest.raises(LeaseLost):
        first.poll()
    assert [scan.state for scan in [*first.told, *second.told]] == [WAITING, ADMITTED]
    assert first.known("s1.vsi") == second.told[-1]
    assert first.poll(1) == []


def test_one_that_takes_its_time_and_gives_signs_of_life_is_left_to_it(first, second):
    write(first.share)
    first.poll()
    for _ in range(int(HANGS_S / 5) - 1):
        first.clock.advance(5)
        first.polling.renew()
        assert second.poll() == []


def test_one_that_hangs_on_its_share_is_overtaken_though_it_lives(first, second):
    write(first.share)
    first.poll()
    for _ in range(int((HANGS_S + TAKEOVER_S) / 5) + 1):
        first.clock.advance(5)
        first.polling.renew()
        second.poll()
    second.poll(10)
    assert [scan.state for scan in second.told] == [ADMITTED]


def test_one_that_stops_leaves_the_share_to_the_other_at_once(first, second):
    first.poll()
    first.polling.give_back()
    write(first.share)
    assert second.poll() == [("s1.vsi", WAITING)]


@pytest.fixture
def linked(first, tmp_path):
    """A replica that reaches the share by a way of its own, which can be cut."""
    way = tmp_path / "mount"
    way.symlink_to(first.share)
    replica = first.replica(share=way)
    replica.way = way
    return replica


def test_one_that_lost_its_mount_leaves_the_share_to_one_that_has_it(linked, second):
    write(second.share)
    assert linked.poll() == [("s1.vsi", WAITING)]
    linked.way.unlink()
    assert linked.poll(2) == []
    assert "mount it" in linked.watcher.unreachable()
    second.poll()
    assert linked.poll(10) == []
    assert second.poll() == [("s1.vsi", ADMITTED)]
    assert second.watcher.unreachable() is None


def test_while_no_one_has_a_mount_what_handlers_say_is_told_all_the_same(linked, second):
    write(linked.share)
    linked.poll()
    linked.poll(10)
    away = linked.share.rename(linked.share.with_name("away"))
    assert linked.poll(2) == second.poll(2) == linked.poll(2) == []
    second.order(priority=STAT)
    assert second.poll(2) == []
    [hurried] = linked.announced(2)
    assert (hurried.name, hurried.slide.priority) == ("s1.vsi", STAT)
    away.rename(linked.share)
    assert linked.poll(2) == second.poll(2) == []
    assert linked.watcher.unreachable() is second.watcher.unreachable() is None


def test_what_one_saw_before_another_looked_counts_for_nothing(first, second):
    vsi = write(first.share)
    (first.share / "notes.txt").touch()
    first.poll()
    for path in (vsi, first.share / "_s1_"):
        path.rename(first.share.parent / path.name)
    first.poll(5)
    second.poll()
    for path in (vsi, first.share / "_s1_"):
        (first.share.parent / path.name).rename(path)
    second.poll(TAKEOVER_S)
    shutil.rmtree(first.share / "_s1_")
    vsi.unlink()
    second.polling.give_back()
    assert first.poll() == [], "it is missing since now"
    assert first.poll(10) == [("s1.vsi", HELD)]


def test_a_round_that_two_read_at_the_same_time_is_the_one_that_was_recorded_first(first, second, small_slide):
    first.put(small_slide[0])
    scan = first.settled()[-1]
    slow = first.handlers.scans(scan)
    values = [next(slow).value]
    second.order(leukocytes_wanted=60)
    _, reading = second.read(scan)
    values += [output.value for output in slow]
    assert values[-1] == reading
    assert [value for value in values if isinstance(value, Reading)] == [reading]
    assert first.stores.rounds.of(scan.slide.slide_id) == {1: reading}
    assert [tile.tile_id for tile in first.stores.rounds.tiles(scan.slide.slide_id, 1)] == list(reading.tile_ids)


def test_tiles_age_once_however_many_count(first, second):
    write(first.share)
    scan = first.settled()[-1]
    first.pixels.begin(scan.slide.slide_id)
    first.pixels.put(scan.slide.slide_id, "t1", b"pixels")
    first.retention.prune()
    delivery = Delivery(
        slide=scan.slide,
        decision=Decision.DECISION_RELEASED,
        state=DeliveryState.DELIVERY_STATE_ACKNOWLEDGED,
    )
    first.retention.deliveries(delivery)
    for _ in range(29):
        first.clock.advance(DAY_S)
        first.retention.prune()
        second.retention.prune()
    assert first.objects.list(f"slides/{scan.slide.slide_id}")
    first.clock.advance(DAY_S)
    first.retention.prune()
    second.retention.prune()
    assert first.objects.list(f"slides/{scan.slide.slide_id}") == []


def test_another_goes_on_counting_when_the_one_that_counted_is_gone(first, second):
    first.pixels.begin("S1")
    first.pixels.put("S1", "t1", b"pixels")
    first.retention.prune()
    for _ in range(10):
        second.clock.advance(DAY_S)
        second.retention.prune()
    assert first.objects.list("slides/S1") == [], "no scan is this slide, and no message is so old"
