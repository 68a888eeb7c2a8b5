"""What a laboratory sets for the line to its LIS."""

from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from services.kit.settings import Settings


class LisSettings(Settings):
    """Settings of the LIS gateway, from `FROTTIS_LIS_…`."""

    model_config = SettingsConfigDict(env_prefix="FROTTIS_LIS_")

    lis_host: str = Field(description="host name or address of the LIS, for reports (MLLP)")
    lis_port: int = Field(ge=1, lt=2**16, description="TCP port of the LIS, for reports")
    listen_host: str = Field("127.0.0.1", description="address to take orders on (MLLP)")
    listen_port: int = Field(2575, ge=0, lt=2**16, description="TCP port to take orders on; 0 takes a free one")
    lis_tls: bool = Field(False, description="reports go over TLS, to a LIS that is verified by name")
    listen_tls: bool = Field(
        False, description="orders come over TLS, from who has a certificate of CA_FILE; needs all three files"
    )
    ca_file: Path | None = Field(None, description="PEM file of the authorities to trust; without it, the system's")
    certificate_file: Path | None = Field(None, description="PEM file of our certificate, for both lines")
    key_file: Path | None = Field(None, description="PEM file of our certificate's key")
    application: str = Field("FROTTIS", min_length=1, description="our name, MSH-3 of reports")
    facility: str = Field("", description="our facility, MSH-4 of reports")
    lis_application: str = Field("LIS", description="the LIS's name, MSH-5 of reports")
    lis_facility: str = Field("", description="the LIS's facility, MSH-6 of reports")
    processing_id: str = Field("P", pattern="^[PTD]$", description="MSH-11: P production, T training, D debugging")
    time_zone: str = Field("UTC", description="IANA zone of times that the LIS writes without an offset")
    connect_timeout_s: float = Field(10.0, gt=0, description="s to wait for a connection to the LIS")
    ack_timeout_s: float = Field(20.0, gt=0, description="s to wait for an acknowledgement before the line is closed")
    retry_first_s: float = Field(2.0, gt=0, description="s before the first further attempt; doubled at each")
    retry_longest_s: float = Field(60.0, gt=0, description="s between attempts at most")
    lease_s: float = Field(
        10.0, gt=0, description="s without a word of the replica that sends, of several; another takes over soon after"
    )
    refused_s: float = Field(
        600.0,
        ge=0,
        description="s from its first AR that a message is sent again at least, and until its deadline, before it is "
        "held",
    )
    listen_idle_s: float = Field(600.0, gt=0, description="s of silence after which a connection of the LIS is closed")
    listen_connections: int = Field(16, ge=1, description="connections of the LIS at a time")
    keep_days: float = Field(
        30.0,
        ge=7.0,
        description="days that messages, and orders that were answered, are kept after their end; longer than the LIS "
        "sends a message again",
    )
    message_bytes: int = Field(1 << 20, ge=4096, description="bytes of an order message at most")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{name!r} is no IANA time zone, such as Europe/Paris") from error
        return name

    @model_validator(mode="after")
    def _usable_tls(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together")
        if self.listen_tls and not (self.ca_file and self.certificate_file):
            raise ValueError("listen_tls needs ca_file, certificate_file and key_file")
        return self
