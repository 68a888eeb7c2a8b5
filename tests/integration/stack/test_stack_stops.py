"""Whatever ends `python -m stack`, nothing that it started is left."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

LIMIT_S = 60
UP, READY = "up: ", "ready: "


def named(folder):
    """The processes whose command line or working folder is of the stack in `folder`, by process id."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes() + b"\0" + (process / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in command and int(process.name) != os.getpid():
            found[int(process.name)] = command.split(b"\0")[:4]
    return found


def gone(folder):
    until = time.monotonic() + LIMIT_S
    while (left := named(folder)) and time.monotonic() < until:
        threading.Event().wait(0.2)
    return left


@pytest.mark.parametrize(
    ("line", "hurt", "code"),
    [
        (UP, lambda stack, _: stack.send_signal(signal.SIGINT), 130),
        (READY, lambda _, folder: os.kill(service(folder), signal.SIGKILL), 1),
        (READY, lambda stack, _: stack.kill(), -signal.SIGKILL),
    ],
    ids=["Ctrl-C while services start", "a service that dies", "kill -9"],
)
def test_nothing_is_left(tmp_path, line, hurt, code):
    command = [sys.executable, "-u", "-m", "stack", "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as stack:
        told = []
        for text in stack.stdout:
            told.append(text)
            if "cannot run here" in text:
                pytest.skip(text)
            if text.startswith(line):
                hurt(stack, tmp_path)
                break
        rest, _ = stack.communicate(timeout=240)
    assert stack.returncode == code, "".join(told) + rest
    assert "Traceback" not in rest, rest
    assert gone(tmp_path) == {}


def service(folder):
    return next(pid for pid, command in named(folder).items() if b"services.review" in command)
