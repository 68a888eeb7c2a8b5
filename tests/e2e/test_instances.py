"""Two processes on one state folder: the second is told so and ends, the first goes on."""

import subprocess
import sys

from services.kit.lock import locked
from tests.e2e.hospital import environment

SERVICES = ("ingestion", "analysis", "reasoning", "lis", "review")
IN_USE = 5


def start(*arguments, **settings):
    given = {name: str(value) for name, value in settings.items()}
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, arguments)], env=environment() | given, stderr=subprocess.PIPE, text=True
    )


def frottis_run(hospital):
    lis = "{}:{}".format(*hospital.lis.address)
    folders = ["--share", hospital.share, "--state", hospital.state]
    return start("services.embedded", "run", *folders, "--lis", lis, "--listen", "127.0.0.1:0")


def service(hospital, name):
    own = {
        "ingestion": {"FROTTIS_INGESTION_SHARE": hospital.share},
        "lis": {
            "FROTTIS_LIS_LIS_HOST": hospital.lis.address[0],
            "FROTTIS_LIS_LIS_PORT": hospital.lis.address[1],
            "FROTTIS_LIS_LISTEN_PORT": 0,
        },
    }
    return start(f"services.{name}", FROTTIS_PROCESS_STATE=hospital.state, **own.get(name, {}))


def ends_because_the_state_is_in_use(process, state):
    _, told = process.communicate(timeout=120)
    assert process.returncode == IN_USE, told
    assert "another Frottis" in told
    assert f"{state}: stop it, or give this one a state folder of its own" in told
    assert "Traceback" not in told


def test_nothing_starts_beside_a_running_frottis_and_that_goes_on(hospital):
    with hospital.running():
        others = [frottis_run(hospital), *(service(hospital, name) for name in SERVICES)]
        for other in others:
            ends_because_the_state_is_in_use(other, hospital.state)
        assert hospital.order().code == "AA"
        assert hospital.ask("/healthz")[0] == 200


def test_frottis_does_not_start_beside_a_process_of_one_of_its_services(hospital):
    with locked(hospital.state, ["analysis"]):
        ends_because_the_state_is_in_use(frottis_run(hospital), hospital.state)
