"""What the simulated LIS keeps over restarts, how it counts, and which message gets which behaviour."""

import json
import os
from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulator.lis import Journal, LisSimulator, Manner
from services.simulator.lis.journal import JournalError, read_journal
from services.simulator.lis.mood import Mood, MoodError, parse_words
from services.simulator.lis.placing import read_wishes
from services.simulator.lis.record import report_of
from services.simulator.lis.tally import Tally, tally, tally_of
from services.simulator.lis.wire import NotMllp
from tests.unit.simulator.lis.lis_messages import oru, send


@pytest.fixture
def path(tmp_path):
    return tmp_path / "kept" / "lis.jsonl"


def counted(path, specimen="S1"):
    return tally_of(path)["specimens"][specimen]


def test_what_was_answered_for_is_known_after_a_restart(path):
    with LisSimulator(journal=Journal(path)) as lis:
        assert send(lis.address, oru()) == "AA"
    with LisSimulator(journal=Journal(path)) as again:
        assert again.record.reports[0].content == oru()
        assert send(again.address, oru()) == "AA"
    assert counted(path)["effective"] == ["C1"]
    assert counted(path)["repeats"] == 1
    entry = read_journal(path)[0]
    assert (entry["control_id"], entry["manner"], entry["content"]) == ("C1", "ACCEPT", oru().decode())
    assert "\nMSA|AA|C1\n" in entry["answer"]
    assert entry["at"].endswith("+00:00")


@pytest.mark.parametrize("manner", [Manner.SILENT, Manner.CLOSE, Manner.GARBAGE, Manner.LATE, Manner.HALF_FRAME])
@pytest.mark.parametrize("refusal", [Manner.ERROR, Manner.REJECT, Manner.REJECT_HEADER])
def test_what_is_stored_is_not_refused_when_it_comes_again(path, manner, refusal):
    with LisSimulator(journal=Journal(path)) as lis:
        lis.behave(manner)
        with suppress(TimeoutError, NotMllp, ValueError):
            assert send(lis.address, oru(), 0.2) is None
        assert lis.record.wait_until(bool, 10)
        assert counted(path)["unconfirmed"] == ["C1"]
        lis._late.clear()
        lis.behave(refusal)
        assert send(lis.address, oru()) == "AA"
    assert counted(path)["unconfirmed"] == []
    assert counted(path)["effective"] == ["C1"]


def test_another_message_under_a_known_number_is_refused_and_counted_as_a_conflict(path):
    with LisSimulator(journal=Journal(path)) as lis:
        assert send(lis.address, oru()) == "AA"
        assert send(lis.address, oru(result="9.9")) == "AE"
        assert send(lis.address, oru()) == "AA"
    one = counted(path)
    assert (one["effective"], one["conflicts"], one["repeats"], one["faulty"]) == (["C1"], 1, 1, ["C1"])


def test_values_notices_and_refusals_are_counted_apart(path):
    with LisSimulator(journal=Journal(path)) as lis:
        send(lis.address, oru("C1"))
        send(lis.address, oru("C2", status="I"))
        lis.behave(Manner.ERROR)
        send(lis.address, oru("C3"))
        send(lis.address, oru("C4", specimen="S2", placer="P2"))
        send(lis.address, oru("C5", specimen="S2", placer="P2"))
    assert counted(path) == {
        **vars(Tally()),
        "effective": ["C1"],
        "notices": ["C2"],
        "refused": ["C3"],
    }
    assert counted(path, "S2")["effective"] == ["C4", "C5"]
    assert tally_of(path)["total"]["effective"] == 3


def test_a_frame_without_hl7_is_counted(path):
    with LisSimulator(journal=Journal(path)) as lis:
        with pytest.raises(TimeoutError):
            send(lis.address, b"not a message", 0.2)
        assert lis.record.wait_until(lambda _: bool(lis.record._broken), 10)
    assert tally_of(path)["no_message"] == 1


def test_a_line_that_a_kill_cut_short_is_removed_and_the_next_stands_alone(path):
    journal = Journal(path)
    journal.append({"kind": "a"})
    journal.close()
    with path.open("ab") as torn:
        torn.write(b'{"kind": "b", "content": "MSH')
    assert [entry["kind"] for entry in read_journal(path)] == ["a"]
    again = Journal(path)
    again.append({"kind": "c"})
    again.close()
    assert [entry["kind"] for entry in read_journal(path)] == ["a", "c"]


def test_what_could_not_be_written_leaves_nothing_and_is_not_answered(path, monkeypatch):
    journal = Journal(path)
    with LisSimulator(journal=journal) as lis:
        with monkeypatch.context() as full:

            def half(descriptor):
                raise OSError(28, "No space left on device")

            full.setattr(os, "fsync", half)
            assert send(lis.address, oru()) is None
        assert lis.record.reports == []
        assert read_journal(path) == []
        assert send(lis.address, oru()) == "AA"
    assert counted(path)["repeats"] == 0


def test_another_file_is_no_journal(path, tmp_path):
    (tmp_path / "other").write_text("this is\nsomething else\n")
    with pytest.raises(JournalError, match="line 1"):
        Journal(tmp_path / "other")
    with pytest.raises(JournalError, match="cannot be read"):
        read_journal(path)
    with pytest.raises(JournalError, match="no order"):
        (tmp_path / "other").write_text('{"specimen": "S1"}\n')
        read_wishes(tmp_path / "other")


@given(st.lists(st.tuples(st.sampled_from("ABCD"), st.booleans()), max_size=25))
def test_the_count_agrees_with_a_plain_one(came):
    """Each message came as its MSH-10 and whether it is stored; D is a notice."""
    reports = [report_of(oru(name, status="I" if name == "D" else "P"), stored=stored) for name, stored in came]
    one = tally(reports).get("S1", Tally())
    stored = {name for name, kept in came if kept}
    assert set(one.effective) == stored - {"D"}
    assert set(one.notices) == stored & {"D"}
    assert set(one.refused) == {name for name, _ in came} - stored
    assert one.repeats == sum(times - 1 for times in Counter(name for name, _ in came).values())
    assert one.conflicts == 0


def test_words_say_shares_and_a_seed_says_which_messages(tmp_path):
    mood = Mood(parse_words("ae:0.2 silent:0.1"), seed=3)
    drawn = [mood.behaviour(number).manner for number in range(2000)]
    assert drawn == [Mood(mood.shares, seed=3).behaviour(number).manner for number in range(2000)]
    assert drawn != [Mood(mood.shares, seed=4).behaviour(number).manner for number in range(2000)]
    assert 320 < drawn.count(Manner.ERROR) < 480
    assert 140 < drawn.count(Manner.SILENT) < 260
    assert set(drawn) == {Manner.ERROR, Manner.SILENT, Manner.ACCEPT}
    assert Mood(parse_words("slow"), slow_s=7.0).behaviour(0).seconds == 7.0
    for wrong in ("strange", "ae:x", "ae:0.8 ar:0.4", "ae:-0.1"):
        with pytest.raises(MoodError):
            parse_words(wrong)


def test_a_control_file_is_heard_from_message_to_message(tmp_path, path):
    control = tmp_path / "control"
    with LisSimulator(journal=Journal(path), mood=Mood({}, control=control)) as lis:
        assert send(lis.address, oru("C1")) == "AA"
        control.write_text("ae")
        assert send(lis.address, oru("C2")) == "AE"
        control.write_text("nonsense")
        assert send(lis.address, oru("C3")) is None
        control.unlink()
        assert send(lis.address, oru("C3")) == "AA"
    assert json.loads(path.read_text().splitlines()[1])["manner"] == "ERROR"
