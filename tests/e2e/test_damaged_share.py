"""Hundreds of damaged scans on one share, through `frottis run`: each ends with a reason, and a sound one is read."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from services.simulator.slide import write_film
from tests.e2e.damaged_bytes import BYTES
from tests.e2e.damaged_files import FILES, UNREADABLE
from tests.e2e.damaged_scans import lay_out
from tests.e2e.hospital import environment

SEED = 11
# For a machine that is busy with other things; on two idle cores it takes less than a minute.
LIMIT_S = 500
MOST_MEMORY = 1.5 * 2**30
ENDS = {"acknowledged", "held", "refused"}
# Hundreds of scans are not looked at ten times a second.
SETTINGS = {"FROTTIS_INGESTION_INCOMPLETE_LIMIT_S": "1", "FROTTIS_INGESTION_POLL_S": "1"}
FROTTIS = [sys.executable, "-m", "services.embedded"]
MEASURED = Path(__file__).with_name("measured_run.py")
# Root reads what it has no permission to, unless it gives that up.
BOUND = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
PERMISSIONS_BIND = not BOUND or shutil.which(BOUND[0]) is not None


@pytest.mark.timeout(LIMIT_S + 200)
def test_hundreds_of_damaged_scans_each_end_with_a_reason_and_the_sound_one_among_them_is_reported(hospital, films):
    scans = lay_out(hospital.share, SEED, [*BYTES, *FILES, *(UNREADABLE if PERMISSIONS_BIND else ())])
    assert len(scans) >= 200
    write_film(films[0], hospital.share, "sound", "SOUND")
    take_orders(hospital, [*(scan.specimen for scan in scans), "SOUND"])
    run_until_idle(hospital)
    status = {entry["scan"]: entry for entry in json.loads(frottis_status(hospital, "--json"))}
    assert set(status) == {scan.name for scan in scans} | {"sound.vsi"}
    every_scan_has_ended_with_a_reason(status)
    no_file_name_reaches_the_terminal_as_it_is(frottis_status(hospital))
    the_sound_scan_is_reported(status["sound.vsi"], hospital.reports("P-SOUND"))
    each_order_whose_slide_still_names_it_is_answered_once(status, scans, hospital.lis.record.reports)
    if not PERMISSIONS_BIND:
        pytest.skip("all went well, but root without setpriv reads everything: no scan was unreadable here")
    what_may_not_be_read_says_so([status[scan.name] for scan in scans if scan.stem.endswith("unreadable")])


def take_orders(hospital, specimens):
    """Before any scan is there."""
    away = hospital.share.rename(hospital.share.with_name("not yet"))
    hospital.share.mkdir()
    with hospital.running():
        assert {hospital.order(specimen, f"P-{specimen}").code for specimen in specimens} == {"AA"}
    hospital.share.rmdir()
    away.rename(hospital.share)


def run_until_idle(hospital):
    """It ends by itself, with exit code 0 and within its memory, that of its child processes included."""
    memory = hospital.state.with_name("memory")
    command = ["run", "--share", hospital.share, "--state", hospital.state, "--listen", "127.0.0.1:0", "--until-idle"]
    command += ["--lis", "{}:{}".format(*hospital.lis.address)]
    bound = BOUND if PERMISSIONS_BIND else []
    ended = subprocess.run(
        [sys.executable, MEASURED, memory, str(LIMIT_S), *bound, *FROTTIS, *command],
        capture_output=True,
        text=True,
        env=environment() | SETTINGS,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "Traceback" not in ended.stderr
    assert int(memory.read_text()) <= MOST_MEMORY


def frottis_status(hospital, *more):
    command = [*FROTTIS, "status", "--state", hospital.state, *more]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode()


def every_scan_has_ended_with_a_reason(status):
    assert {name: entry for name, entry in status.items() if entry["state"] not in ENDS} == {}
    assert {entry["state"] for entry in status.values()} == ENDS
    assert {
        name: entry for name, entry in status.items() if len(entry["reason"]) < 20 or not entry["reason_code"]
    } == {}


def no_file_name_reaches_the_terminal_as_it_is(shown):
    assert not any(ord(character) < 32 for character in shown.replace("\n", ""))


def the_sound_scan_is_reported(entry, reports):
    assert entry["state"] == "acknowledged"
    [values] = reports
    assert values.status == "P"


def each_order_whose_slide_still_names_it_is_answered_once(status, scans, reports):
    """And none of them with values."""
    assert not any(report.problems for report in reports)
    answered = Counter(report.placer for report in reports)
    for scan in scans:
        named = status[scan.name]["specimen"]
        assert named in ("", scan.specimen)
        assert answered[f"P-{scan.specimen}"] == (named == scan.specimen), status[scan.name]
    damaged = [report for report in reports if report.placer != "P-SOUND"]
    assert {report.status for report in damaged} == {"I"}
    assert len(damaged) > len(scans) / 2


def what_may_not_be_read_says_so(entries):
    assert len(entries) == len(UNREADABLE)
    assert {entry["state"] for entry in entries} == {"held"}
    assert all("ermission" in entry["reason"] for entry in entries)
