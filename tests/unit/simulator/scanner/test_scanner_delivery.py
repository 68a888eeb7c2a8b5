import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.simulator.errors import ScannerError
from services.simulator.scanner import Manner, Order, deliver, deliver_twice, paced, remove, scan

FILES = {
    "S1.vsi": bytes(range(200)),
    "_S1_/stack1/frame_t.ets": b"L" * 700,
    "_S1_/stack10000/frame_t.ets": b"O" * 900,
    "_S1_/stack10001/frame_t.ets": bytes(i % 251 for i in range(5000)),
}
TOTAL = sum(map(len, FILES.values()))


def make_slide(root):
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root / "S1.vsi"


def contents(share):
    return {str(path.relative_to(share)): path.read_bytes() for path in share.rglob("*") if path.is_file()}


@pytest.fixture
def slide(tmp_path):
    return make_slide(tmp_path / "scanner")


@pytest.fixture
def share(tmp_path):
    folder = tmp_path / "share"
    folder.mkdir()
    return folder


def test_a_delivered_slide_is_whole(slide, share):
    *_, last = deliver(slide, share, Manner(chunk=512))
    assert contents(share) == FILES
    assert last.share == 1.0


def test_files_grow_and_hold_only_what_the_source_begins_with(slide, share):
    sizes = []
    for progress in deliver(slide, share, Manner(chunk=256)):
        there = contents(share)
        assert all(FILES[name].startswith(content) for name, content in there.items())
        assert sum(map(len, there.values())) == progress.written
        sizes.append(progress.written)
    assert sizes == sorted(set(sizes))
    assert len(sizes) > 20


@pytest.mark.parametrize("order", list(Order))
def test_the_vsi_comes_first_or_last_as_told(slide, share, order):
    names = [progress.file.name for progress in deliver(slide, share, Manner(order=order))]
    assert names.index("S1.vsi") == (0 if order is Order.VSI_FIRST else len(names) - 1)


def test_the_vsi_may_stand_whole_before_its_pixels_do(slide, share):
    delivery = deliver(slide, share, Manner(chunk=300))
    next(delivery)
    assert contents(share) == {"S1.vsi": FILES["S1.vsi"]}


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1), st.integers(1, 3000), st.sampled_from(Order))
def test_a_delivery_that_stops_leaves_a_prefix(tmp_path_factory, stop, chunk, order):
    root = tmp_path_factory.mktemp("stopped")
    (root / "share").mkdir()
    for _ in deliver(make_slide(root / "scanner"), root / "share", Manner(order, chunk, stop_after=stop)):
        pass
    there = contents(root / "share")
    assert sum(map(len, there.values())) == round(TOTAL * stop)
    assert all(FILES[name].startswith(content) for name, content in there.items())


def test_preallocated_files_have_their_size_before_their_content(slide, share):
    delivery = deliver(slide, share, Manner(chunk=100, preallocate=True))
    next(delivery)
    there = contents(share)
    assert {name: len(content) for name, content in there.items()} == {name: len(c) for name, c in FILES.items()}
    assert not any(there["_S1_/stack10001/frame_t.ets"])
    for _ in delivery:
        pass
    assert contents(share) == FILES


def test_renaming_at_the_end_hides_every_name_until_all_is_there(slide, share):
    for _ in deliver(slide, share, Manner(chunk=500, rename_at_end=True)):
        assert all(name.endswith(".part") for name in contents(share))
    assert contents(share) == FILES


def test_a_delivery_that_stops_is_never_renamed(slide, share):
    for _ in deliver(slide, share, Manner(chunk=500, rename_at_end=True, stop_after=0.5)):
        pass
    assert all(name.endswith(".part") for name in contents(share))


def test_the_same_scan_can_come_twice(slide, share):
    for _ in deliver_twice(slide, share):
        pass
    copies = {name.replace("S1", "S1_copy"): content for name, content in FILES.items()}
    assert contents(share) == FILES | copies


def test_a_name_that_is_taken_is_refused(slide, share):
    list(deliver(slide, share))
    with pytest.raises(ScannerError, match="already on the share"):
        next(deliver(slide, share))


def test_what_is_no_finished_slide_is_refused(tmp_path, share):
    (tmp_path / "lonely.vsi").touch()
    with pytest.raises(ScannerError, match=r"lonely\.vsi"):
        next(deliver(tmp_path / "lonely.vsi", share))


class Clock:
    def __init__(self):
        self.now = 50.0
        self.naps = []

    def sleep(self, seconds):
        self.naps.append(seconds)
        self.now += seconds

    def monotonic(self):
        return self.now


def test_a_paced_delivery_takes_as_long_as_its_bytes_at_that_speed(slide, share):
    clock = Clock()
    list(paced(deliver(slide, share, Manner(chunk=400)), 1000.0, sleep=clock.sleep, monotonic=clock.monotonic))
    assert clock.now - 50.0 == pytest.approx(TOTAL / 1000)
    assert max(clock.naps) <= 0.4 + 1e-9


def test_two_copies_take_twice_as_long(slide, share):
    clock = Clock()
    list(paced(deliver_twice(slide, share), 1000.0, sleep=clock.sleep, monotonic=clock.monotonic))
    assert clock.now - 50.0 == pytest.approx(2 * TOTAL / 1000)


def test_scan_gives_the_path_on_the_share_and_remove_takes_it_off(slide, share):
    path = scan(slide, share, bytes_per_second=1e9)
    assert path == share / "S1.vsi"
    remove(path)
    assert contents(share) == {}


@pytest.mark.parametrize(
    "make", [lambda: Manner(chunk=0), lambda: Manner(stop_after=1.5), lambda: next(paced(iter(()), 0))]
)
def test_impossible_manners_are_refused(make):
    with pytest.raises(ScannerError):
        make()
