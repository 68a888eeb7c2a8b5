"""How to reach Kafka, and how patient to be with it."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_settings import SettingsConfigDict

from services.kit.secret_files import read_secret
from services.kit.settings import Settings


class KafkaSettings(Settings):
    """Settings of the Kafka transport, from `FROTTIS_KAFKA_…`. Raises ValueError for a secret that is none."""

    model_config = SettingsConfigDict(env_prefix="FROTTIS_KAFKA_")

    bootstrap_servers: Annotated[str, StringConstraints(min_length=1)] = Field(
        description="host:port of some brokers, separated by commas"
    )
    prefix: str = Field(
        "", pattern=r"^[A-Za-z0-9._-]*$", description="put before the names of topics and groups on a shared cluster"
    )
    replication: int = Field(3, ge=1, description="copies of each partition, for topics that are made")

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "SASL_SSL", description="PLAINTEXT and SASL_PLAINTEXT are for a broker on the same machine"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="how the user proves itself, for SASL_…"
    )
    user: str = Field("", description="user name, for SASL_…")
    password_file: Path | None = Field(None, description="file that holds the user's password, for SASL_…")
    ca_file: Path | None = Field(None, description="PEM file of the authorities to trust; without it, the system's")
    certificate_file: Path | None = Field(None, description="PEM file of the client's certificate, where it is asked")
    key_file: Path | None = Field(None, description="PEM file of the client certificate's key")

    delivery_timeout_s: float = Field(30.0, ge=2, description="seconds after which a message not taken is retried")
    session_timeout_s: float = Field(15.0, ge=1, description="seconds of silence after which a worker is replaced")
    poll_interval_s: float = Field(60.0, ge=2, description="seconds that a rebalance waits for a worker")
    drain_s: float = Field(20.0, ge=0, description="seconds that work under way gets before its partition moves on")
    idle_s: float = Field(
        5.0, gt=0, le=8, description="seconds that a poll waits where there is nothing to do; a stop may wait as long"
    )
    longest_handling_s: float = Field(
        900.0, gt=0, description="seconds in one batch after which a worker is taken for hung and loses its partitions"
    )
    read_ahead_mb: int = Field(64, ge=1, description="megabytes of waiting messages of each topic that a worker sorts")

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.drain_s >= self.poll_interval_s:
            raise ValueError("drain_s must be below poll_interval_s: a rebalance would not wait for the drain")
        if self.security_protocol.startswith("SASL") and not (self.user and self.password_file):
            raise ValueError(f"{self.security_protocol} needs user and password_file")
        for path in (self.ca_file, self.certificate_file, self.key_file):
            if path is not None and not path.is_file():
                raise ValueError(f"{path} is no file")
        self.password()
        return self

    def password(self) -> str | None:
        """The password as the file holds it now; None without SASL. Raises ValueError."""
        if not self.security_protocol.startswith("SASL") or self.password_file is None:
            return None
        return read_secret(self.password_file)
