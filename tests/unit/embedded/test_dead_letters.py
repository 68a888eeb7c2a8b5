import base64
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from services.embedded.cli import app
from services.embedded.dead_letters import open_dead_letters
from services.kit.contracts import Tile
from services.kit.database import StateUnusable
from services.kit.local_log import LocalLog
from services.kit.transport import NoDeadLetter, Outgoing
from tests.unit.kit.test_database_reading import no_room

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def log(tmp_path):
    opened = LocalLog(tmp_path / "messages.db")
    yield opened
    opened.close()


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments, code=0):
        ended = CliRunner().invoke(app, ["dead-letters", *arguments, "--state", str(tmp_path)])
        if ended.exception and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        assert ended.exit_code == code, ended.output
        return ended.stdout

    return run


def reject(log, *names, group="analysis"):
    for name in names:
        log.send([Outgoing("tiles", f"slide-1/{name}", Tile(tile_id=name), NOON, {"trace": "t"})])
        consumer = log.consumer(group, ["tiles"])
        consumer.reject(consumer.poll(1, 0)[0], f"tile {name} [x]: not a JPEG")


def test_every_dead_letter_is_listed_with_its_reason(log, run):
    reject(log, "a", "b")
    listed = json.loads(run("list", "--json"))
    assert [(entry["id"], entry["service"], entry["topic"], entry["key"]) for entry in listed] == [
        ("1", "analysis", "tiles", "slide-1/a"),
        ("2", "analysis", "tiles", "slide-1/b"),
    ]
    assert listed[0]["reason"] == "tile a [x]: not a JPEG"
    assert (listed[0]["attempts"], listed[0]["deadline"]) == (1, "2026-01-05T12:00:00+00:00")
    assert "tile b [x]: not a JPEG" in run("list")


def test_dead_letters_are_listed_and_shown_on_a_disk_that_is_full(log, tmp_path):
    reject(log, "a")
    # Who closes a file of an open database gives up its locks.
    log.close()
    before = (tmp_path / "messages.db").read_bytes()
    for command in (["list"], ["show", "1"]):
        told = subprocess.run(
            [sys.executable, "-m", "services.embedded", "dead-letters", *command, "--json", "--state", tmp_path],
            capture_output=True,
            text=True,
            preexec_fn=no_room,
        )
        assert (told.returncode, told.stderr) == (0, "")
        assert "not a JPEG" in told.stdout
    assert (tmp_path / "messages.db").read_bytes() == before


def test_the_log_of_an_older_frottis_is_left_as_it_is_and_told_with_what_to_do(log, tmp_path):
    log.close()
    with closing(sqlite3.connect(tmp_path / "messages.db")) as db:
        db.execute("ALTER TABLE dead_letters DROP COLUMN attempts")
    before = (tmp_path / "messages.db").read_bytes()
    with (
        pytest.raises(StateUnusable, match="older Frottis: start `frottis run`"),
        open_dead_letters(tmp_path, to_read=True),
    ):
        pass
    assert (tmp_path / "messages.db").read_bytes() == before
    LocalLog(tmp_path / "messages.db").close()
    with open_dead_letters(tmp_path, to_read=True) as letters:
        assert letters.list() == []


def test_no_dead_letters_are_told_as_such(log, run):
    assert "No message was rejected" in run("list")
    assert json.loads(run("list", "--json")) == []


def test_a_dead_letter_is_shown_with_its_message(log, run):
    reject(log, "a")
    shown = json.loads(run("show", "1", "--json"))
    assert (shown["message"], shown["headers"]) == ({"tile_id": "a"}, {"trace": "t"})
    assert '"tile_id": "a"' in run("show", "1")


def test_bytes_that_are_no_message_are_shown_as_they_are(log, run, tmp_path):
    reject(log, "a")
    with log._file.changing() as db:
        db.execute("UPDATE dead_letters SET value = ?", (b"\x0a\x05a",))
    shown = json.loads(run("show", "1", "--json"))
    assert (shown["message"], base64.b64decode(shown["bytes"])) == (None, b"\x0a\x05a")


def test_a_replayed_message_goes_back_to_its_service_and_leaves_the_list(log, run):
    reject(log, "a", "b", "c")
    run("replay", "1", "3")
    assert [entry["id"] for entry in json.loads(run("list", "--json"))] == ["2"]
    batch = log.consumer("analysis", ["tiles"]).poll(5, 0)
    assert [(message.value.tile_id, message.deadline) for message in batch] == [("a", NOON), ("c", NOON)]


def test_all_are_replayed_at_once(log, run):
    reject(log, "a", "b")
    run("replay", "--all")
    assert json.loads(run("list", "--json")) == []
    assert log.waiting() == {("analysis", "tiles"): 2}


def test_what_does_not_exist_is_told_and_the_others_are_replayed(log, run):
    reject(log, "a")
    run("replay", "7", "1", code=4)
    assert log.waiting() == {("analysis", "tiles"): 1}
    with pytest.raises(NoDeadLetter, match="no dead letter 7"):
        run("show", "7")


def test_a_group_that_no_longer_takes_the_topic_gets_nothing(log, run):
    reject(log, "a")
    with log._file.changing() as db:
        db.execute('UPDATE dead_letters SET "group" = ?', ("lis",))
    run("replay", "1", code=3)
    assert len(json.loads(run("list", "--json"))) == 1


@pytest.mark.parametrize("arguments", [[], ["1", "--all"]])
def test_what_to_replay_must_be_said_in_one_way(log, run, arguments):
    run("replay", *arguments, code=2)
