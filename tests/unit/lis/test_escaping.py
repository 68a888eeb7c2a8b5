from hypothesis import given
from hypothesis import strategies as st

from services.lis.hl7.escaping import Delimiters, escape, unescape
from services.lis.hl7.message import encode, parse
from services.lis.hl7.segments import decode_segment, encode_segment, same, segment, sparse_segment

NASTY = st.text(alphabet=st.sampled_from("|^~\\&\r\n\x0b\x1c\x00\x85\u2028\u2029 FSTREXHN.br0D1é漢"))
ANY = st.text() | NASTY


@given(ANY)
def test_every_text_comes_back(text):
    assert unescape(escape(text)) == text


@given(ANY)
def test_an_escaped_text_holds_nothing_that_delimits_or_frames(text):
    escaped = escape(text)
    assert not set(escaped) & set("|^~&\r\n\x0b\x1c\x85\u2028\u2029")
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in escaped)


@given(st.lists(ANY, min_size=1, max_size=5), ANY)
def test_no_text_forges_a_segment(components, text):
    said = [segment("MSH", "|", "^~\\&", "A"), segment("PID", "1", tuple(components), [text, "b"]), segment("NTE", "1")]
    heard = parse(encode(said).decode()).segments
    assert [s.name for s in heard] == ["MSH", "PID", "NTE"]
    assert all(same(a, b) for a, b in zip(said, heard, strict=True))


def test_a_carriage_return_in_a_name_stays_in_the_name():
    line = encode_segment(segment("PID", "1", "", "7", "", ("DOE\rOBX|1|NM|forged", "JANE")))
    assert line == r"PID|1||7||DOE\X0D\OBX\F\1\F\NM\F\forged^JANE"
    assert decode_segment(line).text(5) == "DOE\rOBX|1|NM|forged"


def test_sequences_of_other_systems_are_understood_or_kept():
    assert unescape(r"\H\bold\N\ a\.br\b \Zxx\ \XC3A9\ \XFF\ \E\F\E\ ") == "bold a\nb \\Zxx\\ é \\XFF\\ \\F\\ "
    assert unescape(r"50% of the way \ home") == r"50% of the way \ home"


def test_the_senders_own_delimiters_count():
    assert unescape("a!F!b!E!c", Delimiters(field="#", escape="!")) == "a#b!c"
    heard = parse("MSH#*%!$#LIS##\rPID#1##4711###DOE*J$K!S!").segments[1]
    assert (heard.text(3), heard.text(6, 2), heard.text(6, 2, 2)) == ("4711", "J", "K*")


def test_trailing_delimiters_say_nothing_and_sparse_segments_count_from_one():
    assert encode_segment(segment("OBX", ("a", "", ""), "", "")) == "OBX|a"
    assert encode_segment(sparse_segment("OBX", {3: "x"})) == "OBX|||x"
    assert same(decode_segment("OBX|a^^||"), segment("OBX", "a"))
    assert not same(decode_segment("OBX|a^b"), segment("OBX", "a"))
