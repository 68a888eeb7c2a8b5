"""The secrets that the composition mounts can be made, are kept, and prove what they must."""

import shutil
import ssl
import subprocess

import pytest

from stack.composition import DEPLOY, Composition, example, make_secrets
from stack.processes import run

COMPOSITION = Composition.read()
ALL = COMPOSITION.services


def test_a_secret_is_made_for_everything_that_is_mounted(secrets):
    declared = COMPOSITION.content["secrets"]
    folder = example()["FROTTIS_SECRETS"]
    assert {name: entry["file"] for name, entry in declared.items()} == {name: f"{folder}/{name}" for name in declared}
    assert {path.name for path in secrets.iterdir()} - {"authority-key"} == set(declared)
    assert {name for service in ALL for name in COMPOSITION.secrets(service).values()} == set(declared)


def test_secrets_are_shut_in_and_no_two_are_alike(secrets):
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert (secrets / "authority-key").stat().st_mode & 0o077 == 0
    passwords = [path.read_text("ascii") for path in secrets.iterdir() if path.name.endswith(("password", "secret"))]
    assert len(set(passwords)) == len(passwords) == 10
    assert all(len(password.strip()) == 48 for password in passwords)


def test_secrets_that_are_there_are_kept(secrets):
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    make_secrets(secrets)
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before


def test_the_site_is_told_which_secrets_only_it_can_give(tmp_path, secrets):
    shutil.copytree(secrets, tmp_path / "some")
    (tmp_path / "some" / "pager-routing-key").unlink()
    done = subprocess.run(["sh", DEPLOY / "make-secrets", tmp_path / "some"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "pager-routing-key" in done.stderr
    assert "chat-webhook-url" not in done.stderr


@pytest.mark.parametrize("host", ["kafka", "postgres", "s3", "triton"])
def test_a_server_shows_a_certificate_of_the_name_that_it_is_asked_under(host, secrets):
    shown = run(
        ["openssl", "verify", "-CAfile", secrets / "ca", "-verify_hostname", host, secrets / f"{host}-certificate"]
    )
    assert shown.endswith("OK\n")
    assert host in COMPOSITION.hosts
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(secrets / f"{host}-certificate", secrets / f"{host}-key")
