"""Settings of the reasoning service."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from services.kit.settings import Settings


class ReasoningSettings(Settings):
    """Read from the environment with the prefix FROTTIS_REASONING_."""

    model_config = SettingsConfigDict(env_prefix="FROTTIS_REASONING_")

    rules: Path | None = Field(
        None, description="folder of the laboratory's own rule files; none takes those that ship with Frottis"
    )
    leukocytes: int = Field(200, ge=1, description="leukocytes to differentiate where the order does not say, cells")
    erythrocytes: int = Field(5000, ge=0, description="red cells to classify, cells")
    most_rounds: int = Field(6, ge=1, description="rounds after which no more of a slide is asked for, rounds")
    stat_promise_s: float = Field(900.0, gt=0, description="s from scan complete to report acknowledged, STAT orders")
    margin_s: float = Field(
        120.0, gt=0, description="s before the deadline at which a slide is decided with what was read by then"
    )
    no_more_s: float = Field(
        300.0, gt=0, description="s before the deadline from which no further round is asked for; more than margin_s"
    )
    guard_every_s: float = Field(5.0, gt=0, description="s between two looks for slides whose deadline is near")
    keep_days: float = Field(
        8.0, gt=0, description="days that the cells of a decided slide are kept here; longer than messages are kept"
    )

    @model_validator(mode="after")
    def _asks_before_it_decides(self) -> Self:
        if self.no_more_s <= self.margin_s:
            raise ValueError(f"no_more_s ({self.no_more_s:g} s) must be more than margin_s ({self.margin_s:g} s)")
        return self
