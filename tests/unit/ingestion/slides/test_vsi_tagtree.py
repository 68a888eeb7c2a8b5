"""The tag tree: what was packed comes out again, and nothing else does any harm."""

import struct
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.ingestion import SlideDamaged, SlideError, SlideIncomplete
from services.ingestion.slides.vsi.tagtree import MAX_DEPTH, Field, parse_tree, readable_tree
from services.simulator.vsi import tags

TAGS = st.integers(1, 2**31 - 1).filter(lambda tag: tag not in (2023, 2024))
TEXT = st.text(st.characters(codec="utf-16-le", exclude_characters="\0"), max_size=20).map(str.strip)
LEAVES = st.one_of(
    st.builds(tags.integer, TAGS, st.integers(-(2**31), 2**31 - 1)),
    st.builds(tags.double, TAGS, st.floats(allow_nan=False)),
    st.builds(tags.text, TAGS, TEXT),
    st.builds(tags.integer_pair, TAGS, st.integers(-(2**31), 2**31 - 1), st.integers(0, 9)),
)
SECONDS = st.none() | st.integers(0, 20_000)
TREES = st.lists(
    st.recursive(
        LEAVES,
        lambda below: st.builds(
            lambda tag, children, second: tags.volume(tag, children, second=second),
            TAGS,
            st.lists(below, max_size=4),
            SECONDS,
        ),
        max_leaves=20,
    ),
    max_size=6,
)

# On a busy machine the time of one example says nothing.
PATIENT = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def packed(fields):
    return b"II*\0" + struct.pack("<I", 0) + tags.pack_volume(fields)


def same(written: tags.Field, read: Field) -> bool:
    if (written.tag, written.second) != (read.tag, read.second):
        return False
    if written.children is not None:
        pairs = zip(written.children, read.children, strict=True)
        return all(same(child, found) for child, found in pairs)
    if written.inline is not None:
        return read.numbers == (written.inline,)
    if written.kind == 8192:
        return read.text == written.data.decode("utf-16-le").rstrip("\0")
    return read.data == written.data


@PATIENT
@given(TREES)
def test_what_was_packed_is_read(fields):
    tree = parse_tree(packed(fields), "S.vsi")
    assert len(tree.children) == len(fields)
    assert all(same(written, read) for written, read in zip(fields, tree.children, strict=True))


@PATIENT
@given(TREES, st.data())
def test_a_cut_tree_is_never_taken_for_another(fields, data):
    whole = packed(fields)
    cut = whole[: data.draw(st.integers(8, len(whole) - 1))]
    with pytest.raises(SlideIncomplete):
        parse_tree(cut, "S.vsi")
    readable = list(readable_tree(cut, "S.vsi").walk())
    known = {(field.tag, field.second, field.data) for field in parse_tree(whole, "S.vsi").walk()}
    assert {(field.tag, field.second, field.data) for field in readable} <= known


@PATIENT
@given(TREES, st.data())
def test_spoiled_bytes_give_a_tree_or_a_typed_error(fields, data):
    spoiled = bytearray(packed(fields))
    for _ in range(data.draw(st.integers(1, 4))):
        spoiled[data.draw(st.integers(8, len(spoiled) - 1))] = data.draw(st.integers(0, 255))
    try:
        tree = parse_tree(bytes(spoiled), "S.vsi")
    except SlideError:
        return
    assert all(field.numbers is not None and (field.text is None or "\0" not in field.text) for field in tree.walk())


@PATIENT
@given(st.binary(max_size=300))
def test_noise_gives_a_tree_or_a_typed_error(noise):
    content = b"II*\0\0\0\0\0" + noise
    assert readable_tree(content, "S.vsi") is not None
    with suppress(SlideError):
        assert parse_tree(content, "S.vsi") is not None


def test_a_tree_deeper_than_any_real_one_is_refused():
    field = tags.integer(1, 1)
    for _ in range(MAX_DEPTH + 2):
        field = tags.volume(1, [field])
    with pytest.raises(SlideDamaged, match="nested deeper"):
        parse_tree(packed([field]), "S.vsi")


def test_a_loop_of_links_is_refused():
    content = bytearray(packed([tags.integer(1, 1), tags.integer(2, 2)]))
    struct.pack_into("<I", content, 8 + 24 + 16 + 8, 24)
    with pytest.raises(SlideDamaged, match="backwards"):
        parse_tree(bytes(content), "S.vsi")


def test_volumes_that_multiply_each_other_are_stopped():
    """Every field's nested volume holds all the later ones: exponential, were fields not counted."""
    field_size, count = 16 + 24, 30
    content = bytearray(b"II*\0\0\0\0\0" + struct.pack("<HHIqII", 24, 21321, 2, 24, count, 0))
    for number in range(count):
        link = 24 + (number + 1) * field_size if number < count - 1 else 0
        content += struct.pack("<IiII", 0x1000_0000, 5, link, 24)
        content += struct.pack("<HHIqII", 24, 21321, 2, 24, count - number - 1, 0)
    with pytest.raises(SlideError):
        parse_tree(bytes(content), "S.vsi")
    assert readable_tree(bytes(content), "S.vsi") is not None


def test_display_settings_that_claim_more_than_the_file_are_skipped():
    loose = struct.pack("<IiII", 0x2800_0000, 2023, 0, 2**31) + struct.pack("<i", 0)
    content = b"II*\0\0\0\0\0" + struct.pack("<HHIqII", 24, 21321, 2, 24, 1, 0) + loose
    assert parse_tree(content, "S.vsi").find(2023).data == b""


def test_a_negative_tag_ends_a_volume():
    content = packed([tags.integer(7, 1), tags.integer(-1, 0), tags.integer(8, 1)])
    assert [field.tag for field in parse_tree(content, "S.vsi").children] == [7]
