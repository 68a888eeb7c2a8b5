"""Where pixels and evidence are kept when not in the state folder: a bucket of an S3 server."""

from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from services.kit.loopback import on_this_machine
from services.kit.secret_files import read_secret
from services.kit.settings import Settings

# A handler may ask for an object within a database transaction, which other replicas wait for.
LONGEST_S = 18.0


class ObjectSettings(Settings):
    """Settings of the object store, from `FROTTIS_OBJECTS_…`. Raises ValueError for a secret that is none."""

    model_config = SettingsConfigDict(env_prefix="FROTTIS_OBJECTS_", hide_input_in_errors=True)

    bucket: str = Field(
        "",
        pattern=r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$",
        description="bucket, made by an administrator; none keeps objects in the state folder",
    )
    endpoint: str = Field("", description="https://HOST:PORT of the S3 server; http:// is for one on the same machine")
    region: str = Field("us-east-1", min_length=1, description="region that requests are signed for")
    access_key_id: str = Field("", description="id of the access key")
    secret_file: Path | None = Field(None, description="file that holds the access key's secret, read again when used")
    ca_file: Path | None = Field(None, description="PEM file of the authorities to trust beside the system's")

    tagging: bool = Field(
        True,
        description="whether tiles get the tag frottis=passing, by which the bucket's lifecycle rule knows them; false "
        "for a server that knows no tags",
    )

    connect_s: float = Field(3.0, gt=0, description="s to wait for a connection")
    request_s: float = Field(10.0, gt=0, description="s that one request may take")
    retry_s: float = Field(
        5.0, ge=0, description="s within which a failed request is tried again at once; with request_s at most 18"
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if not self.bucket:
            return self
        self._check_endpoint(urlsplit(self.endpoint))
        if self.ca_file is not None and not self.ca_file.is_file():
            raise ValueError(f"{self.ca_file} is no file")
        if self.request_s + self.retry_s > LONGEST_S:
            raise ValueError(f"request_s and retry_s may be {LONGEST_S:g} together: transactions wait for them")
        if not self.access_key_id:
            raise ValueError("bucket needs access_key_id and secret_file")
        self.secret()
        return self

    def secret(self) -> str:
        """The access key's secret as the file holds it now. Raises ValueError."""
        if self.secret_file is None:
            raise ValueError("bucket needs access_key_id and secret_file")
        return read_secret(self.secret_file, "secret_file")

    @staticmethod
    def _check_endpoint(parts: SplitResult) -> None:
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
            raise ValueError("endpoint must look like https://HOST:PORT")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("endpoint must end after the port: the other settings say the rest")
        if parts.scheme == "http" and not on_this_machine(parts.hostname):
            raise ValueError("endpoint may be http:// for a server on this machine only: patients' cells would be seen")
