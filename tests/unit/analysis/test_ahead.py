"""Batches under way at the same time."""

import threading
from contextlib import closing
from contextvars import ContextVar

import pytest

from services.analysis.ahead import Batches

PATIENCE_S = 60


def test_batches_come_in_order_the_last_shorter():
    with closing(Batches(3, 2)) as batches:
        assert list(batches.map(list, range(8))) == [[0, 1, 2], [3, 4, 5], [6, 7]]


def test_as_many_batches_as_asked_are_under_way_together():
    together = threading.Barrier(3, timeout=PATIENCE_S)
    with closing(Batches(1, 3)) as batches:
        assert list(batches.map(lambda batch: together.wait() >= 0, range(6))) == [True] * 6


def test_one_at_a_time_is_one_at_a_time():
    alone = threading.Lock()

    def work(batch):
        assert alone.acquire(blocking=False)
        alone.release()
        return batch

    with closing(Batches(2, 1)) as batches:
        assert list(batches.map(work, range(4))) == [[0, 1], [2, 3]]


def test_only_a_few_are_taken_before_they_are_asked_for():
    taken = []
    with closing(Batches(1, 2)) as batches:
        answers = batches.map(list, (taken.append(n) or n for n in range(100)))
        assert next(answers) == [0]
        assert len(taken) == 4
        answers.close()


def test_a_failure_is_raised_and_leaves_the_next_work_untouched():
    with closing(Batches(1, 2)) as batches:
        with pytest.raises(ZeroDivisionError):
            list(batches.map(lambda batch: 1 // batch[0], [1, 0, 1, 1]))
        assert list(batches.map(list, [7])) == [[7]]


def test_the_work_is_done_in_the_context_of_who_asks():
    about = ContextVar("about", default="nothing")
    about.set("slide 1")
    with closing(Batches(1, 2)) as batches:
        assert list(batches.map(lambda batch: about.get(), range(3))) == ["slide 1"] * 3
