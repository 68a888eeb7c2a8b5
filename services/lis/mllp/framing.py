"""Frames out of a stream of bytes, however the network cut it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

START, END, CARRIAGE_RETURN = 0x0B, 0x1C, 0x0D
_MARK = re.compile(b"[\x0b\x1c]")
# As much of an unusable frame as is kept to find the MSH that an answer can be addressed by.
HEAD_BYTES = 4096


class Damage(Enum):
    """Why a frame cannot be used. Its head may still say whom to answer."""

    TOO_LARGE = auto()
    # A new frame began before this one ended.
    CUT = auto()


@dataclass(frozen=True)
class Frame:
    """A frame's content; with `damage`, only its first bytes."""

    content: bytes
    damage: Damage | None = None


def frame(content: bytes) -> bytes:
    """`content` framed. Raises ValueError when it holds a byte that frames: it would end up as two messages."""
    if START in content or END in content:
        raise ValueError("a message holds an MLLP byte: escape its texts before framing it")
    return bytes((START,)) + content + bytes((END, CARRIAGE_RETURN))


class Decoder:
    """Collects bytes and gives frames. What stands between frames is counted and dropped; memory is bounded.

    A frame ends with 0x1C; the 0x0D behind it may be missing, as some senders leave it out.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._content = bytearray()
        self._inside = False
        self._too_large = False
        self.stray_bytes = 0

    @property
    def inside(self) -> bool:
        """A frame has begun and not ended."""
        return self._inside

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes. All of them must be taken before the next call."""
        position = 0
        while position < len(data):
            if self._inside:
                position, ended = self._collect(data, position)
                if ended is not None:
                    yield ended
            else:
                position = self._skip(data, position)

    def _skip(self, data: bytes, position: int) -> int:
        start = data.find(START, position)
        between = data[position:] if start < 0 else data[position:start]
        self.stray_bytes += len(between.replace(b"\r", b"").replace(b"\n", b""))
        if start < 0:
            return len(data)
        self._begin()
        return start + 1

    def _collect(self, data: bytes, position: int) -> tuple[int, Frame | None]:
        mark = _MARK.search(data, position)
        stop = mark.start() if mark else len(data)
        self._keep(data[position:stop])
        if mark is None:
            return stop, None
        ended = self._end(cut=data[stop] == START)
        if data[stop] == START:
            self._begin()
        return stop + 1, ended

    def _keep(self, data: bytes) -> None:
        self._too_large = self._too_large or len(self._content) + len(data) > self._max_bytes
        if self._too_large:
            self._content = bytearray((self._content + data[:HEAD_BYTES])[:HEAD_BYTES])
        else:
            self._content += data

    def _begin(self) -> None:
        self._content.clear()
        self._inside, self._too_large = True, False

    def _end(self, *, cut: bool) -> Frame:
        self._inside = False
        damage = Damage.TOO_LARGE if self._too_large else Damage.CUT if cut else None
        content = bytes(self._content[:HEAD_BYTES] if damage else self._content)
        return Frame(content, damage)
