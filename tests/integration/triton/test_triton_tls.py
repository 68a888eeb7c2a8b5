"""gRPC to Triton with certificates on both sides."""

import subprocess

import pytest

from services.analysis.errors import ModelsAway
from services.kit.errors import SettingsError


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A laboratory's authority, with certificates of the server on 127.0.0.1 and of a client."""
    folder = tmp_path_factory.mktemp("certificates")
    new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    authority = ["-keyout", folder / "ca.key", "-out", folder / "ca.pem"]
    openssl(*new, "-x509", "-days", 2, "-subj", "/CN=Laboratory", *authority)
    for name in ("server", "client"):
        (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
        request = folder / f"{name}.csr"
        openssl(*new, "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", request)
        signer = ["-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", 2]
        openssl("x509", "-req", "-in", request, *signer, "-extfile", folder / "names", "-out", folder / f"{name}.pem")
    return folder


def test_a_client_with_a_certificate_is_served_and_one_without_is_not(own_triton, client, tiles, certificates):
    files = {"cert": "server.pem", "key": "server.key", "root-cert": "ca.pem"}
    server = own_triton(
        options=[
            "--grpc-use-ssl-mutual=1",
            *(f"--grpc-server-{option}={certificates / name}" for option, name in list(files.items())[:2]),
            f"--grpc-root-cert={certificates / files['root-cert']}",
        ]
    )
    ours = {"triton_certificate": certificates / "client.pem", "triton_key": certificates / "client.key"}
    welcome = client(server, triton_timeout_s=60.0, triton_ca=certificates / "ca.pem", **ours)
    assert welcome.readers.current(None).read(tiles[:1])
    for unwelcome in ({}, {"triton_ca": certificates / "ca.pem"}):
        with pytest.raises(ModelsAway):
            client(server, **unwelcome).readers.current(None)


def test_a_file_that_is_not_mounted_stops_the_start(client, triton, tmp_path):
    with pytest.raises(SettingsError, match="mount the file"):
        client(triton, triton_ca=tmp_path / "ca.pem")


@pytest.mark.parametrize(
    "given", [{"triton_certificate": "c"}, {"triton_key": "k"}, {"triton_certificate": "c", "triton_key": "k"}]
)
def test_half_of_the_tls_settings_is_refused(client, triton, given):
    with pytest.raises(SettingsError, match="triton_c"):
        client(triton, **given)
