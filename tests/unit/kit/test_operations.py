import socket
import threading

import httpx
import pytest
from fastapi import FastAPI

from services.kit.errors import SettingsError
from services.kit.http import OperationsEnded, OperationsServer, operations_app
from services.kit.service import Service
from services.kit.stop import Stop
from services.kit.telemetry import Metrics


def test_a_service_answers_whether_it_lives_and_is_ready():
    waits = {"models": "model detector is loading"}
    service = Service("analysis", readiness={"models": lambda: waits.get("models")})
    ailing = []
    app = operations_app([service], Metrics(), lambda: ailing[0] if ailing else None)
    server = OperationsServer(app, "127.0.0.1", 0)
    stop = Stop()
    thread = threading.Thread(target=server, args=(stop,))
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.bound_port}") as client:
            assert client.get("/healthz").status_code == 200
            waiting = client.get("/readyz")
            assert (waiting.status_code, waiting.json()) == (503, {"analysis/models": "model detector is loading"})
            waits.clear()
            assert client.get("/readyz").status_code == 200
            assert "frottis_queue_messages" in client.get("/metrics").text
            ailing.append("stopped by a defect")
            sick = client.get("/healthz")
            assert (sick.status_code, sick.json()) == (503, {"status": "stopped by a defect"})
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def test_a_port_that_is_taken_is_told_before_anything_runs():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"127.0.0.1:{port} .*free the port or set another"):
            OperationsServer(FastAPI(), "127.0.0.1", port)


def test_an_operations_server_that_ends_by_itself_is_a_failure():
    server = OperationsServer(FastAPI(), "127.0.0.1", 0)
    server._server.should_exit = True
    with pytest.raises(OperationsEnded):
        server(Stop())
