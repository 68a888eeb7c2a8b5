"""What people read is what was said: brackets, colons and all, and no character that a terminal obeys."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from services.embedded.demo.outcome import print_hl7
from services.embedded.demo.progress import follow
from services.embedded.writing import print_report
from services.kit.contracts import Finding, Measure, Model, Reason, Report, Slide

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
