"""The bytes of the simulated LIS's answers."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from services.simulator.lis.behaviour import Behaviour, Manner
from services.simulator.lis.wire import END, START, Wire

_GARBAGE = b"\x0bnot HL7 at all\x1c\r"


def acknowledgement(code: str, control_id: str, error: str = "") -> bytes:
    """An ACK without its frame; `error` becomes the ERR segment."""
    lines = [
        f"MSH|^~\\&|SIMLIS|HOSPITAL|FROTTIS||20260101000000||ACK^R01^ACK|SIM{control_id[:17]}|P|2.5.1",
        f"MSA|{code}|{control_id}",
    ]
    return "".join(f"{line}\r" for line in [*lines, *([error] if error else [])]).encode()


def answer_text(control_id: str, behaviour: Behaviour) -> str:
    """What the LIS says to a message, one segment per line; empty for manners without a whole answer of their own."""
    said = (acknowledgement(code, control_id, error) for code, error in _SAID.get(behaviour.manner, ()))
    return b"".join(said).decode().replace("\r", "\n")


@dataclass
class Conversation:
    """One message's answers go out here. `late` collects answers for the next message; `stop` ends a slow one."""

    wire: Wire
    late: list[bytes]
    stop: threading.Event

    def answer(self, control_id: str, behaviour: Behaviour) -> None:
        """Behave. Closing the connection is part of some manners. Raises OSError when the other side is gone."""
        misbehave = _MISBEHAVIOUR.get(behaviour.manner)
        if misbehave is not None:
            misbehave(self, control_id)
            return
        self.stop.wait(behaviour.seconds)
        for code, error in _SAID[behaviour.manner]:
            self.say(code, control_id, error)

    def say(self, code: str, control_id: str, error: str = "") -> None:
        self.wire.write(acknowledgement(code, control_id, error))

    def close(self) -> None:
        self.wire.connection.close()


def _half_frame(talk: Conversation, control_id: str) -> None:
    whole = START + acknowledgement("AA", control_id) + END
    talk.wire.connection.sendall(whole[: len(whole) // 2])
    talk.close()


def _byte_by_byte(talk: Conversation, control_id: str) -> None:
    for byte in START + acknowledgement("AA", control_id) + END:
        talk.wire.connection.sendall(bytes((byte,)))


_CONTENT_FAULT = "ERR||OBX^1^3|103^Table value not found^HL70357|E"
_HEADER_FAULT = "ERR||MSH^1^9|200^Unsupported message type^HL70357|E"

# Codes and errors of the manners that answer in whole messages, in their order.
_SAID: dict[Manner, tuple[tuple[str, str], ...]] = {
    Manner.ACCEPT: (("AA", ""),),
    Manner.ACCEPT_TWICE: (("AA", ""), ("AA", "")),
    Manner.COMMIT_THEN_ACCEPT: (("CA", ""), ("AA", "")),
    Manner.COMMIT_THEN_ERROR: (("CA", ""), ("AE", _CONTENT_FAULT)),
    Manner.ERROR: (("AE", _CONTENT_FAULT),),
    Manner.REJECT: (("AR", ""),),
    Manner.REJECT_HEADER: (("AR", _HEADER_FAULT),),
    Manner.SLOW: (("AA", ""),),
    Manner.BYTE_BY_BYTE: (("AA", ""),),
}
_MISBEHAVIOUR: dict[Manner, Callable[[Conversation, str], None]] = {
    Manner.SILENT: lambda _talk, _id: None,
    Manner.LATE: lambda talk, control_id: talk.late.append(acknowledgement("AA", control_id)),
    Manner.GARBAGE: lambda talk, _id: talk.wire.connection.sendall(_GARBAGE),
    Manner.WRONG_CONTROL_ID: lambda talk, _id: talk.say("AA", "NOBODY-SENT-THIS"),
    Manner.CLOSE: lambda talk, _id: talk.close(),
    Manner.HALF_FRAME: _half_frame,
    Manner.BYTE_BY_BYTE: _byte_by_byte,
}
