import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from services.kit.errors import SettingsError, TransientError
from services.kit.object_settings import ObjectSettings
from services.kit.objects import Objects


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text("correct horse battery\n")
    return path


def load(secret, **given):
    usual = {"bucket": "frottis", "endpoint": "https://s3.example:9000", "access_key_id": "frottis"}
    return ObjectSettings.load(**{**usual, "secret_file": secret, **given})


def test_without_a_bucket_objects_lie_in_the_state_folder(tmp_path):
    Objects.of(ObjectSettings.load(), tmp_path).put("slides/a.jpg", b"a")
    assert (tmp_path / "objects" / "slides" / "a.jpg").read_bytes() == b"a"


def test_the_secret_is_read_when_it_is_used_so_that_it_can_change(secret_file):
    settings = load(secret_file)
    secret_file.write_text("another one")
    assert settings.secret() == "another one"


@pytest.mark.parametrize("word", ["", "  \n", "changeme", "minioadmin", "<secret>", "${SECRET}", "{{ x }}"])
def test_a_placeholder_is_no_secret(secret_file, word):
    secret_file.write_text(word)
    with pytest.raises(SettingsError, match="secret_file holds no secret"):
        load(secret_file)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"endpoint": "http://s3.example:9000"}, "on this machine only"),
        ({"endpoint": "http://10.0.0.1:9000"}, "on this machine only"),
        ({"endpoint": "s3.example:9000"}, "must look like https://HOST:PORT"),
        ({"endpoint": "https://s3.example/bucket"}, "must look like https://HOST:PORT"),
        ({"endpoint": "https://key:word@s3.example"}, "must end after the port"),
        ({"bucket": "No_Bucket"}, "BUCKET"),
        ({"access_key_id": ""}, "needs access_key_id and secret_file"),
        ({"secret_file": None}, "needs access_key_id and secret_file"),
        ({"request_s": 15.0}, "18 together"),
    ],
)
def test_an_impossible_setting_is_told(secret_file, given, told):
    with pytest.raises(SettingsError, match=told) as refused:
        load(secret_file, **given)
    assert "key:word" not in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_server_on_the_same_machine_may_do_without_tls(secret_file, host):
    assert load(secret_file, endpoint=f"http://{host}:9000").bucket == "frottis"


def test_a_certificate_that_is_not_there_is_told(secret_file, tmp_path):
    with pytest.raises(SettingsError, match="is no file"):
        load(secret_file, ca_file=tmp_path / "ca.pem")


class NoBucket(BaseHTTPRequestHandler):
    """S3's answer to whatever is asked of a bucket that is not there."""

    def do_GET(self):
        body = b'<?xml version="1.0"?><Error><Code>NoSuchBucket</Code></Error>'
        self.send_response(404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Tests are quiet."""


def test_a_bucket_that_is_not_there_is_a_wait_and_no_object_that_expired(secret_file):
    with ThreadingHTTPServer(("127.0.0.1", 0), NoBucket) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        objects = Objects.in_bucket(load(secret_file, endpoint=f"http://127.0.0.1:{server.server_port}"))
        with pytest.raises(TransientError, match="no such bucket"):
            objects.get("object:///slides/a.jpg")
        server.shutdown()
    assert "no such bucket" in objects.problem()
