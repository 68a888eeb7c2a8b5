"""The simulated LIS as a process: killed at random moments, it never loses what it answered for."""

import json
import random
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from services.simulator.lis.er7 import segments, value
from services.simulator.lis.journal import read_journal
from services.simulator.lis.tally import tally_of
from services.simulator.lis.wire import NotMllp, Wire
from tests.unit.simulator.lis.lis_messages import oru, send

ROOT = Path(__file__).resolve().parents[4]
KILLS = 5


def command(*arguments):
    return [sys.executable, "-m", "services.simulator.lis", *map(str, arguments)]


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "lis.jsonl"


@pytest.fixture
def start(journal):
    """Within, a simulator on the journal, its process and address. Killed at the end, if it still runs."""

    @contextmanager
    def process(*arguments, listen="127.0.0.1:0"):
        started = command("--journal", journal, "--listen", listen, *arguments)
        with subprocess.Popen(started, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            try:
                host, port = json.loads(running.stdout.readline())["listen"].split(":")
                yield running, (host, int(port))
            finally:
                running.kill()

    return process


def test_killed_at_random_moments_it_keeps_what_it_answered_for(start, journal):
    dice = random.Random(11)
    answered, address = [], ("127.0.0.1", 0)
    number = 0
    for _ in range(KILLS):
        with start(listen="{}:{}".format(*address)) as (running, address):
            killer = threading.Timer(dice.uniform(0.02, 0.3), running.kill)
            killer.start()
            with suppress(OSError, NotMllp):
                while send(address, oru(f"C{number}", f"S{number}", f"P{number}"), 20.0):
                    answered.append(f"C{number}")
                    number += 1
            killer.join()
    counted = tally_of(journal)
    effective = [control_id for one in counted["specimens"].values() for control_id in one["effective"]]
    assert set(answered) <= set(effective)
    assert len(effective) == len(set(effective)) <= len(answered) + KILLS
    assert counted["total"]["unconfirmed"] == 0


def test_it_tells_its_count_when_it_is_stopped_and_when_it_is_asked(start, journal):
    with start("--behaviour", "ae:0.5", "--seed", 3) as (running, address):
        codes = [send(address, oru(f"C{number}")) for number in range(8)]
        asked = subprocess.run(command("--journal", journal, "--tally"), cwd=ROOT, capture_output=True, text=True)
        running.send_signal(signal.SIGTERM)
        told, _ = running.communicate(timeout=60)
        assert running.returncode == 0
    assert set(codes) == {"AA", "AE"}
    assert json.loads(told) == json.loads(asked.stdout) == tally_of(journal)
    one = json.loads(told)["specimens"]["S1"]
    assert (len(one["effective"]), len(one["refused"])) == (codes.count("AA"), codes.count("AE"))


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--journal", "j", "--listen", "here"], 2, "no HOST:PORT"),
        (["--journal", "j", "--orders", "127.0.0.1:1"], 2, "belong together"),
        (["--journal", "j", "--behaviour", "strange"], 2, "'strange' is no behaviour"),
        (["--journal", "j", "--behaviour", "ae:0.7 ar:0.7"], 2, "together they are 1"),
        (["--journal", "missing", "--tally"], 3, "cannot be read"),
        (["--journal", "."], 3, "cannot be used"),
        (["--journal", "j", "--listen", "203.0.113.1:1"], 3, "simulated LIS"),
    ],
)
def test_wrong_usage_is_told_in_a_sentence_and_an_exit_code(tmp_path, arguments, code, told):
    environment = {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command(*arguments), cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == code
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr


def read_orders(server, answers, received):
    """A Frottis that takes one message a connection, and answers as told; None closes instead."""
    for code in answers:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            wire = Wire(connection)
            content = wire.read()
            received.append(content)
            if code is not None:
                wire.write(f"MSH|^~\\&|X\rMSA|{code}|{value(segments(content)[0], 10)}\r".encode())


def test_orders_are_sent_until_they_are_taken_across_a_kill_always_as_the_same_message(start, journal, tmp_path):
    wishes, received = tmp_path / "wishes.jsonl", []
    wishes.write_text('{"specimen": "S1", "placer": "P1", "stat": true}\n')
    with socket.create_server(("127.0.0.1", 0)) as server:
        orders = ("--orders", "{}:{}".format(*server.getsockname()), "--wishes", wishes)
        with start(*orders):
            read_orders(server, [None, "AR"], received)
        with start(*orders) as (_, address):
            read_orders(server, ["AA"], received)
            with wishes.open("a") as more:
                more.write('{"specimen": "S2", "placer": "P2"}\n{"specimen": "S1", "placer": "P3"}\n{"specimen')
            read_orders(server, ["AE", "AA"], received)
            assert send(address, oru("C1", "S1", "P1")) == "AA"
            assert send(address, oru("C2", "S9", "P9")) == "AE"
        with start() as (_, address):
            assert send(address, oru("C3", "S1", "P3")) == "AA"
    assert received[0] == received[1] == received[2]
    assert [value(segments(content)[-1], 2) for content in received[2:]] == ["S1", "S2", "S1"]
    assert {entry["kind"] for entry in read_journal(journal)} >= {"order", "ordered"}
    assert tally_of(journal)["specimens"]["S1"]["effective"] == ["C1", "C3"]
