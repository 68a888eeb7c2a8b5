"""What operations ask a service over HTTP: alive, ready, metrics."""

import asyncio
import socket
import threading
from collections.abc import Callable, Mapping, Sequence

import uvicorn
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.kit.errors import SettingsError
from services.kit.service import Service
from services.kit.telemetry import Metrics


def operations_app(services: Sequence[Service], metrics: Metrics, alive: Callable[[], bool]) -> FastAPI:
    """`/healthz` (the process works), `/readyz` (503 and what is waited for, until all are ready), `/metrics`."""
    app = FastAPI(title="Frottis operations", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    def healthz(response: Response) -> Mapping[str, str]:
        if not alive():
            response.status_code = 503
        return {"status": "alive" if alive() else "stopped by a defect"}

    @app.get("/readyz")
    def readyz(response: Response) -> Mapping[str, str]:
        waits = {f"{service.name}/{name}": check() for service in services for name, check in service.readiness.items()}
        pending = {name: reason for name, reason in waits.items() if reason is not None}
        if pending:
            response.status_code = 503
        return pending or {"status": "ready"}

    @app.get("/metrics")
    def scrape() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app


class OperationsServer:
    """Serves `app` as a task of the runner; port 0 takes a free one, told by `bound_port`."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family)
        except OSError as error:
            problem = f"operations cannot be served on {host}:{port} ({error.strerror}): free the port or set another"
            raise SettingsError(problem) from error
        # Not uvicorn's `run`: it installs signal handlers, which belong to the main thread.
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))

    @property
    def bound_port(self) -> int:
        """The port listened on."""
        return int(self._socket.getsockname()[1])

    def __call__(self, stop: threading.Event) -> None:
        asyncio.run(self._serve(stop))

    async def _serve(self, stop: threading.Event) -> None:
        serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        await asyncio.to_thread(stop.wait)
        self._server.should_exit = True
        await serving
