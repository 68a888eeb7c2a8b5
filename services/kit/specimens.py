"""What a specimen number may be: as the LIS gives it in an order, and as a barcode may be read."""

import re

# Printable ASCII without blanks; longer is no number.
_NUMBER = re.compile(r"[!-~]{1,64}")


def is_specimen_number(text: str) -> bool:
    """Whether an order can name this as its specimen."""
    return _NUMBER.fullmatch(text) is not None
