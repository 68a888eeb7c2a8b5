"""One connection of a sender, whoever that is: bounded in bytes, in time, and in what is no HL7."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

import structlog

from services.lis.errors import Unaddressable
from services.lis.mllp.framing import Decoder, Frame, frame

RECEIVE_BYTES = 65536
# How often a waiting thread looks whether it is to stop.
LOOK_S = 0.25
# From the first byte of a message to its last, and to write an answer: seconds on any network of a hospital.
MESSAGE_S, ANSWER_S = 60.0, 20.0
# Frames that nobody could be answered for, until the sender is taken for something else than a LIS.
MOST_UNADDRESSABLE = 10

# The answers to a frame. Raises Unaddressable when it names nobody to answer.
Answering = Callable[[Frame], list[bytes]]

log = structlog.get_logger()


@dataclass(frozen=True)
class Limits:
    """What one sender may take of us: bytes of a message, seconds without a message, connections at a time."""

    message_bytes: int
    idle_s: float
    connections: int


class Conversation:
    """For one thread; `drop` and `silent_s` for others too."""

    def __init__(self, connection: socket.socket, limits: Limits, answer: Answering) -> None:
        self._connection = connection
        self._limits = limits
        self._answer = answer
        self._decoder = Decoder(limits.message_bytes)
        self._unaddressable = 0
        self._heard = time.monotonic()
        # When the message under way began.
        self._began = self._heard

    @property
    def silent_s(self) -> float:
        """Seconds since the last whole message: bytes that never become one are silence too."""
        return time.monotonic() - self._heard

    def run(self, stop: Event) -> None:
        """Answer until the sender leaves, takes too much, or `stop` is set. Raises OSError."""
        self._connection.settimeout(LOOK_S)
        while not stop.is_set():
            if trouble := self._trouble():
                log.warning("connection of the LIS closed", why=trouble)
                return
            try:
                data = self._connection.recv(RECEIVE_BYTES)
            except TimeoutError:
                continue
            if not data:
                self._log_leftovers()
                return
            self._take(data)

    def drop(self) -> None:
        """End it from another thread."""
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            log.debug("the connection had ended", error=type(error).__name__)

    def _trouble(self) -> str | None:
        if self.silent_s >= self._limits.idle_s:
            return "no message came for too long"
        if self._decoder.inside and time.monotonic() - self._began >= MESSAGE_S:
            return "a message did not end"
        if self._unaddressable >= MOST_UNADDRESSABLE or self._decoder.stray_bytes > self._limits.message_bytes:
            return "what came is no HL7 over MLLP: check what is connected to this port"
        return None

    def _take(self, data: bytes) -> None:
        whole = not self._decoder.inside
        for received in self._decoder.feed(data):
            whole = True
            self._reply(received)
            if self._unaddressable >= MOST_UNADDRESSABLE:
                return
        if whole:
            self._began = time.monotonic()

    def _reply(self, received: Frame) -> None:
        try:
            answers = self._answer(received)
        except Unaddressable as error:
            self._unaddressable += 1
            log.warning("message without an answer", reason=str(error))
            return
        self._heard = time.monotonic()
        self._connection.settimeout(ANSWER_S)
        for answer in answers:
            self._connection.sendall(frame(answer))
        self._connection.settimeout(LOOK_S)

    def _log_leftovers(self) -> None:
        if self._decoder.inside or self._decoder.stray_bytes:
            log.warning(
                "connection ended", inside_a_message=self._decoder.inside, stray_bytes=self._decoder.stray_bytes
            )
