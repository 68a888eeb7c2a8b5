"""Takes messages over MLLP: a thread for each connection, bounded in number."""

import selectors
import socket
import ssl
import threading
import time

import structlog

from services.lis.errors import PortUnavailable
from services.lis.mllp.conversation import LOOK_S, Answering, Conversation, Limits

# A connection that was silent for so long makes room for a new one: a LIS that lost its line comes back on another.
ROOM_AFTER_S = 30.0
# How long a connection may take to end what it is at.
_END_S = 2.0

log = structlog.get_logger()


class Server:
    """A task of the service. Port 0 takes a free port; `address` tells which once `listening` is set.

    With a `tls` context only those are heard whom it verifies.
    """

    def __init__(
        self, host: str, port: int, limits: Limits, answer: Answering, tls: ssl.SSLContext | None = None
    ) -> None:
        self._wanted = (host, port)
        self._tls = tls
        self._limits = limits
        self._answer = answer
        self._slots = threading.BoundedSemaphore(limits.connections)
        self._open: dict[Conversation, threading.Thread] = {}
        self._turning_away = False
        self.listening = threading.Event()
        self.address: tuple[str, int] = self._wanted

    def __call__(self, stop: threading.Event) -> None:
        """Serve until `stop`. Raises PortUnavailable."""
        with self._listen() as server, selectors.DefaultSelector() as selector:
            self.address = server.getsockname()[:2]
            selector.register(server, selectors.EVENT_READ)
            self.listening.set()
            while not stop.is_set():
                if selector.select(LOOK_S):
                    self._accept(server, stop)
        self.listening.clear()
        self._end()

    def _listen(self) -> socket.socket:
        host, port = self._wanted
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            return socket.create_server(self._wanted, family=family)
        except OSError as error:
            raise PortUnavailable(
                f"orders cannot be taken on {host}:{port} ({error.strerror}): free the port or set another"
            ) from error

    def _accept(self, server: socket.socket, stop: threading.Event) -> None:
        try:
            connection, _ = server.accept()
        except OSError as error:
            log.warning("connection of the LIS could not be taken", error=type(error).__name__)
            # Out of file descriptors: the connection still waits, and would be tried again at once.
            stop.wait(LOOK_S)
            return
        if not self._slots.acquire(blocking=False) and not self._make_room():
            self._turn_away(connection)
            return
        self._turning_away = False
        if self._tls is not None:
            # Its own thread shakes hands, at the first byte that it reads: one that is slow holds nobody up.
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        conversation = Conversation(connection, self._limits, self._answer)
        thread = threading.Thread(target=self._serve, args=(conversation, connection, stop), name="mllp", daemon=True)
        self._open[conversation] = thread
        thread.start()

    def _make_room(self) -> bool:
        """End the conversation that was silent longest, when that is long; whether its place is free now."""
        longest = max(list(self._open), key=lambda conversation: conversation.silent_s, default=None)
        if longest is None or longest.silent_s < ROOM_AFTER_S:
            return False
        log.warning("a silent connection makes room for a new one", limit=self._limits.connections)
        longest.drop()
        return self._slots.acquire(timeout=_END_S)

    def _turn_away(self, connection: socket.socket) -> None:
        connection.close()
        if not self._turning_away:
            # Once, and not for each of a thousand.
            log.warning("connections are turned away: too many are open", limit=self._limits.connections)
        self._turning_away = True

    def _serve(self, conversation: Conversation, connection: socket.socket, stop: threading.Event) -> None:
        try:
            conversation.run(stop)
        except OSError as error:
            log.info("connection of the LIS broke", error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a message that we fail on costs its sender the line, not the slides
            # Not acknowledged, so the sender keeps the message. Only the type is told: the text may quote a patient.
            log.error("defect while answering a message of the LIS", error=type(error).__name__)  # noqa: TRY400
        finally:
            del self._open[conversation]
            # The place first: whoever sees the end may come back at once.
            self._slots.release()
            connection.close()

    def _end(self) -> None:
        """Let every conversation end what it is at; one whose sender does not read its answer is dropped."""
        until = time.monotonic() + _END_S
        for conversation, thread in list(self._open.items()):
            thread.join(max(until - time.monotonic(), 0.0))
            if thread.is_alive():
                conversation.drop()
        for thread in list(self._open.values()):
            thread.join()
