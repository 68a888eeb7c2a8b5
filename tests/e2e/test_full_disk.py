"""The disk of the state folder runs full while a slide is read, and has room again."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from services.review.states import State
from tests.e2e.hospital import put

DISK = 160 << 20
# Less than the tiles of one slide.
ROOM = 1 << 20


@pytest.fixture
def small_disk(hospital):
    """The state folder as a file system of its own, which only root may mount."""
    hospital.state.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "frottis-test", hospital.state], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here, so a full one is not tested: {mounted.stderr.strip()}")
    yield hospital.state
    subprocess.run(["umount", "--lazy", hospital.state], check=True)


def fill(disk, name, room):
    """A file that leaves so many bytes."""
    ballast = disk / name
    with ballast.open("wb") as file:
        free = shutil.disk_usage(disk).free
        if free > room:
            os.posix_fallocate(file.fileno(), 0, free - room)
    return ballast


def test_a_full_disk_loses_nothing_and_the_slide_goes_on_when_there_is_room(hospital, small_disk, scan):
    slide = scan("full", "D0001")
    with hospital.running():
        assert hospital.order("D0001", "FULL-DISK").code == "AA"
        ballast = fill(small_disk, "ballast", ROOM)
        name = put(slide, hospital.share)
        hospital.wait(lambda: _retried(hospital) >= 3, "work to be tried again")
        assert shutil.disk_usage(small_disk).free < ROOM
        assert "room" in hospital.not_ready()["process/disk"]
        assert hospital.ask("/healthz")[0] == 200
        assert _status(hospital)[0]["state"] in ("waiting", "reading")
        assert hospital.lis.record.reports == []
        # Now the databases have no room either.
        rest, before = fill(small_disk, "rest", 0), _retried(hospital)
        hospital.wait(lambda: _retried(hospital) >= before + 3, "work to be tried again and again")
    with hospital.running():
        hospital.wait(lambda: _retried(hospital) >= 1, "work to be tried again after a restart")
        assert hospital.entry(name).standing.state in (State.WAITING, State.READING)
        ballast.unlink()
        rest.unlink()
        hospital.wait_for(name, State.ACKNOWLEDGED, State.HELD)
        assert hospital.not_ready() == {}
        assert _count(hospital, "rejected") == 0
    assert hospital.lis.record.effective() == {"FULL-DISK": 1}
    [values] = hospital.lis.record.reports
    assert values.status == "P"


def _retried(hospital):
    return _count(hospital, "retried")


def _count(hospital, outcome):
    samples = [sample for metric in hospital.process.metrics.registry.collect() for sample in metric.samples]
    named = [sample for sample in samples if sample.name == "frottis_messages_total"]
    return sum(sample.value for sample in named if sample.labels["outcome"] == outcome)


def _status(hospital):
    command = [sys.executable, "-m", "services.embedded", "status", "--state", hospital.state, "--json"]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
