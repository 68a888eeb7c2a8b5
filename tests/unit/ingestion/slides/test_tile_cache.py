"""The tile cache: bounded, decoded once, and nothing kept of a failure."""

import threading

import numpy as np
import pytest

from services.ingestion.slides.vsi.cache import TileCache

SHAPE = (4, 4, 3)


def filler(value, log=None):
    def decode(out):
        if log is not None:
            log.append(value)
        out[:] = value

    return decode


def test_a_tile_is_decoded_once_while_it_is_kept():
    cache, log = TileCache(2, SHAPE), []
    for key in (1, 2, 1, 2, 1):
        with cache.tile(key, filler(key, log)) as pixels:
            assert (pixels == key).all()
    assert log == [1, 2]


def test_the_least_recently_used_makes_room():
    cache, log = TileCache(2, SHAPE), []
    for key in (1, 2, 1, 3, 1, 2):
        with cache.tile(key, filler(key, log)):
            pass
    assert log == [1, 2, 3, 2]


def test_a_tile_in_use_is_never_overwritten():
    cache = TileCache(2, SHAPE)
    with cache.tile(1, filler(1)) as held:
        for key in range(2, 12):
            with cache.tile(key, filler(key)):
                pass
        assert (held == 1).all()


def test_nothing_is_kept_of_a_tile_that_failed():
    cache = TileCache(1, SHAPE)

    def broken(out):
        raise ValueError("broken")

    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), cache.tile(1, broken):
            pass
    with cache.tile(1, filler(8)) as pixels:
        assert (pixels == 8).all()


def test_a_tile_that_two_want_is_decoded_for_both_at_once():
    cache, log, started, proceed = TileCache(4, SHAPE), [], threading.Event(), threading.Event()

    def slow(out):
        started.set()
        assert proceed.wait(10)
        filler(5, log)(out)

    seen = []

    def use(decode):
        with cache.tile(5, decode) as pixels:
            seen.append(int(pixels[0, 0, 0]))

    first = threading.Thread(target=use, args=(slow,))
    first.start()
    assert started.wait(10)
    second = threading.Thread(target=use, args=(filler(6, log),))
    second.start()
    proceed.set()
    first.join()
    second.join()
    assert (seen, log) == ([5, 5], [5])


def test_more_threads_than_tiles_take_turns():
    cache, wrong = TileCache(2, SHAPE), []

    def work(seed):
        for key in np.random.default_rng(seed).integers(0, 9, 200).tolist():
            with cache.tile(key, filler(key)) as pixels:
                if not (pixels == key).all():
                    wrong.append(key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
