from hypothesis import given
from hypothesis import strategies as st

from services.kit.kafka.backlog import Backlog, Held

TOPICS = ("tiles", "cells", "orders")


def held(offset, urgency=1.0, topic="tiles", partition=0, size=10):
    return Held((topic, partition), offset, urgency, size, record=None)


def offsets(messages):
    return [message.offset for message in messages]


def filled(*messages):
    backlog = Backlog()
    for message in messages:
        backlog.add(message)
    return backlog


def test_the_most_urgent_comes_first_and_equals_in_their_order():
    backlog = filled(held(1, float("inf")), held(2, 5.0), held(3, 2.0), held(4, 5.0))
    assert offsets(backlog.take(TOPICS, 10, now=0.0)) == [3, 2, 4, 1]


def test_no_more_than_the_limit_is_taken():
    backlog = filled(held(1), held(2), held(3))
    assert offsets(backlog.take(TOPICS, 2, now=0.0)) == [1, 2]
    assert offsets(backlog.take(TOPICS, 2, now=0.0)) == [3]


def test_a_batch_is_of_the_topic_of_the_most_urgent_message():
    backlog = filled(held(1, 3.0, "orders"), held(2, 1.0, "tiles"), held(3, 5.0, "tiles"))
    assert offsets(backlog.take(TOPICS, 10, now=0.0)) == [2, 3]
    assert offsets(backlog.take(TOPICS, 10, now=0.0)) == [1]


def test_what_was_put_back_waits_for_its_time_and_stands_in_nobodys_way():
    backlog = filled(held(1, 1.0), held(2, 2.0))
    [first] = backlog.take(TOPICS, 1, now=0.0)
    backlog.put_back(first, due=10.0)
    assert backlog.next_due() == 10.0
    assert offsets(backlog.take(TOPICS, 5, now=9.9)) == [2]
    assert offsets(backlog.take(TOPICS, 5, now=10.0)) == [1]


def test_what_was_put_back_comes_before_later_messages_of_its_urgency():
    backlog = filled(held(1), held(2), held(3))
    [first] = backlog.take(TOPICS, 1, now=0.0)
    backlog.put_back(first, due=0.0)
    assert offsets(backlog.take(TOPICS, 5, now=0.0)) == [1, 2, 3]


def test_the_size_follows_what_waits():
    backlog = filled(held(1, size=10), held(2, size=30), held(3, size=5, partition=1))
    assert backlog.size("tiles") == 45
    [first] = backlog.take(TOPICS, 1, now=0.0)
    assert backlog.size("tiles") == 35
    backlog.put_back(first, due=10.0)
    assert backlog.size("tiles") == 45
    backlog.drop({("tiles", 0)})
    assert backlog.size("tiles") == 5


def test_what_waits_of_a_dropped_partition_is_gone():
    backlog = filled(held(1), held(2, partition=1), held(3))
    backlog.put_back(held(4), due=10.0)
    backlog.drop({("tiles", 0)})
    assert offsets(backlog.take(TOPICS, 10, now=20.0)) == [2]
    assert backlog.take(TOPICS, 10, now=20.0) == []


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 3)), max_size=60), st.integers(1, 7))
def test_everything_comes_once_and_in_order(messages, limit):
    backlog = filled(*(held(n, urgency, partition=partition) for n, (urgency, partition) in enumerate(messages)))
    taken = []
    while batch := backlog.take(TOPICS, limit, now=0.0):
        taken += batch
    assert offsets(taken) == sorted(range(len(messages)), key=lambda n: (messages[n][0], n))
    assert backlog.size("tiles") == 0
