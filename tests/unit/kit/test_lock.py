import errno
import os
import subprocess
import sys

import pytest

from services.kit.lock import StateInUse, StateUnwritable, locked

HOLD = """
import os, signal, sys
from pathlib import Path
from services.kit.lock import locked
with locked(Path(sys.argv[1]), [sys.argv[2]]):
    if len(sys.argv) > 3:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def in_another_process(*arguments):
    return subprocess.run([sys.executable, "-c", HOLD, *map(str, arguments)], capture_output=True, text=True)


def test_a_second_process_of_a_service_is_refused_and_told_what_to_do(tmp_path):
    with locked(tmp_path, ["ingestion", "lis"]):
        assert f"another Frottis runs lis on {tmp_path}" in in_another_process(tmp_path, "lis").stderr
        with pytest.raises(StateInUse, match="--state"), locked(tmp_path, ["lis"]):
            pass
    assert in_another_process(tmp_path, "lis").returncode == 0


def test_other_services_run_beside_it_and_so_does_it_on_another_folder(tmp_path):
    with locked(tmp_path / "a", ["lis"]):
        assert in_another_process(tmp_path / "a", "review").returncode == 0
        assert in_another_process(tmp_path / "b", "lis").returncode == 0


def test_who_is_refused_one_lock_holds_none(tmp_path):
    with locked(tmp_path, ["review"]):
        with pytest.raises(StateInUse, match="review"), locked(tmp_path, ["lis", "review"]):
            pass
        assert in_another_process(tmp_path, "lis").returncode == 0


def test_a_killed_process_leaves_no_lock(tmp_path):
    assert in_another_process(tmp_path, "lis", "kill").returncode == -9
    with locked(tmp_path, ["lis"]):
        pass


@pytest.mark.parametrize(
    ("code", "what"),
    [
        (errno.EROFS, "give access to it, or give another folder with --state"),
        (errno.EACCES, "give access to it, or give another folder with --state"),
        (errno.ENOSPC, "make room on its disk"),
    ],
)
def test_a_folder_that_takes_no_lock_is_told_with_what_to_do(tmp_path, monkeypatch, code, what):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("os.open", refuse)
    told = rf"cannot be written \({os.strerror(code)}\): {what}"
    with pytest.raises(StateUnwritable, match=told), locked(tmp_path, ["lis"]):
        pass


def test_a_file_takes_no_lock(tmp_path):
    (tmp_path / "state").touch()
    with pytest.raises(StateUnwritable, match="Not a directory"), locked(tmp_path / "state", ["lis"]):
        pass
