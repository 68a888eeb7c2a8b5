"""One connection to the LIS: a message out, answers in. Every wait is bounded."""

import socket
import ssl
from collections import deque
from collections.abc import Iterator
from threading import Event

from services.kit.clock import Clock
from services.lis.errors import LineError
from services.lis.mllp.framing import Decoder, frame

RECEIVE_BYTES = 65536
MAX_ANSWER_BYTES = 1 << 20
# Answers taken between two messages: a LIS that sends them without end must not keep us from sending.
MOST_PENDING = 100
# How often a waiting thread looks whether it is to stop.
LOOK_S = 0.25
# How long an answer is waited for once it is to stop: what is left unanswered is sent a second time by who comes next.
PARTING_S = 3.0


class Line:
    """A TCP connection that is opened when needed and closed after any exchange that went wrong. For one thread.

    With a `tls` context it is that over TLS.
    """

    def __init__(
        self, host: str, port: int, *, connect_timeout_s: float, clock: Clock, tls: ssl.SSLContext | None = None
    ) -> None:
        self._address = (host, port)
        self._tls = tls
        self._connect_timeout_s = connect_timeout_s
        self._clock = clock
        self._socket: socket.socket | None = None
        self._decoder = Decoder(MAX_ANSWER_BYTES)
        self._frames: deque[bytes] = deque()
        # What came behind the frames and is none: raised once they were taken.
        self._fault: LineError | None = None

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    def open(self) -> None:
        """Connect unless connected. Raises LineError (refused)."""
        if self._socket is not None:
            return
        try:
            connection = socket.create_connection(self._address, self._connect_timeout_s)
            # A handshake that fails closes the connection.
            self._socket = (
                self._tls.wrap_socket(connection, server_hostname=self._address[0]) if self._tls else connection
            )
        except (OSError, UnicodeError) as error:
            # UnicodeError: what no name service takes for a host name.
            raise LineError(
                "refused", f"the LIS does not take connections on {self._name} ({type(error).__name__})"
            ) from error
        self._decoder = Decoder(MAX_ANSWER_BYTES)

    def send(self, content: bytes, timeout_s: float) -> None:
        """Write one framed message. Raises LineError (closed)."""
        try:
            connected = self._connected()
            connected.settimeout(timeout_s)
            connected.sendall(frame(content))
        except OSError as error:
            raise LineError(
                "closed", f"the LIS at {self._name} closed the connection while it was written to"
            ) from error

    def receive(self, timeout_s: float, stop: Event) -> bytes | None:
        """The next answer's content; None when none has come within `PARTING_S` of `stop`.

        Raises LineError (silent, closed, garbage) when none comes within `timeout_s`.
        """
        until = self._clock.monotonic() + timeout_s
        waited_s = parting_s = 0.0
        while not self._frames:
            if stop.is_set() and parting_s >= PARTING_S:
                return None
            if self._fault is not None:
                raise self._fault
            # Waited time is counted too, so that a clock that tests hold still cannot hold this loop.
            if waited_s >= timeout_s or self._clock.monotonic() >= until:
                raise LineError("silent", f"the LIS at {self._name} did not answer within {timeout_s:g} s")
            slice_s = min(LOOK_S, timeout_s - waited_s)
            data = self._read(slice_s)
            waited_s += 0.0 if data else slice_s
            parting_s += slice_s if stop.is_set() else 0.0
            self._take(data)
        return self._frames.popleft()

    def pending(self) -> Iterator[bytes]:
        """Answers that lie ready, without waiting, and no more of them than a busy line has.

        The line is closed when the LIS closed it or sent something else.
        """
        for _ in range(MOST_PENDING):
            if not self._frames and not self._look():
                return
            if self._frames:
                yield self._frames.popleft()

    def close(self) -> None:
        """Drop the connection and whatever of an answer had come."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._frames.clear()
        self._fault = None

    @property
    def _name(self) -> str:
        return f"{self._address[0]}:{self._address[1]}"

    def _look(self) -> bool:
        """Whether anything lay ready; it is taken."""
        try:
            if self._fault is not None:
                raise self._fault
            data = self._read(0.0) if self._socket is not None else b""
        except LineError:
            self.close()
            return False
        self._take(data)
        return bool(data)

    def _connected(self) -> socket.socket:
        if self._socket is None:
            raise LineError("closed", f"there is no connection to the LIS at {self._name}")
        return self._socket

    def _read(self, timeout_s: float) -> bytes:
        """What has come; nothing when nothing came within `timeout_s`."""
        connected = self._connected()
        connected.settimeout(timeout_s)
        try:
            data = connected.recv(RECEIVE_BYTES)
        except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
            return b""
        except OSError as error:
            raise LineError("closed", f"the connection to the LIS at {self._name} broke") from error
        if not data:
            raise LineError("closed", f"the LIS at {self._name} closed the connection instead of answering")
        return data

    def _take(self, data: bytes) -> None:
        for received in self._decoder.feed(data):
            if received.damage is not None:
                self._fault = LineError("garbage", f"the LIS at {self._name} answered with a broken frame")
                return
            self._frames.append(received.content)
        if self._decoder.stray_bytes:
            self._fault = LineError("garbage", f"the LIS at {self._name} answered with bytes outside any frame")
