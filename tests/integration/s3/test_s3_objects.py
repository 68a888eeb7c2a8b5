"""Objects on a real S3 server, which goes away, freezes and comes back."""

import threading
import time

import httpx
import pytest

from services.kit.errors import TransientError
from services.kit.objects import ObjectMissing, Objects
from services.kit.process import Process, ProcessSettings
from services.kit.service import Service

PATIENCE_S = 120
# Shorter than in production, as nothing here is far away.
HASTE = {"connect_s": 1.0, "request_s": 2.0, "retry_s": 1.0}


def test_what_is_put_is_got_listed_and_deleted(objects):
    uris = [objects.put(f"slides/A-1/tiles/{name}.jpg", name.encode()) for name in ("b", "a", "ü+1 2")]
    objects.put("slides/A-10/tiles/c.jpg", b"another slide's")
    assert objects.get(f"{uris[0]}#xywh=pixel:1,2,3,4") == b"b"
    assert objects.list("slides/A-1") == sorted(uris)
    objects.put("slides/A-1/tiles/b.jpg", b"replaced")
    assert objects.get(uris[0]) == b"replaced"
    objects.delete([*uris, *uris])
    assert objects.list("slides/A-1") == []
    assert objects.get("object:///slides/A-10/tiles/c.jpg") == b"another slide's"
    with pytest.raises(ObjectMissing, match="slides/A-1/tiles/a"):
        objects.get(uris[1])
    assert objects.problem() is None


def test_large_objects_and_more_than_one_page_of_names_come_back_whole(objects):
    large = bytes(range(256)) * 80_000
    uri = objects.put("slides/L/cells.jsonl", large)
    assert objects.get(uri) == large
    names = [objects.put(f"slides/M/crops/{n:04}.jpg", b"x") for n in range(1100)]
    assert objects.list("slides/M") == names


def test_a_server_that_is_killed_is_a_wait_and_nothing_that_it_took_is_lost(s3):
    objects = Objects.in_bucket(s3.settings(**HASTE))
    uri = objects.put("slides/K/tiles/1.jpg", b"kept")
    s3.kill()
    for use in (lambda: objects.get(uri), lambda: objects.put("k", b""), lambda: objects.delete([uri]), objects.look):
        with pytest.raises(TransientError, match="object store cannot be used now"):
            use()
    assert "connection" in objects.problem()
    s3.start()
    assert objects.get(uri) == b"kept"
    assert objects.problem() is not None, "whether it takes something is not known yet"
    objects.look()
    assert objects.problem() is None


def test_a_frozen_server_is_given_up_in_time(s3):
    objects = Objects.in_bucket(s3.settings(**HASTE))
    uri = objects.put("slides/F/tiles/1.jpg", b"kept")
    s3.freeze()
    began = time.monotonic()
    try:
        with pytest.raises(TransientError):
            objects.get(uri)
        # The settings' 3 s, and what a busy machine adds.
        assert time.monotonic() - began < 15
    finally:
        s3.thaw()
    assert objects.get(uri) == b"kept"


def test_a_wrong_secret_is_told_and_a_right_one_is_taken_without_a_new_start(s3, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("not the one")
    refused = Objects.in_bucket(s3.settings(secret_file=secret))
    with pytest.raises(TransientError, match="keys"):
        refused.put("k", b"")
    assert "PermissionDenied" in refused.problem()


def test_a_process_keeps_its_objects_where_the_settings_say_and_tells_when_they_are_away(s3, tmp_path, monkeypatch):
    for name, value in {**s3.environment(), "FROTTIS_OBJECTS_RETRY_S": "1"}.items():
        monkeypatch.setenv(name, value)
    put = threading.Event()

    def build(resources):
        resources.objects.put("slides/P/tiles/1.jpg", b"x")
        put.set()
        return Service("analysis")

    process = Process(ProcessSettings.load(state=tmp_path), {"analysis": build})
    process.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{process.operations.bound_port}", timeout=PATIENCE_S) as client:
            assert client.get("/readyz").json() == {"status": "ready"}
            s3.kill()
            while "process/objects" not in client.get("/readyz").json():
                assert not process.runner.stopping.wait(0.1)
            s3.start()
            while client.get("/readyz").status_code != 200:
                assert not process.runner.stopping.wait(0.1)
    finally:
        process.close()
    assert put.is_set()
    assert Objects.in_bucket(s3.settings()).list("slides/P") == ["object:///slides/P/tiles/1.jpg"]
    assert not (tmp_path / "objects").exists()
