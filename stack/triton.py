"""NVIDIA Triton as a local process, from the wheel of nvidia-pytriton.

The wheel has the server and its Python backend but not the ONNX Runtime backend: `deploy/triton/python_model.py` takes
that one's place. The protocol, the configuration, the batching and the metrics are those of production.
"""

import hashlib
import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from shutil import copy2

from services.analysis.triton_config import Serving
from services.analysis.triton_repository import install
from stack.cache import cached
from stack.missing import ServerMissing
from stack.ports import free_port
from stack.processes import ServerProcess

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements-triton.lock"
MODELS = ROOT / "deploy" / "triton" / "models"
PYTHON_MODEL = ROOT / "deploy" / "triton" / "python_model.py"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where the backend and its model processes meet

# Read at start; the processor's cores are shared with everything else of the stack.
DEFAULT_SERVING = Serving(backend="python", device="cpu", threads=1)


class TritonUnavailable(ServerMissing):
    """Triton cannot be installed here; the message says why."""


def triton_packages() -> Path:
    """A Python environment with Triton and what its models need, made once. Raises TritonUnavailable."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    return cached(f"triton-{PYTHON}-{digest}", _fetch)


@dataclass(frozen=True)
class TritonPorts:
    """Where a server listens on loopback."""

    grpc: int
    http: int
    metrics: int

    @classmethod
    def free(cls) -> "TritonPorts":
        """Ports that nothing listens on."""
        return cls(free_port(), free_port(), free_port())


class TritonServer:
    """Triton over a repository in `folder`, made from the committed models; ready when they are loaded and warm.

    Models are loaded by command (`POST /v2/repository/models/<name>/load`), all of them at the start.
    """

    def __init__(
        self,
        folder: Path,
        *,
        models: Path = MODELS,
        serving: Serving = DEFAULT_SERVING,
        options: Sequence[str] = (),
        ports: TritonPorts | None = None,
    ) -> None:
        self.repository = folder / "models"
        self.ports = ports or TritonPorts.free()
        self._serving = serving
        # Two servers on one machine must not meet there.
        self._shared = f"triton_{self.ports.grpc}_"
        self.install(models)
        packages = triton_packages()
        self.process = ServerProcess(
            "Triton",
            [*self._command(_server(packages)), *options],
            log=folder / "triton.log",
            ready=self._ready,
            environment=_environment(packages),
        )

    @property
    def address(self) -> str:
        """Host and port of gRPC."""
        return f"127.0.0.1:{self.ports.grpc}"

    def install(self, models: Path) -> dict[str, int]:
        """Put models into the repository; the versions they have there. `load` makes a running server serve them."""
        return install(models, self.repository, self._serving, PYTHON_MODEL)

    def load(self, model: str) -> None:
        """Have the server load what is new of a model. Raises HTTPException, OSError."""
        if self._asked("POST", f"/v2/repository/models/{model}/load") != HTTPStatus.OK:
            raise HTTPException(f"Triton did not load {model}:\n{self.process.log_tail()}")

    def start(self) -> None:
        """Start, and return when all models are warm. Raises ServerFailed."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start without waiting."""
        self.clean()
        self.process.launch()

    def wait_until_ready(self) -> None:
        """Return when all models are warm. Raises ServerFailed."""
        self.process.wait_until_ready()

    def terminate(self) -> None:
        """Ask it to end, without waiting."""
        self.process.terminate()

    def clean(self) -> None:
        """Remove the shared memory that a killed server left behind."""
        if not self.process.running:
            for left in SHARED_MEMORY.glob(f"{self._shared}*"):
                left.unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop, leaving nothing behind."""
        self.process.stop()
        self.clean()

    def _ready(self) -> bool:
        with suppress(OSError, HTTPException):
            return self._asked("GET", "/v2/health/ready") == HTTPStatus.OK
        return False

    def _asked(self, method: str, path: str) -> int:
        connection = HTTPConnection("127.0.0.1", self.ports.http, timeout=120)
        try:
            connection.request(method, path)
            return connection.getresponse().status
        finally:
            connection.close()

    def _command(self, server: Path) -> list[str]:
        return [
            str(server / "bin" / "tritonserver"),
            f"--model-repository={self.repository}",
            f"--backend-directory={server / 'backends'}",
            f"--backend-config=python,shm-region-prefix-name={self._shared}",
            "--model-control-mode=explicit",
            "--load-model=*",
            # The configuration says all; without this every model would be started twice to be asked for it.
            "--disable-auto-complete-config",
            # A model that cannot be loaded keeps the server from being ready; it does not end it.
            "--exit-on-error=false",
            *(f"--{kind}-address=127.0.0.1" for kind in ("http", "grpc", "metrics")),
            f"--http-port={self.ports.http}",
            f"--grpc-port={self.ports.grpc}",
            f"--metrics-port={self.ports.metrics}",
        ]


def _environment(packages: Path) -> dict[str, str]:
    """The programs of the Python backend take their packages from the Python that comes first in PATH."""
    libraries = [_server(packages) / "external_libs", sysconfig.get_config_var("LIBDIR")]
    path = f"{packages / 'bin'}:{os.environ['PATH']}"
    return {"LD_LIBRARY_PATH": ":".join(map(str, libraries)), "PATH": path, "PYTHONNOUSERSITE": "1"}


def _server(packages: Path) -> Path:
    return packages / "lib" / f"python{PYTHON}" / "site-packages" / "pytriton" / "tritonserver"


def _fetch(folder: Path) -> None:
    """Without dependencies: the lock names them all, and the wheel would ask for a newer numpy than it works with."""
    _run([sys.executable, "-m", "venv", "--without-pip", folder])
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python"]
    _run([*pip, "install", "--quiet", "--no-deps", "--require-hashes", "--no-compile", "--requirement", LOCK])
    server = _server(folder)
    copy2(server / "python_backend_stubs" / PYTHON / "triton_python_backend_stub", server / "backends" / "python")


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a list of ours, no shell
    if done.returncode:
        raise TritonUnavailable(f"the nvidia-pytriton wheel cannot be installed here:\n{done.stderr.strip()}")
