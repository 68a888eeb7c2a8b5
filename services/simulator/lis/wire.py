"""MLLP as the simulator speaks it: a frame is read to its end and nothing else is accepted."""

import socket

from services.simulator.errors import SimulatorError

START, END = b"\x0b", b"\x1c\r"


class NotMllp(SimulatorError):
    """The other side does not keep to the framing."""


class Wire:
    """One connection: whole frames in and out."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._buffer = b""

    def read(self) -> bytes | None:
        """The next frame's content; None when the other side has closed between frames. Raises NotMllp, OSError."""
        while END not in self._buffer:
            data = self.connection.recv(4096)
            if not data:
                if self._buffer:
                    raise NotMllp("the connection ended inside a frame")
                return None
            self._buffer += data
        whole, self._buffer = self._buffer.split(END, 1)
        if not whole.startswith(START) or START in whole[1:]:
            raise NotMllp("a frame does not start with 0x0B, or holds another start")
        return whole[1:]

    def write(self, content: bytes) -> None:
        """One frame. Raises OSError."""
        self.connection.sendall(START + content + END)
