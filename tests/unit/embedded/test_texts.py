"""What people read is what was said: brackets, colons and all, and no character that a terminal obeys."""

import io
from datetime import timedelta
from types import SimpleNamespace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from services.embedded.cli import app
from services.embedded.demo.outcome import print_hl7
from services.embedded.demo.progress import follow
from services.embedded.worklist import print_status
from services.embedded.writing import print_report
from services.kit.clock import to_timestamp
from services.kit.contracts import Finding, Measure, Milestone, Model, Reason, Report, Scan, ScanState, Slide, Stage
from services.kit.database import Database
from services.review.worklist import METADATA, Worklist
from tests.unit.review.test_worklist import NOON

HOSTILE = "x[red].vsi [/] [link=a]b :cat: \x1b[31m c"
SEEN = r"x[red].vsi [/] [link=a]b :cat: \x1b[31m c"


@pytest.fixture
def console():
    return Console(width=4000, emoji=False, file=io.StringIO())


def test_a_report_shows_every_text_as_it_is(console):
    report = Report(
        slide=Slide(slide_id=f"1 {HOSTILE}", specimen=f"2 {HOSTILE}"),
        reasons=[Reason(text=f"3 {HOSTILE}")],
        measures=[Measure(name=f"4 {HOSTILE}", withheld=Reason(text=f"5 {HOSTILE}"))],
        findings=[Finding(text=f"6 {HOSTILE}", rule_id=f"7 {HOSTILE}", source=f"8 {HOSTILE}")],
        limitations=[Reason(text=f"9 {HOSTILE}")],
        rules_version=f"10 {HOSTILE}",
        models=[Model(name=f"11 {HOSTILE}")],
    )
    print_report(report, console)
    told = console.file.getvalue()
    assert [number for number in range(1, 12) if f"{number} {SEEN}" not in told] == []
    assert "\x1b" not in told


def test_a_report_tells_how_long_each_step_took_as_far_as_moments_are_known(console):
    stages = (Stage.STAGE_DECIDED, Stage.STAGE_SENT, Stage.STAGE_ACKNOWLEDGED)
    moments = [Milestone(stage=stage, at=to_timestamp(NOON + timedelta(seconds=n))) for n, stage in enumerate(stages)]
    print_report(Report(slide=Slide(milestones=moments[:1])), console)
    assert "from" not in console.file.getvalue()
    print_report(Report(slide=Slide(milestones=moments)), console)
    assert "from decided: sent 1.0 s, acknowledged 1.0 s" in console.file.getvalue()


def test_a_demonstration_shows_reasons_and_messages_as_they_are(console):
    ended = SimpleNamespace(state=SimpleNamespace(ended=True), text=HOSTILE)
    under_way = SimpleNamespace(state=SimpleNamespace(ended=False), text=HOSTILE)
    entries = iter([under_way, ended])

    def look():
        return [SimpleNamespace(scan="a.vsi", standing=next(entries), delivered=True)]

    engine = SimpleNamespace(wait=lambda _: None, worklist=SimpleNamespace(entries=look), waiting=dict)
    follow(engine, "a.vsi", lambda: None, console)
    assert SEEN in console.file.getvalue()
    print_hl7(f"MSH|{HOSTILE}\rPID|", HOSTILE, console)
    assert f"MSH|{SEEN}" in console.file.getvalue()


def recorded(folder, name, text):
    database = Database.in_file(folder / "review.db", METADATA)
    slide = Slide(slide_id="S1", specimen="A1")
    reason = Reason(code="why", text=text)
    seen = to_timestamp(NOON)
    held = ScanState.SCAN_STATE_HELD
    Worklist(database).record_scan(
        Scan(name=name, state=held, revision=1, first_seen_at=seen, slide=slide, reason=reason)
    )
    entries = Worklist(database).entries()
    database.close()
    return entries


def test_what_reads_a_pipe_finds_each_text_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = "a sentence of more words than stand on one line of a terminal, for slide " + "0123456789abcdef" * 8
    recorded(tmp_path, f"{'long' * 30}.vsi", text)
    told = CliRunner().invoke(app, ["status", "--state", str(tmp_path)]).stdout
    assert text in told
    assert f"{'long' * 30}.vsi" in told


def test_a_time_of_another_day_has_its_date(tmp_path, console, monkeypatch):
    [entry] = recorded(tmp_path, "a.vsi", "few cells")
    entry = SimpleNamespace(**{**vars(entry), "completed": NOON, "deadline": NOON + timedelta(days=1)})
    print_status([entry], console, NOON)
    clock = f"{NOON.astimezone():%H:%M:%S}"
    [row] = [line for line in console.file.getvalue().splitlines() if "a.vsi" in line]
    assert [cell.strip() for cell in row.split("│")[-3:-1]] == [clock, f"2026-01-06 {clock}"]
