"""What ends a demonstration early."""

from services.kit.errors import FrottisError


class DemonstrationFailed(FrottisError):
    """The demonstration did not end as it should."""
