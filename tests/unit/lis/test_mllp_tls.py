import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager, suppress
from threading import Event

import pytest

from services.kit.clock import SystemClock
from services.kit.errors import SettingsError
from services.lis.errors import LineError
from services.lis.mllp import tls
from services.lis.mllp.client import Line
from services.lis.mllp.conversation import Limits
from services.lis.mllp.framing import frame
from services.lis.mllp.server import Server
from services.lis.settings import LisSettings

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed: apt-get install it")


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """An authority, certificates of it for two names, and one that another authority signed."""
    folder = tmp_path_factory.mktemp("pki")
    new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for authority in ("ca", "stranger-ca"):
        files = ["-keyout", folder / f"{authority}.key", "-out", folder / f"{authority}.pem"]
        openssl(*new, "-x509", "-days", 2, "-subj", f"/CN={authority}", *files)
    for name, authority, host in (
        ("good", "ca", "localhost"),
        ("elsewhere", "ca", "lis.elsewhere"),
        ("stranger", "stranger-ca", "localhost"),
    ):
        request, extension = folder / f"{name}.csr", folder / f"{name}.ext"
        openssl(*new, "-subj", f"/CN={host}", "-keyout", folder / f"{name}.key", "-out", request)
        extension.write_text(f"subjectAltName=DNS:{host}\n")
        signer = ["-CA", folder / f"{authority}.pem", "-CAkey", folder / f"{authority}.key", "-days", 2]
        openssl("x509", "-req", "-in", request, *signer, "-extfile", extension, "-out", folder / f"{name}.pem")
    return folder


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def settings(pki, name="good", **given):
    files = {"ca_file": pki / "ca.pem", "certificate_file": pki / f"{name}.pem", "key_file": pki / f"{name}.key"}
    return LisSettings.load(lis_host="localhost", lis_port=1, **{**files, **given})


@contextmanager
def serving(pki, name="good", **given):
    """Frottis' own server, as an LIS would be met: echoes every message. Gives its port."""
    context = tls.for_orders(settings(pki, name, listen_tls=True, **given))
    stop = Event()
    server = Server("127.0.0.1", 0, Limits(1 << 20, 600.0, 4), lambda received: [received.content], context)
    thread = threading.Thread(target=server, args=(stop,))
    thread.start()
    try:
        assert server.listening.wait(30)
        yield server.address[1]
    finally:
        stop.set()
        thread.join()


@contextmanager
def line_to(port, context):
    line = Line("localhost", port, connect_timeout_s=30, clock=SystemClock(), tls=context)
    try:
        yield line
    finally:
        line.close()


def exchanged(line, content):
    line.open()
    line.send(content, 30)
    return line.receive(30, Event())


def heard(connection):
    """What comes until the end: an alert of TLS perhaps, or a reset."""
    received = b""
    with suppress(ConnectionResetError):
        while data := connection.recv(4096):
            received += data
    return received


def test_messages_pass_between_two_that_prove_who_they_are(pki):
    with serving(pki) as port, line_to(port, tls.towards_lis(settings(pki, lis_tls=True))) as line:
        large = b"MSH|" + b"x" * 300_000
        assert exchanged(line, b"MSH|1") == b"MSH|1"
        assert exchanged(line, large) == large
        assert list(line.pending()) == []
        assert line.is_open


@pytest.mark.parametrize("name", ["elsewhere", "stranger"])
def test_no_report_goes_to_who_is_not_the_lis(pki, name):
    with serving(pki, name) as port, line_to(port, tls.towards_lis(settings(pki, lis_tls=True))) as line:
        with pytest.raises(LineError, match="SSLCertVerificationError"):
            line.open()
        assert not line.is_open


@pytest.mark.parametrize("known", ["stranger", None])
def test_nobody_is_heard_without_a_certificate_of_the_authority(pki, known):
    files = {} if known else {"certificate_file": None, "key_file": None}
    context = tls.towards_lis(settings(pki, known or "good", lis_tls=True, **files))
    with serving(pki) as port, line_to(port, context) as line, pytest.raises(LineError):
        exchanged(line, b"MSH|1")


def test_a_sender_without_tls_is_not_heard_and_one_that_never_shakes_hands_holds_nobody_up(pki):
    with serving(pki) as port, socket.create_connection(("127.0.0.1", port)) as silent:
        with socket.create_connection(("127.0.0.1", port)) as plain:
            plain.sendall(frame(b"MSH|1"))
            assert b"MSH" not in heard(plain)
        with line_to(port, tls.towards_lis(settings(pki, lis_tls=True))) as line:
            assert exchanged(line, b"MSH|2") == b"MSH|2"
        assert silent.fileno() > 0


def test_without_tls_there_is_no_context(pki):
    assert tls.towards_lis(settings(pki)) is None
    assert tls.for_orders(settings(pki)) is None


def test_older_tls_is_not_spoken(pki):
    assert tls.for_orders(settings(pki, listen_tls=True)).minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"listen_tls": True, "ca_file": None}, "listen_tls needs"),
        ({"listen_tls": True, "key_file": None}, "belong together"),
        ({"certificate_file": None}, "belong together"),
    ],
)
def test_settings_that_would_leave_a_line_open_are_refused(pki, given, told):
    with pytest.raises(SettingsError, match=told):
        settings(pki, **given)


@pytest.mark.parametrize("file", ["ca_file", "certificate_file", "key_file"])
def test_a_file_that_is_none_is_told_by_its_setting(pki, tmp_path, file):
    (tmp_path / "none.pem").write_text("no certificate")
    with pytest.raises(SettingsError, match="FROTTIS_LIS_CA_FILE"):
        tls.towards_lis(settings(pki, lis_tls=True, **{file: tmp_path / "none.pem"}))
    with pytest.raises(SettingsError, match="cannot be read"):
        tls.towards_lis(settings(pki, lis_tls=True, **{file: tmp_path / "absent.pem"}))
