"""Objects when the store is full, and what is said to it of their lifetime."""

import errno
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from services.kit.errors import TransientError
from services.kit.object_settings import ObjectSettings
from services.kit.objects import PAGE, Objects

EMPTY = b'<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
DELETED = b'<?xml version="1.0"?><DeleteResult><Deleted><Key>none/probe</Key></Deleted></DeleteResult>'
# What servers without room answer: MinIO, its bucket quota, Ceph, a file system behind a plain server.
FULL = [
    (507, b"<Error><Code>XMinioStorageFull</Code></Error>"),
    (400, b"<Error><Code>XMinioAdminBucketQuotaExceeded</Code></Error>"),
    (403, b"<Error><Code>QuotaExceeded</Code></Error>"),
    (500, b"<Error><Code>InternalError</Code><Message>No space left on device (os error 28)</Message></Error>"),
]


class Bucket(BaseHTTPRequestHandler):
    """Takes everything, keeps nothing, and answers writes with `server.refusal` when there is one."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        self.server.tags.append(self.headers.get("x-amz-tagging"))
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(*(self.server.refusal or (200, b"")))

    def do_GET(self):
        self._answer(200, EMPTY)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, DELETED)

    def _answer(self, status, body):
        self.send_response(status)
        self.send_header("ETag", '"0"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Tests are quiet."""


@pytest.fixture
def bucket():
    with ThreadingHTTPServer(("127.0.0.1", 0), Bucket) as server:
        server.refusal, server.tags = None, []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def objects(bucket, tmp_path):
    (tmp_path / "secret").write_text("correct horse battery")

    def opened(**given):
        where = {"bucket": "frottis", "endpoint": f"http://127.0.0.1:{bucket.server_port}", "access_key_id": "frottis"}
        return Objects.in_bucket(
            ObjectSettings.load(**where, secret_file=tmp_path / "secret", retry_s=0, request_s=10, **given)
        )

    return opened


@pytest.mark.parametrize(("status", "body"), FULL)
def test_a_server_without_room_is_a_wait_that_says_so_until_something_could_be_written(objects, bucket, status, body):
    full = objects()
    bucket.refusal = (status, body)
    with pytest.raises(TransientError, match="no room left"):
        full.put("slides/S/tiles/1.jpg", b"x")
    assert full.list("slides") == []
    assert "no room left" in full.problem(), "that it can be read makes no room"
    with pytest.raises(TransientError, match="no room left"):
        full.look()
    bucket.refusal = None
    full.look()
    assert full.problem() is None
    writes = len(bucket.tags)
    full.look()
    assert len(bucket.tags) == writes, "a store that works is not written to for a look"


def test_only_what_is_passing_is_marked_for_the_servers_own_removal(objects, bucket):
    tagging = objects()
    tagging.put("slides/S/tiles/1.jpg", b"x", passing=True)
    tagging.put("slides/S/crops/1.jpg", b"x")
    objects(tagging=False).put("slides/S/tiles/1.jpg", b"x", passing=True)
    assert bucket.tags == ["frottis=passing", None, None]


def test_a_full_disk_of_the_folder_is_told_as_one(tmp_path, monkeypatch):
    objects = Objects.in_folder(tmp_path)

    def full(*_given, **_more):
        raise OSError(errno.ENOSPC, "No space left on device (os error 28)")

    with monkeypatch.context() as patched:
        patched.setattr("services.kit.objects.obstore.put", full)
        with pytest.raises(TransientError, match="no room left"):
            objects.put("a", b"x")
    assert "no room left" in objects.problem()
    objects.look()
    assert objects.problem() is None
    assert list(objects.pages("")) == []


@pytest.mark.parametrize("where", ["folder", "memory"])
def test_a_listing_comes_in_pages_whose_objects_can_be_removed_meanwhile(tmp_path, where):
    objects = Objects.in_memory() if where == "memory" else Objects.in_folder(tmp_path)
    names = [objects.put(f"slides/S/tiles/{n:05}.jpg", b"") for n in range(2 * PAGE + 5)]
    kept = objects.put("slides/S/crops/1.jpg", b"")
    removed = []
    for page in objects.pages("slides/S/tiles"):
        assert len(page) <= PAGE
        objects.delete(page)
        removed += page
    assert sorted(removed) == names
    assert objects.list("slides/S") == [kept]


@pytest.mark.parametrize("where", ["folder", "memory"])
def test_what_is_gone_already_keeps_nothing_else_from_being_removed(tmp_path, where):
    objects = Objects.in_memory() if where == "memory" else Objects.in_folder(tmp_path)
    names = [objects.put(f"t/{n}", b"") for n in range(20)]
    objects.delete(names[3:12:2])
    objects.delete([*names, *names])
    assert objects.list("t") == []
