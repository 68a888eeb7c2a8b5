"""The port of the simulated LIS: a thread that listens and one for each connection."""

import socket
import threading
from collections.abc import Callable

from services.simulator.errors import SimulatorError
from services.simulator.lis.wire import Wire

# Serves one connection until it ends.
Serve = Callable[[Wire], None]


class Receiver:
    """Listens on a port that stays the same while it is closed and opened again."""

    def __init__(self, host: str, port: int, serve: Serve, on_broken: Callable[[str], None]) -> None:
        self._serve = serve
        self._on_broken = on_broken
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._listening: socket.socket | None = None
        self.address = (host, port)
        self.open()

    def open(self) -> None:
        """Take connections. Raises OSError when another process has the port."""
        listening = socket.create_server(self.address)
        self.address = listening.getsockname()[:2]
        self._listening = listening
        threading.Thread(target=self._accept, args=(listening,), name="simulated LIS", daemon=True).start()

    def close(self) -> None:
        """Refuse connections and drop those that are open, as a LIS does that is being restarted."""
        with self._lock:
            ending, self._listening = self._listening, None
            connections = list(self._connections)
        if ending is not None:
            # Closing alone would leave the thread in accept.
            ending.shutdown(socket.SHUT_RDWR)
            ending.close()
        for connection in connections:
            _end(connection)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with self._lock:
                refused = self._listening is not listening
                if not refused:
                    self._connections.add(connection)
            if refused:
                connection.close()
                return
            threading.Thread(target=self._converse, args=(connection,), name="simulated LIS line", daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection:
                self._serve(Wire(connection))
        except SimulatorError as error:
            # No MLLP, or nobody knows how to behave: the connection is closed without an answer.
            self._on_broken(str(error))
        except OSError as error:
            # A sender that is killed resets its connection; what came whole before is recorded.
            self._on_broken(f"connection lost ({type(error).__name__})")
        finally:
            with self._lock:
                self._connections.discard(connection)


def _end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It has ended by itself.
        return
