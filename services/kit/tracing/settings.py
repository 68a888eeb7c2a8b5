"""Where traces go, and how many."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from services.kit.loopback import on_this_machine
from services.kit.secret_files import is_placeholder
from services.kit.settings import Settings

# A field of HTTP: a token, and text of ASCII that can be seen (RFC 9110, 5.1 and 5.5).
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([!-~]+(?:[ \t]+[!-~]+)*)")


class TracingSettings(Settings):
    """Settings of the traces, from `FROTTIS_TRACING_…`. Raises ValueError for an endpoint or headers that are none."""

    model_config = SettingsConfigDict(env_prefix="FROTTIS_TRACING_", hide_input_in_errors=True)

    endpoint: str = Field(
        "", description="http(s)://HOST:PORT of a collector that takes OTLP over HTTP (4318); none: no traces"
    )
    headers_file: Path | None = Field(
        None, description="file of headers to send along, such as a key: one `name: value` a line; needs https://"
    )
    ca_file: Path | None = Field(None, description="PEM file of the authorities to trust; without it, the system's")
    slides: float = Field(
        1.0, ge=0, le=1, description="share of the slides that is traced, each whole; the same in every process"
    )
    export_s: float = Field(5.0, gt=0, description="s that the collector may take for one batch of spans")
    waiting: int = Field(8192, ge=1, description="spans that wait for the collector; what is more is dropped")

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if not self.endpoint:
            return self
        parts = urlsplit(self.endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("endpoint must look like http://HOST:4318")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("endpoint must hold no user, query or fragment: headers_file is for secrets")
        if self.headers_file is not None and parts.scheme == "http" and not on_this_machine(parts.hostname):
            raise ValueError("headers_file needs an https:// endpoint: its headers would be seen")
        if self.ca_file is not None and not self.ca_file.is_file():
            raise ValueError(f"{self.ca_file} is no file")
        self.headers()
        return self

    def headers(self) -> Mapping[str, str]:
        """The headers as the file holds them now. Raises ValueError, which tells nothing of them."""
        if self.headers_file is None:
            return {}
        try:
            lines = self.headers_file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"headers_file cannot be read ({type(error).__name__})") from error
        found = [_HEADER.fullmatch(line.strip()) for line in lines if line.strip()]
        headers = {match[1]: match[2] for match in found if match}
        if not headers or None in found:
            raise ValueError("headers_file must hold one `name: value` a line")
        if any(is_placeholder(value.split()[-1]) for value in headers.values()):
            raise ValueError("headers_file holds the placeholder of a template")
        return headers
