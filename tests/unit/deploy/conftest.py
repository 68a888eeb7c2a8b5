import shutil
import subprocess

import pytest

from stack.composition import make_secrets
from tests.unit.deploy.promql import ROOT


@pytest.fixture(scope="session")
def promtool():
    """Run promtool in the root of the project; its output. Fails when promtool does."""
    path = shutil.which("promtool")
    if path is None:
        pytest.fail("promtool is missing: `make test` installs it (Debian package prometheus)")

    def run(*arguments, told=""):
        done = subprocess.run([path, *map(str, arguments)], input=told, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def amtool():
    """Run amtool in the root of the project; its output. Fails when amtool does."""
    path = shutil.which("amtool")
    if path is None:
        pytest.skip("NOT CHECKED: amtool is missing (Debian package prometheus-alertmanager)")

    def run(*arguments):
        done = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def secrets(tmp_path_factory):
    """A folder with all secrets of the composition."""
    folder = tmp_path_factory.mktemp("secrets")
    make_secrets(folder)
    return folder
