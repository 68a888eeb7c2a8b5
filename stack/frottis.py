"""The services of Frottis as processes of their own, as a cluster runs them."""

import sys
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from stack.ports import free_port
from stack.processes import ServerProcess

# In the order in which they start: those that receive come first.
SERVICES = ("review", "lis", "reasoning", "analysis", "ingestion")


class FrottisService(ServerProcess):
    """One replica of a service, with a state folder of its own; ready when its `/readyz` says so."""

    def __init__(self, service: str, folder: Path, environment: Mapping[str, str], replica: int = 1) -> None:
        self.service = service
        self.operations_port = free_port()
        super().__init__(
            f"{service}-{replica}",
            [sys.executable, "-m", f"services.{service}"],
            log=folder / f"{service}-{replica}.log",
            ready=self._ready,
            environment={
                **environment,
                "FROTTIS_PROCESS_STATE": str(folder / f"{service}-{replica}"),
                "FROTTIS_PROCESS_OPERATIONS_PORT": str(self.operations_port),
            },
        )

    def _ready(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.operations_port, timeout=30)
        try:
            with suppress(OSError, HTTPException):
                connection.request("GET", "/readyz")
                return connection.getresponse().status == HTTPStatus.OK
            return False
        finally:
            connection.close()
