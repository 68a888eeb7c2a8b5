"""Takes messages over MLLP: a thread for each connection, bounded in number, in frame size and in idle time."""

import selectors
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from services.lis.errors import PortUnavailable
from services.lis.mllp.framing import Decoder, Frame, frame

RECEIVE_BYTES = 65536
# How often a waiting thread looks whether it is to stop.
LOOK_S = 0.25

# The answers to a frame; none when it names nobody to answer.
Answering = Callable[[Frame], list[bytes]]

log = structlog.get_logger()


@dataclass(frozen=True)
class Limits:
    """What one sender may take of us: bytes of a message, seconds of silence, connections at a time."""

    message_bytes: int
    idle_s: float
    connections: int


class Server:
    """A task of the service. Port 0 takes a free port; `address` tells which once `listening` is set."""

    def __init__(self, host: str, port: int, limits: Limits, answer: Answering) -> None:
        self._wanted = (host, port)
        self._limits = limits
        self._answer = answer
        self._slots = threading.BoundedSemaphore(limits.connections)
        self._threads: set[threading.Thread] = set()
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
        for thread in list(self._threads):
            thread.join()

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
            return
        if not self._slots.acquire(blocking=False):
            log.warning("connection refused: too many are open", limit=self._limits.connections)
            connection.close()
            return
        thread = threading.Thread(target=self._serve, args=(connection, stop), name="mllp", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _serve(self, connection: socket.socket, stop: threading.Event) -> None:
        try:
            with connection:
                connection.settimeout(LOOK_S)
                self._converse(connection, stop)
        except OSError as error:
            log.info("connection of the LIS broke", error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a message that we fail on costs its sender the line, not the slides
            # Not acknowledged, so the sender keeps the message. Only the type is told: the text may quote a patient.
            log.error("defect while answering a message of the LIS", error=type(error).__name__)  # noqa: TRY400
        finally:
            self._slots.release()
            self._threads.discard(threading.current_thread())

    def _converse(self, connection: socket.socket, stop: threading.Event) -> None:
        decoder = Decoder(self._limits.message_bytes)
        silent_s = 0.0
        while not stop.is_set() and silent_s < self._limits.idle_s:
            try:
                data = connection.recv(RECEIVE_BYTES)
            except TimeoutError:
                silent_s += LOOK_S
                continue
            if not data:
                self._log_leftovers(decoder)
                return
            silent_s = 0.0
            self._answer_all(connection, decoder, data)

    def _answer_all(self, connection: socket.socket, decoder: Decoder, data: bytes) -> None:
        for received in decoder.feed(data):
            for answer in self._answer(received):
                connection.settimeout(self._limits.idle_s)
                connection.sendall(frame(answer))
        connection.settimeout(LOOK_S)

    @staticmethod
    def _log_leftovers(decoder: Decoder) -> None:
        if decoder.inside or decoder.stray_bytes:
            log.warning("connection ended", inside_a_message=decoder.inside, stray_bytes=decoder.stray_bytes)
