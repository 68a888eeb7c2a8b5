"""What operations ask a service over HTTP: alive, ready, metrics."""

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence

import uvicorn
from fastapi import FastAPI, Response
from fastapi.telemetry import TelemetryConfig
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.kit.errors import FrottisError, SettingsError
from services.kit.service import Service
from services.kit.stop import Stop
from services.kit.telemetry import Metrics

# FastAPI exports spans of its own where the environment names a collector; what Frottis traces is slides.
NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


def operations_app(services: Sequence[Service], metrics: Metrics, ailing: Callable[[], str | None]) -> FastAPI:
    """What operations ask.

    `/healthz`: 503 when only a new start helps, as `ailing` says. `/readyz`: 503 and what is waited for, until all
    services are ready. `/metrics`: for Prometheus.
    """
    app = FastAPI(title="Frottis operations", docs_url=None, redoc_url=None, openapi_url=None, telemetry=NO_TELEMETRY)

    @app.get("/healthz")
    def healthz(response: Response) -> Mapping[str, str]:
        ailment = ailing()
        if ailment is not None:
            response.status_code = 503
        return {"status": ailment or "alive"}

    def waits() -> Mapping[tuple[str, str], str]:
        """What is waited for, by service and check; `frottis_ready` says the same."""
        checks = {(service.name, name): check() for service in services for name, check in service.readiness.items()}
        for labels, reason in checks.items():
            metrics.ready.labels(*labels).set(reason is None)
        return {labels: reason for labels, reason in checks.items() if reason is not None}

    @app.get("/readyz")
    def readyz(response: Response) -> Mapping[str, str]:
        pending = {f"{service}/{name}": reason for (service, name), reason in waits().items()}
        if pending:
            response.status_code = 503
        return pending or {"status": "ready"}

    @app.get("/metrics")
    def scrape() -> Response:
        waits()
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app


class OperationsEnded(FrottisError):
    """Nobody can ask this process any more whether it works."""


class OperationsServer:
    """Serves `app` as a task of the runner; port 0 takes a free one, told by `bound_port`.

    The port is taken at once, so that one that is not to be had stops the start. Raises SettingsError.
    """

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family)
        except OSError as error:
            problem = f"operations cannot be served on {host}:{port} ({error.strerror}): free the port or set another"
            raise SettingsError(problem) from error
        # Not uvicorn's `run`: it installs signal handlers, which belong to the main thread.
        self._server = _Server(uvicorn.Config(app, log_config=None, access_log=False, date_header=False))

    def close(self) -> None:
        """Give the port back, when the server was never run."""
        self._socket.close()

    @property
    def bound_port(self) -> int:
        """The port listened on."""
        return int(self._socket.getsockname()[1])

    def __call__(self, stop: Stop) -> None:
        asyncio.run(self._serve(stop))

    async def _serve(self, stop: Stop) -> None:
        loop = asyncio.get_running_loop()
        with stop.ringing(lambda: loop.call_soon_threadsafe(self._server.told.set)):
            await self._server.serve(sockets=[self._socket])
        if not stop.is_set():
            raise OperationsEnded("the operations server ended by itself: see the log")


class _Server(uvicorn.Server):
    """Sleeps until it is told to end; uvicorn's own looks ten times a second, for the date that it sends along too."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.told = asyncio.Event()

    async def main_loop(self) -> None:
        await self.told.wait()
