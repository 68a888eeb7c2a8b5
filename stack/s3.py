"""An S3 server as one local process: s3s-fs, which keeps objects as files."""

import secrets
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from services.kit.object_settings import ObjectSettings
from stack.cache import cached
from stack.missing import ServerMissing
from stack.ports import free_port, listens
from stack.processes import ServerFailed, ServerProcess, run

VERSION = "0.14.1"
BUCKET = "frottis"
ACCESS_KEY_ID = "frottis"


class S3Missing(ServerMissing):
    """There is no cargo, or the server could not be built."""


class S3Server(ServerProcess):
    """A server on a free loopback port, with its objects in `folder`. Survives `kill` and `start` on that folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.objects = folder / "objects"
        self.secret_file = folder / "secret"
        folder.mkdir(parents=True, exist_ok=True)
        if not self.secret_file.exists():
            self.secret_file.touch(0o600)
            # As hexadecimal digits: one that begins with a dash would be taken for an option.
            self.secret_file.write_text(secrets.token_hex(24), encoding="ascii")
        keys = ["--access-key", ACCESS_KEY_ID, "--secret-key", self.secret_file.read_text(encoding="ascii")]
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        super().__init__(
            "S3",
            [program(), *where, *keys, self.objects],
            log=folder / "s3.log",
            ready=partial(listens, self.port),
            # What it refuses is an error here, not a line of its log for each request.
            environment={"RUST_LOG": "error"},
        )

    def launch(self) -> None:
        (self.objects / BUCKET).mkdir(parents=True, exist_ok=True)
        super().launch()

    def environment(self) -> Mapping[str, str]:
        """How a service finds it."""
        return {f"FROTTIS_OBJECTS_{name.upper()}": str(value) for name, value in self._given().items()}

    def settings(self, **given: object) -> ObjectSettings:
        """The same for this process."""
        return ObjectSettings.load(**{**self._given(), **given})

    def _given(self) -> dict[str, object]:
        return {
            "bucket": BUCKET,
            "endpoint": f"http://127.0.0.1:{self.port}",
            "access_key_id": ACCESS_KEY_ID,
            "secret_file": self.secret_file,
        }


def program() -> Path:
    """The server's program, built once. Raises S3Missing."""
    return cached(f"s3s-fs-{VERSION}", _build) / "bin" / "s3s-fs"


def _build(folder: Path) -> None:
    cargo = shutil.which("cargo")
    if cargo is None:
        raise S3Missing("the S3 server is built by cargo, which is not installed: apt-get install cargo, or use rustup")
    options: list[str | Path] = ["--locked", "--features", "binary", "--root", folder]
    try:
        run([cargo, "install", "--quiet", f"s3s-fs@{VERSION}", *options])
    except ServerFailed as error:
        raise S3Missing(f"the S3 server could not be built: {error}") from error
