"""What a laboratory sets for the admission and the reading of scans."""

import re
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from services.kit.settings import Settings


class IngestionSettings(Settings):
    """Settings of ingestion, from `FROTTIS_INGESTION_…`."""

    model_config = SettingsConfigDict(env_prefix="FROTTIS_INGESTION_")

    share: Path = Field(description="folder that the scanner writes to, looked at with all its subfolders")
    poll_s: float = Field(2.0, gt=0, description="s between two looks at the share; network shares send no events")
    takeover_s: float = Field(
        20.0, gt=0, description="s without a sign of life after which another replica looks at the share"
    )
    settle_s: float = Field(10.0, ge=0, description="s that a complete scan must be still before it is admitted")
    incomplete_limit_s: float = Field(
        900.0, gt=0, description="s without change after which an incomplete scan is held"
    )
    notice_s: float = Field(
        300.0,
        ge=0,
        description="s before its promise ends at which an ordered scan that is incomplete, or cannot be read, is held "
        "if that is sooner, so that the LIS is told in time; half the promise at most",
    )
    restless_limit_s: float = Field(
        3600.0, gt=0, description="s after which a scan whose files have kept changing is held, until they are still"
    )
    promise_s: float = Field(1800.0, gt=0, description="s from scan complete to report acknowledged")
    stat_promise_s: float = Field(900.0, gt=0, description="s from scan complete to report acknowledged, STAT orders")
    specimen_pattern: str = Field(
        r"[A-Za-z0-9][A-Za-z0-9._-]{2,31}", description="regular expression that a barcode must match as a whole"
    )
    um_per_px: float | None = Field(
        None, gt=0, description="µm/px of scans that do not record it; a scan's own value is never overruled"
    )
    leukocytes: int = Field(200, ge=1, description="leukocytes to differentiate, cells")
    erythrocytes: int = Field(5000, ge=0, description="erythrocytes to read, cells")
    platelets: int = Field(0, ge=0, description="platelets to read beyond those in the erythrocyte fields, cells")
    clump_fields: int = Field(4, ge=0, description="fields of the feathered edge searched for platelet clumps")
    keep_days: float = Field(
        90.0,
        ge=2,
        description="days of work that a slide's tiles, the pictures of its red cells and platelets, are kept after "
        "the LIS acknowledged its values; at least as long as the laboratory must keep what its reports rest on",
    )

    @field_validator("specimen_pattern")
    @classmethod
    def _is_pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"{pattern!r} is no regular expression, such as [A-Z][0-9]{{4}}: {error}") from error
        return pattern
