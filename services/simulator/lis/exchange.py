"""One message to Frottis, and its answer."""

import socket
from dataclasses import dataclass

from services.simulator.lis.er7 import segments, value
from services.simulator.lis.wire import Wire


@dataclass(frozen=True)
class OrderAnswer:
    """MSA-1 and MSA-2 of the answer to an order, and all of it."""

    code: str
    control_id: str
    content: bytes


def exchange(to: tuple[str, int], message: bytes, timeout_s: float = 20.0) -> OrderAnswer:
    """Send any message and wait for its answer. Raises OSError, TimeoutError, NotMllp, ValueError (no HL7)."""
    with socket.create_connection(to, timeout_s) as connection:
        wire = Wire(connection)
        wire.write(message)
        content = wire.read()
    if content is None:
        raise OSError("the connection was closed instead of an answer")
    msa = next((row for row in segments(content) if row[0] == "MSA"), None)
    if msa is None:
        raise ValueError("the answer has no MSA")
    return OrderAnswer(value(msa, 1), value(msa, 2), content)
