from hypothesis import given
from hypothesis import strategies as st

from services.kit.kafka.offsets import MOST_CHARACTERS, PartitionOffsets, Progress, decode, encode


def fetched(start, count):
    offsets = PartitionOffsets(start)
    for offset in range(start.offset, start.offset + count):
        offsets.fetched(offset)
    return offsets


def test_nothing_is_done_at_first():
    assert fetched(Progress(7), 3).progress() == Progress(7)


def test_the_next_offset_to_read_is_the_one_after_the_last_when_all_are_done():
    offsets = fetched(Progress(7), 3)
    for offset in (9, 7, 8):
        offsets.finish(offset)
    assert offsets.progress() == Progress(10)


def test_what_is_done_above_the_lowest_open_message_is_told_beside_it():
    offsets = fetched(Progress(100), 10)
    for offset in (101, 102, 103, 107):
        offsets.finish(offset)
    progress = offsets.progress()
    assert progress.offset == 100
    assert list(decode(progress)) == [101, 102, 103, 107]


def test_a_message_that_was_done_by_another_worker_is_passed_over():
    offsets = PartitionOffsets(Progress(100, encode(100, {101, 103})))
    assert [offset for offset in range(100, 105) if offsets.fetched(offset)] == [100, 102, 104]
    for offset in (100, 102, 104):
        offsets.finish(offset)
    assert offsets.progress() == Progress(105)


def test_a_message_that_is_fetched_twice_is_handled_once():
    offsets = fetched(Progress(0), 1)
    assert not offsets.fetched(0)


def test_offsets_that_carry_no_message_do_not_hold_the_progress_up():
    offsets = PartitionOffsets(Progress(0))
    offsets.fetched(0)
    offsets.passed(5)
    assert offsets.progress() == Progress(0)
    offsets.finish(0)
    assert offsets.progress() == Progress(5)


def test_finishing_what_is_not_here_changes_nothing():
    offsets = fetched(Progress(10), 1)
    offsets.finish(3)
    offsets.finish(11)
    assert offsets.progress() == Progress(10)


def test_text_that_another_tool_left_means_nothing():
    assert list(decode(Progress(5, "reset by hand"))) == []


def test_what_does_not_fit_is_left_out_and_the_rest_is_right():
    scattered = set(range(0, 20_000, 2))
    text = encode(0, scattered)
    assert len(text) <= MOST_CHARACTERS
    told = set(decode(Progress(0, text)))
    assert told
    assert told < scattered
    assert max(told) < min(scattered - told)


@given(st.integers(0, 10**12), st.sets(st.integers(0, 300)))
def test_offsets_are_read_as_they_were_written(start, done):
    above = {start + offset for offset in done}
    assert set(decode(Progress(start, encode(start, above)))) == above


@given(st.permutations(range(12)), st.integers(0, 12))
def test_after_any_crash_exactly_the_unfinished_messages_come_again(order, finished):
    offsets = fetched(Progress(0), 12)
    for offset in order[:finished]:
        offsets.finish(offset)
    again = PartitionOffsets(offsets.progress())
    assert {o for o in range(offsets.progress().offset, 12) if again.fetched(o)} == set(order[finished:])
