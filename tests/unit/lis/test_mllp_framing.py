from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.lis.mllp.framing import HEAD_BYTES, Damage, Decoder, Frame, frame

CONTENT = st.binary(max_size=60).map(lambda b: b.replace(b"\x0b", b"").replace(b"\x1c", b""))


def fed(decoder: Decoder, *packets: bytes) -> list[Frame]:
    return [found for packet in packets for found in decoder.feed(packet)]


@given(st.lists(CONTENT, max_size=6), st.lists(st.integers(0, 500)))
def test_frames_come_out_however_the_stream_is_cut(contents, cuts):
    stream = b"".join(map(frame, contents))
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    packets = [stream[a:b] for a, b in pairwise(edges)]
    assert fed(Decoder(1000), *packets) == [Frame(content) for content in contents]


@given(st.binary(max_size=3000))
def test_noise_neither_breaks_the_decoder_nor_fills_memory(noise):
    decoder = Decoder(100)
    for found in fed(decoder, noise, noise):
        assert len(found.content) <= (HEAD_BYTES if found.damage else 100)
    assert len(decoder._content) <= HEAD_BYTES


def test_garbage_between_frames_is_dropped_and_counted_but_line_ends_are_none():
    decoder = Decoder(100)
    assert fed(decoder, b"xx\x0bone\x1c\r\r\n", b"yy", b"\x0btwo\x1c") == [Frame(b"one"), Frame(b"two")]
    assert decoder.stray_bytes == 4
    assert not decoder.inside


def test_an_oversized_frame_keeps_its_head_so_that_it_can_be_answered():
    head = b"MSH|" + b"h" * 50
    (found,) = fed(Decoder(100), b"\x0b" + head, b"x" * 10_000_000, b"y" * 10, b"\x1c\r")
    assert found.damage is Damage.TOO_LARGE
    assert found.content.startswith(head)
    assert len(found.content) <= HEAD_BYTES


def test_a_frame_that_a_new_one_interrupts_is_told_apart():
    assert fed(Decoder(100), b"\x0bfirst ha", b"lf\x0bsecond\x1c\r") == [
        Frame(b"first half", Damage.CUT),
        Frame(b"second"),
    ]


def test_what_would_be_two_frames_is_not_framed():
    for byte in (b"\x0b", b"\x1c"):
        with pytest.raises(ValueError, match="escape"):
            frame(b"a" + byte + b"b")
