"""Names of the messages that something follows from: the same for a message that is delivered or made again."""

import hashlib

from services.kit.contracts import Order, Reading, Scan, TileCells
from services.reasoning.rows import content

# What time brings follows from no message.
TIME = ""


def of_word(word: Scan | Order) -> str:
    """Words on a scan or an order differ in what they say."""
    key = word.name if isinstance(word, Scan) else word.order_id
    return f"{type(word).__name__} {key} {hashlib.sha256(content(word)).hexdigest()[:32]}"


def of_reading(reading: Reading) -> str:
    """A round's first word stands: every further one is a repetition."""
    return f"Reading {reading.slide.slide_id} {reading.round}"


def of_tile(tile: TileCells) -> str:
    """A tile that was read again is a repetition, whenever that was."""
    return f"TileCells {tile.slide.slide_id} {tile.tile_id}"
