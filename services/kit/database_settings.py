"""Where the services keep their state when not in the state folder: PostgreSQL."""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from services.kit.loopback import on_this_machine
from services.kit.secret_files import read_secret
from services.kit.settings import Settings


class DatabaseSettings(Settings):
    """Settings of the state database, from `FROTTIS_DATABASE_…`. Raises ValueError for a secret that is none."""

    model_config = SettingsConfigDict(env_prefix="FROTTIS_DATABASE_", hide_input_in_errors=True)

    url: str = Field(
        "",
        description="postgresql://USER@HOST:PORT/DATABASE; USER@ left out is frottis_<service>; "
        "none keeps state in the state folder",
    )
    password_file: Path | None = Field(None, description="file that holds the user's password, read at each connection")
    tls: Literal["verify-full", "disable"] = Field(
        "verify-full", description="disable is for a server on the same machine"
    )
    ca_file: Path | None = Field(None, description="PEM file of the authorities to trust; without it, the system's")
    certificate_file: Path | None = Field(None, description="PEM file of the client's certificate, where it is asked")
    key_file: Path | None = Field(None, description="PEM file of the client certificate's key, readable by us alone")

    connections: int = Field(4, ge=1, description="connections of one service at most")
    connect_s: float = Field(5.0, ge=2, description="s to wait for a connection")
    lock_s: float = Field(30.0, gt=0, description="s to wait for another replica's transaction before work is retried")
    statement_s: float = Field(60.0, gt=0, description="s after which the server gives up a statement")
    idle_s: float = Field(
        120.0, gt=0, description="s without a word after which the server ends a transaction: its worker is frozen"
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if not self.url:
            return self
        self._check(urlsplit(self.url))
        for path in (self.ca_file, self.certificate_file, self.key_file):
            if path is not None and not path.is_file():
                raise ValueError(f"{path} is no file")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together")
        self.password()
        return self

    def password(self) -> str | None:
        """The password as the file holds it now; None without one. Raises ValueError."""
        return None if self.password_file is None else read_secret(self.password_file)

    def _check(self, parts: SplitResult) -> None:
        if parts.scheme != "postgresql" or not parts.hostname or len(parts.path) < 2:
            raise ValueError("url must look like postgresql://USER@HOST:PORT/DATABASE")
        if parts.password is not None:
            raise ValueError("url must not hold a password: put it into password_file")
        if parts.query or parts.fragment:
            raise ValueError("url must end after the database: the other settings say the rest")
        if self.tls == "disable" and not on_this_machine(parts.hostname):
            raise ValueError("tls may be disabled for a server on this machine only: patients would cross the network")
