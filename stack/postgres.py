"""PostgreSQL as one local process, from Debian's package: over TCP with TLS, as in production.

PostgresMissing: it is not installed, or cannot run here; the message says which. (The wheels that carry PostgreSQL are
built without TLS.)
"""

import os
import secrets
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from services.kit.database_settings import DatabaseSettings
from services.kit.migrate import OWNER, migrate_service, with_migrations
from stack.missing import ServerMissing
from stack.ports import free_port
from stack.processes import PROBE_EVERY_S, ServerFailed, ServerProcess, run

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "deploy" / "postgres"
PACKAGED = Path("/usr/lib/postgresql")
ADMINISTRATOR, DATABASE = "postgres", "frottis"

# A small server; nobody comes in but over TLS, with a password that the server never sees.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "80",
    "shared_buffers": "32MB",
    # In the data folder, and not in /dev/shm, where a server that is killed leaves what it has for nobody to remove.
    "dynamic_shared_memory_type": "mmap",
    "ssl": "on",
}
ADMISSION = "hostssl all all 127.0.0.1/32 scram-sha-256\n"
MAKE_CERTIFICATE = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30")


class PostgresMissing(ServerMissing):
    """PostgreSQL cannot be had on this machine."""


class Postgres(ServerProcess):
    """A server on a free loopback port, with its data in `folder`. Survives `kill` and `start` on the same folder.

    Once started, `prepare` makes the database, its roles and the services' tables.
    """

    # It ends at once, whoever is connected (what PostgreSQL calls fast).
    _asking = signal.SIGINT

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.ca_file = folder / "ca.pem"
        self._authority = folder / "ca.key"
        self._data = folder / "data"
        self._programs = programs()
        super().__init__(
            "PostgreSQL",
            [*_no_root(), self._programs / "postgres", "-D", self._data, "-p", str(self.port)],
            log=folder / "postgres.log",
            ready=self._ready,
        )

    def launch(self) -> None:
        if not self._data.exists():
            self._make()
        super().launch()

    def password_file(self, role: str) -> Path:
        """The file with the role's password, made when absent."""
        path = self.folder / "passwords" / role
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(0o600)
            path.write_text(secrets.token_urlsafe(24), encoding="ascii")
        return path

    def settings(self, role: str) -> DatabaseSettings:
        """How a service comes in as `role`."""
        return DatabaseSettings.load(url=self._url(role), password_file=self.password_file(role), ca_file=self.ca_file)

    def environment(self, role: str) -> Mapping[str, str]:
        """The same for a process of its own."""
        return {
            "FROTTIS_DATABASE_URL": self._url(role),
            "FROTTIS_DATABASE_PASSWORD_FILE": str(self.password_file(role)),
            "FROTTIS_DATABASE_CA_FILE": str(self.ca_file),
        }

    def prepare(self) -> None:
        """Make what an administrator makes in production, and the tables."""
        with self.connect(ADMINISTRATOR, "postgres") as connection:
            connection.execute((SCRIPTS / "database.sql").read_bytes())
        with self.connect(ADMINISTRATOR) as connection:
            connection.execute((SCRIPTS / "roles.sql").read_bytes())
            for role in (OWNER, *(f"frottis_{service}" for service in with_migrations())):
                password = self.password_file(role).read_text(encoding="ascii")
                connection.execute(SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(role), Literal(password)))
        for service in with_migrations():
            migrate_service(self.settings(OWNER), service)

    def connect(self, role: str, database: str = DATABASE) -> psycopg.Connection:
        """A connection that commits each statement. Raises psycopg.Error."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            dbname=database,
            user=role,
            password=self.password_file(role).read_text(encoding="ascii"),
            sslmode="verify-full",
            sslrootcert=str(self.ca_file),
            connect_timeout=5,
            autocommit=True,
        )

    def admit(self, lines: str) -> None:
        """Have the server admit as `lines` of pg_hba.conf say, before what it says already."""
        (self._data / "pg_hba.conf").write_text(lines + ADMISSION, encoding="ascii")
        before = self._loaded("pg_reload_conf()")
        while self._loaded() == before:
            time.sleep(PROBE_EVERY_S)

    def _loaded(self, also: LiteralString = "NULL") -> datetime:
        """When the settings that a new connection gets were loaded; `also` is asked with it."""
        with self.connect(ADMINISTRATOR) as connection:
            answer = connection.execute(SQL("SELECT pg_conf_load_time(), ") + SQL(also)).fetchone()
        if answer is None:
            raise ServerFailed("PostgreSQL does not say when it loaded its settings")
        loaded: datetime = answer[0]
        return loaded

    def _url(self, role: str) -> str:
        return f"postgresql://{role}@127.0.0.1:{self.port}/{DATABASE}"

    def _ready(self) -> bool:
        with suppress(psycopg.OperationalError):
            self.connect(ADMINISTRATOR, "postgres").close()
            return True
        return False

    def _make(self) -> None:
        """A cluster of databases in the encoding and order that the embedded default has."""
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self._data.with_suffix(".draft")
        shutil.rmtree(draft, ignore_errors=True)
        password = f"--pwfile={self.password_file(ADMINISTRATOR)}"
        options = ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--no-sync", password]
        run([*_no_root(), self._programs / "initdb", "-U", ADMINISTRATOR, "-D", draft, *options])
        subject = ["-subj", "/CN=Frottis test authority"]
        run([*MAKE_CERTIFICATE, *subject, "-keyout", self._authority, "-out", self.ca_file])
        certificate, key = self.certificate("127.0.0.1", "subjectAltName=IP:127.0.0.1")
        files = {"ssl_ca_file": self.ca_file, "ssl_cert_file": certificate, "ssl_key_file": key}
        lines = [f"{name} = '{value}'" for name, value in {**SETTINGS, **files}.items()]
        (draft / "postgresql.auto.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (draft / "pg_hba.conf").write_text(ADMISSION, encoding="ascii")
        draft.rename(self._data)

    def certificate(self, name: str, *extensions: str) -> tuple[Path, Path]:
        """A certificate of the server's authority for `name`, made anew, and its key: files in PEM."""
        key, made = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        authority: list[str | Path] = ["-CA", self.ca_file, "-CAkey", self._authority]
        extended = [part for each in ("basicConstraints=critical,CA:FALSE", *extensions) for part in ("-addext", each)]
        run([*MAKE_CERTIFICATE, "-subj", f"/CN={name}", *extended, *authority, "-keyout", key, "-out", made])
        key.chmod(0o600)
        return made, key

    def _signal(self, number: signal.Signals) -> None:
        """To the server's own processes too: each is in a process group of its own."""
        children = list(_children(self._started().pid))
        super()._signal(number)
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, number)


def programs() -> Path:
    """The folder of the newest server that is installed. Raises PostgresMissing."""
    packaged = [path for path in PACKAGED.glob("*/bin/postgres") if path.parts[-3].isdecimal()]
    newest = max(packaged, key=lambda path: int(path.parts[-3]), default=None) or shutil.which("postgres")
    if newest is None:
        raise PostgresMissing("PostgreSQL is not installed: apt-get install postgresql")
    return Path(newest).resolve().parent


def _no_root() -> list[str]:
    """PostgreSQL refuses to run as root: in a user namespace of its own it is somebody else, with root's files."""
    if os.geteuid() != 0:
        return []
    somebody = ["unshare", "--user", "--map-user=65534", "--map-group=65534"]
    try:
        run([*somebody, "true"])
    except (ServerFailed, OSError) as error:
        raise PostgresMissing(f"PostgreSQL does not run as root, and no user namespace can be made: {error}") from error
    return somebody


def _children(pid: int) -> Iterator[int]:
    with suppress(FileNotFoundError):
        yield from map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split())
