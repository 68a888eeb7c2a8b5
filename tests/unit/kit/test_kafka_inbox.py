import threading

import pytest

from services.kit.kafka.backlog import Held
from services.kit.kafka.inbox import Inbox
from services.kit.kafka.offsets import Progress, encode

PLACE, OTHER = ("tiles", 0), ("tiles", 1)


def held(offset, place=PLACE, size=100):
    return Held(place, offset, 1.0, size, record=None)


@pytest.fixture
def inbox():
    opened = Inbox(most_bytes=1000)
    opened.open(PLACE, Progress(0))
    opened.open(OTHER, Progress(0))
    return opened


def accept(inbox, *messages, passed_over=()):
    ends = {message.place: message.offset + 1 for message in (*messages, *passed_over)}
    inbox.accept(messages, passed_over, ends)


def take(inbox, limit=100):
    return [message.position for message in inbox.take({"tiles"}, limit, 0.0)]


def test_a_message_is_out_until_it_is_finished_and_then_to_be_committed(inbox):
    accept(inbox, held(0), held(1))
    assert take(inbox, 1) == [(PLACE, 0)]
    assert inbox.any_out({PLACE})
    inbox.finish([(PLACE, 0)])
    assert not inbox.any_out({PLACE})
    assert inbox.progress([PLACE, OTHER]) == {PLACE: Progress(1)}
    inbox.committed({PLACE: Progress(1)})
    assert inbox.progress([PLACE, OTHER]) == {}


def test_a_message_for_another_group_is_passed_over_and_committed(inbox):
    accept(inbox, passed_over=[held(0)])
    assert take(inbox) == []
    assert inbox.progress([PLACE]) == {PLACE: Progress(1)}


def test_what_the_worker_before_finished_is_not_delivered(inbox):
    inbox.open(PLACE, Progress(0, encode(0, {1})))
    accept(inbox, held(0), held(1), held(2))
    assert take(inbox) == [(PLACE, 0), (PLACE, 2)]


def test_of_a_partition_that_was_given_up_nothing_is_delivered_or_committed(inbox):
    accept(inbox, held(0), held(1), held(0, OTHER))
    take(inbox, 1)
    inbox.give_up({PLACE})
    inbox.finish([(PLACE, 0)])
    assert inbox.progress([PLACE]) == {}
    assert take(inbox) == [(OTHER, 0)]


def test_a_handler_that_hangs_is_noticed_though_its_partition_moved(inbox):
    accept(inbox, held(0))
    take(inbox)
    inbox.give_up({PLACE})
    assert not inbox.any_out({PLACE})
    first = inbox.oldest_out_s()
    assert inbox.oldest_out_s() > first
    inbox.finish([(PLACE, 0)])
    assert inbox.oldest_out_s() == 0.0


def test_a_message_is_not_put_back_when_its_partition_moved(inbox):
    accept(inbox, held(0))
    take(inbox)
    inbox.give_up({PLACE})
    inbox.open(PLACE, Progress(0))
    inbox.put_back([(PLACE, 0)], 0.0)
    assert take(inbox) == []


def test_what_is_out_when_delivery_stops_can_still_be_finished(inbox):
    accept(inbox, held(0), held(1))
    take(inbox, 1)
    inbox.stop_delivering({PLACE})
    assert take(inbox) == []
    inbox.finish([(PLACE, 0)])
    assert inbox.progress([PLACE]) == {PLACE: Progress(1)}


def test_it_is_full_at_its_size_and_roomy_at_half_of_it(inbox):
    accept(inbox, *(held(n) for n in range(10)))
    assert (inbox.full("tiles"), inbox.roomy("tiles")) == (True, False)
    take(inbox, 1)
    assert (inbox.full("tiles"), inbox.roomy("tiles")) == (False, False)
    take(inbox, 4)
    assert (inbox.full("tiles"), inbox.roomy("tiles")) == (False, True)


def test_it_is_busy_until_everything_is_committed(inbox):
    assert not inbox.busy
    accept(inbox, held(0))
    assert inbox.busy
    take(inbox)
    assert inbox.busy
    inbox.finish([(PLACE, 0)])
    assert inbox.busy
    inbox.committed(inbox.progress([PLACE]))
    assert not inbox.busy


def test_the_handling_thread_raises_what_the_fetching_thread_failed_of(inbox):
    inbox.fail(ValueError("not authorised"))
    with pytest.raises(ValueError, match="not authorised"):
        inbox.take({"tiles"}, 1, 60.0)


def test_a_waiting_thread_is_woken_by_a_message(inbox):
    taken = []
    thread = threading.Thread(target=lambda: taken.extend(inbox.take({"tiles"}, 1, 60.0)))
    thread.start()
    accept(inbox, held(0))
    thread.join(30)
    assert [message.offset for message in taken] == [0]


def test_flushing_waits_for_the_commit(inbox):
    accept(inbox, held(0))
    take(inbox)
    inbox.finish([(PLACE, 0)])
    assert not inbox.flushed(0.0)
    committing = threading.Thread(target=lambda: inbox.committed(inbox.progress([PLACE])))
    committing.start()
    assert inbox.flushed(30.0)
    committing.join(30)


def test_a_topic_that_is_full_leaves_room_for_others(inbox):
    accept(inbox, *(held(n) for n in range(10)))
    assert (inbox.full("orders"), inbox.roomy("orders")) == (False, True)


def test_each_takes_of_its_own_topics_alone(inbox):
    inbox.open(("orders", 0), Progress(0))
    accept(inbox, held(0), held(0, ("orders", 0)))
    assert [message.place for message in inbox.take({"orders"}, 9, 0.0)] == [("orders", 0)]
    assert inbox.take({"orders"}, 9, 0.0) == []
    assert take(inbox) == [(PLACE, 0)]


def test_of_a_topic_that_is_left_nothing_holds_up_the_others(inbox):
    inbox.open(("orders", 0), Progress(0))
    accept(inbox, held(0), held(1), held(0, ("orders", 0)))
    take(inbox, 1)
    inbox.leave({"tiles"})
    accept(inbox, held(2), passed_over=[held(3)])
    assert take(inbox) == []
    assert not inbox.any_out({PLACE})
    assert inbox.known() == [("orders", 0)]
    assert [message.place for message in inbox.take({"orders"}, 9, 0.0)] == [("orders", 0)]


def test_who_waits_for_a_topic_is_woken(inbox):
    inbox.wake({"orders"})
    inbox.wake({"tiles"})
    assert inbox.take({"tiles"}, 1, 3600.0) == []
    assert inbox.take({"orders"}, 1, 3600.0) == []
