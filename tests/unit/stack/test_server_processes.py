import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from stack import cache
from stack.ports import free_port, listens
from stack.processes import ServerFailed, ServerProcess, run

SERVE = "import sys, http.server as h; h.HTTPServer(('127.0.0.1', int(sys.argv[1])), h.SimpleHTTPRequestHandler).serve_forever()"


@pytest.fixture
def server(tmp_path):
    port = free_port()
    command = [sys.executable, "-c", SERVE, str(port)]
    made = ServerProcess("web", command, log=tmp_path / "web.log", ready=partial(listens, port))
    yield made
    made.kill()


def test_a_server_is_ready_when_start_returns_and_gone_when_stop_returns(server):
    assert not server.running
    with server:
        assert server.running
        pid = server.pid
    assert not server.running
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_server_that_was_killed_starts_again_on_its_port(server):
    server.start()
    first = server.pid
    server.kill()
    server.start()
    assert server.pid != first


def test_a_frozen_server_can_be_stopped(server):
    server.start()
    server.freeze()
    server.stop()
    assert not server.running


def test_a_server_is_asked_to_end_once_as_a_second_time_may_kill_it(tmp_path):
    told, asked = tmp_path / "told", tmp_path / "asked"
    handle = f"trap 'echo x >> {asked}' TERM"
    command = ["sh", "-c", f"{handle}; touch {told}; until [ -s {asked} ]; do sleep 0.05; done; sleep 0.5; exit 0"]
    with ServerProcess("slow", command, log=tmp_path / "log", ready=told.exists) as server:
        server.terminate()
        server.terminate()
    assert asked.read_text() == "x\n"


def test_a_server_that_ends_at_its_start_is_told_with_its_last_words(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('no such folder')"]
    server = ServerProcess("web", command, log=tmp_path / "web.log", ready=lambda: False)
    with pytest.raises(ServerFailed, match=r"web ended with code 1 at its start:\nno such folder"):
        server.start()


def test_a_server_that_is_not_ready_in_time_is_killed(tmp_path):
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    server = ServerProcess("web", command, log=tmp_path / "web.log", ready=lambda: False, ready_within_s=0.3)
    with pytest.raises(ServerFailed, match=r"not ready within 0.3 s"):
        server.start()
    assert not server.running


def test_what_a_killed_server_started_is_killed_with_it(tmp_path):
    told = tmp_path / "child"
    command = ["sh", "-c", f"sleep 600 & echo $! > {told}.part; mv {told}.part {told}; wait"]
    server = ServerProcess("parent", command, log=tmp_path / "log", ready=told.exists)
    server.start()
    child = int(told.read_text())
    server.kill()
    # It is an orphan now: until somebody else takes note of its end it is a zombie.
    stat = Path(f"/proc/{child}/stat")
    with suppress(FileNotFoundError, ProcessLookupError):
        while stat.read_text().rsplit(")", 1)[1].split()[0] != "Z":
            pass


def test_a_failing_command_is_told_with_its_last_words():
    with pytest.raises(ServerFailed, match="ended with code 3: broken"):
        run([sys.executable, "-c", "import sys; print('broken', file=sys.stderr); sys.exit(3)"])


def test_a_cached_folder_is_filled_once_and_not_kept_when_that_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "FOLDER", tmp_path / "cache")
    filled = []

    def fail(folder):
        (folder / "half").touch()
        raise ServerFailed("no network")

    def fill(folder):
        filled.append(folder)
        (folder / "jar").touch()

    with pytest.raises(ServerFailed):
        cache.cached("kafka", fail)
    made = [cache.cached("kafka", fill) for _ in range(2)]
    assert made[0] == made[1]
    assert [path.name for path in made[0].iterdir()] == ["jar"]
    assert len(filled) == 1
    assert (tmp_path / "cache" / ".gitignore").read_text() == "*\n"
