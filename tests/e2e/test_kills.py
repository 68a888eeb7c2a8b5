"""kill -9 at random moments, then start again: every slide still ends with exactly one effective report."""

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.simulator.slide import write_film

KILLS = 20
SLIDES = 5
LONGEST_S = 9.0
RUN = Path(__file__).with_name("killed_run.py")


# Twenty starts, on a machine that may be busy with other things.
@pytest.mark.timeout(1200)
def test_twenty_kills_lose_nothing_and_double_nothing(hospital, small_film):
    with hospital.running():
        for number in range(SLIDES):
            hospital.order(f"K{number:04}", placer=f"ORDER-{number}")
    arguments = ["run", "--share", hospital.share, "--state", hospital.state, "--listen", "127.0.0.1:0", "--until-idle"]
    arguments += ["--lis", "{}:{}".format(*hospital.lis.address)]
    dice = random.Random(7)
    kills, written = 0, 0
    while kills < KILLS:
        if written <= kills * SLIDES // KILLS and written < SLIDES:
            write_film(small_film, hospital.share, f"slide{written}", f"K{written:04}")
            written += 1
        killed = run(arguments, dice.uniform(0.5, LONGEST_S))
        assert killed.returncode in (0, -signal.SIGKILL), killed.stderr
        kills += killed.returncode == -signal.SIGKILL
    last = run(arguments, 0)
    assert last.returncode == 0, last.stderr
    command = [sys.executable, "-m", "services.embedded", "status", "--state", hospital.state, "--json"]
    scans = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert {scan["state"] for scan in scans} <= {"acknowledged", "held"}
    assert hospital.lis.record.effective() == {f"ORDER-{number}": 1 for number in range(SLIDES)}
    assert len({message.control_id for message in hospital.lis.record.reports}) == SLIDES


def run(arguments, kill_after_s):
    """`frottis run`, killed after so many seconds; 0 lets it end."""
    return subprocess.run([sys.executable, RUN, str(kill_after_s), *arguments], capture_output=True, text=True)
