"""One frozen settings object per service.

The unit stands in each description, unknown keys are refused, and settings are read at start, never at import.
"""

import os
from typing import Any, Self

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

from services.kit.errors import SettingsError


class Settings(BaseSettings):
    """Base of every service's settings; subclasses set `env_prefix`, such as `FROTTIS_LIS_`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="FROTTIS_", validate_default=True)

    @classmethod
    def load(cls, **given: Any) -> Self:
        """Settings from `given` and the environment.

        Raises SettingsError naming every key that is unknown, missing or impossible.
        """
        prefix = cls.model_config.get("env_prefix", "")
        known = {f"{prefix}{name}".upper() for name in cls.model_fields}
        unknown = sorted(
            key for key in os.environ if key.upper().startswith(prefix.upper()) and key.upper() not in known
        )
        if unknown:
            raise SettingsError(f"unknown setting {', '.join(unknown)}: known are {', '.join(sorted(known))}")
        try:
            return cls(**given)
        except SourceError as error:
            raise SettingsError(f"settings of {cls.__name__}: {error}") from error
        except ValidationError as error:
            problems = "; ".join(
                f"{prefix}{'_'.join(map(str, e['loc']))}".upper() + f": {e['msg']}" for e in error.errors()
            )
            raise SettingsError(f"settings of {cls.__name__}: {problems}") from error
