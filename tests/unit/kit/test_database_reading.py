"""Readers of a state folder write nothing there, and so need neither room nor permission."""

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from services.embedded.worklist import open_worklist
from services.kit.database import Database, StateUnusable
from services.kit.sqlite import remedy
from services.review.worklist import METADATA, Worklist
from tests.unit.review.test_worklist import scan

# Root writes where it has no permission to, unless it gives that up.
BOUND = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
OLDER = Path(__file__).with_name("states_of_0_1_0") / "review.sql"
KILLED = """
import os, signal, sys
from pathlib import Path
from services.kit.database import Database
from services.review.worklist import METADATA, Worklist
from tests.unit.review.test_worklist import scan
Worklist(Database.in_file(Path(sys.argv[1]), METADATA)).record_scan(scan())
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(params=["stopped", "killed"])
def state(request, tmp_path):
    """A state folder that knows one scan."""
    if request.param == "killed":
        subprocess.run([sys.executable, "-c", KILLED, tmp_path / "review.db"])
        assert (tmp_path / "review.db-wal").stat().st_size
        return tmp_path
    database = Database.in_file(tmp_path / "review.db", METADATA)
    Worklist(database).record_scan(scan())
    database.close()
    assert not (tmp_path / "review.db-shm").exists()
    return tmp_path


def status(state, *before, **how):
    command = [*before, sys.executable, "-m", "services.embedded", "status", "--json", "--state", state]
    return subprocess.run(command, capture_output=True, text=True, **how)


def no_room():
    """No file can grow, as on a disk that is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_the_worklist_is_read_when_the_disk_is_full(state):
    told = status(state, preexec_fn=no_room)
    assert (told.returncode, told.stderr) == (0, "")
    assert [entry["scan"] for entry in json.loads(told.stdout)] == ["a.vsi"]


@pytest.fixture
def locked_up(state):
    """Nobody may write in the folder, nor to what lies there."""
    if BOUND and shutil.which(BOUND[0]) is None:
        pytest.skip("root without setpriv writes everywhere")

    def lock(mode):
        for path in state.iterdir():
            path.chmod(mode)
        state.chmod(0o555)
        return state

    yield lock
    state.chmod(0o755)


def test_the_worklist_is_read_where_nothing_may_be_written(locked_up):
    folder = locked_up(0o444)
    told = status(folder, *BOUND)
    assert (told.returncode, told.stderr) == (0, "")
    assert [entry["scan"] for entry in json.loads(told.stdout)] == ["a.vsi"]


def test_a_database_that_may_not_be_read_is_told_with_what_to_do(locked_up):
    told = status(locked_up(0), *BOUND)
    assert told.returncode == 3
    assert told.stderr.strip().endswith("give access to it and to its folder")


def test_a_folder_that_may_not_be_looked_into_is_told_with_what_to_do(locked_up):
    folder = locked_up(0o444)
    folder.chmod(0o444)
    told = status(folder, *BOUND)
    assert told.returncode == 3
    assert "cannot be looked into (Permission denied): give access to it" in told.stderr


@pytest.mark.parametrize("state", ["killed"], indirect=True)
def test_changes_that_only_a_writer_could_take_in_are_not_left_out(locked_up, state):
    (state / "review.db-shm").unlink()
    told = status(locked_up(0o444), *BOUND)
    assert told.returncode == 3
    assert told.stderr.strip().endswith("give access to it and to its folder")


def test_the_worklist_is_read_while_another_process_is_in_the_middle_of_a_change(state):
    with closing(sqlite3.connect(state / "review.db", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM scans")
        with open_worklist(state) as worklist:
            assert [entry.scan for entry in worklist.entries()] == ["a.vsi"]
        writer.execute("ROLLBACK")


def test_the_state_of_an_older_frottis_is_left_as_it_is_and_told_with_what_to_do(tmp_path):
    with closing(sqlite3.connect(tmp_path / "review.db")) as db:
        db.executescript(OLDER.read_text(encoding="utf-8"))
    before = (tmp_path / "review.db").read_bytes()
    with pytest.raises(StateUnusable, match=r"older Frottis.*: start `frottis run`"), open_worklist(tmp_path):
        pass
    assert (tmp_path / "review.db").read_bytes() == before
    Database.in_file(tmp_path / "review.db", METADATA).close()
    with open_worklist(tmp_path) as worklist:
        assert len(worklist.entries()) == 2


@pytest.mark.parametrize("opened", [Database.read_file, Database.in_file])
def test_a_damaged_database_is_to_be_restored(tmp_path, opened):
    (tmp_path / "review.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StateUnusable, match=r"not a database\): restore it"):
        opened(tmp_path / "review.db", METADATA)


@pytest.mark.parametrize(
    ("code", "what"),
    [
        (sqlite3.SQLITE_FULL, "make room"),
        (sqlite3.SQLITE_IOERR_SHMSIZE, "make room"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, "give access"),
        (sqlite3.SQLITE_CORRUPT_VTAB, "restore it"),
        (sqlite3.SQLITE_BUSY_RECOVERY, "another process works on it"),
        (sqlite3.SQLITE_IOERR_READ, "check the disk"),
    ],
)
def test_what_to_do_follows_from_the_cause(code, what):
    error = sqlite3.OperationalError("as SQLite tells it")
    error.sqlite_errorcode = code
    assert remedy(error).startswith(what)
