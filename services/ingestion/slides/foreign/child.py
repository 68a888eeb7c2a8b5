"""The parent's end of the child process: requests with a time limit, and the child's death as an error."""

import json
import os
import select
import subprocess
import sys
import threading
import time
from typing import Any

from services.ingestion.slides.errors import (
    RegionRefused,
    SlideClosed,
    SlideDamaged,
    SlideError,
    SlideIncomplete,
    SlideUnreachable,
    SlideUnsupported,
)

_ERRORS: dict[str, type[SlideError]] = {
    kind.__name__: kind for kind in (SlideIncomplete, SlideUnreachable, SlideDamaged, SlideUnsupported, RegionRefused)
}
_WORKER = "services.ingestion.slides.foreign.worker"
_LIMIT_S = 60.0
_CHUNK = 1 << 20


class Child:
    """A child process serving the slide called `name`. One request at a time; others wait their turn."""

    def __init__(self, name: str, limit_s: float = _LIMIT_S) -> None:
        self._name = name
        self._limit_s = limit_s
        self._turn = threading.Lock()
        self._closed = False
        self._failure = ""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
        # The command is fixed; the slide's path goes through the pipe.
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            bufsize=0,
        )

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """The answer to a request, and the bytes that came with it.

        Raises:
            SlideError: what the child found wrong; SlideDamaged where it died or took too long, then and from then on.
            SlideClosed: `close` was called before.
        """
        with self._turn:
            if self._closed:
                raise SlideClosed(self._name)
            if self._failure:
                raise SlideDamaged(self._name, self._failure)
            try:
                values, data = self._exchange(request)
            except TimeoutError as error:
                self._end()
                self._failure = f"its library did not answer within {self._limit_s:g} s"
                raise SlideDamaged(self._name, self._failure) from error
            except (BrokenPipeError, EOFError) as error:
                self._end(patience_s=5)
                self._failure = f"its library ended by itself (exit status {self._process.returncode})"
                raise SlideDamaged(self._name, self._failure) from error
        if "error" in values:
            kind, *arguments = values["error"]
            raise _ERRORS[kind](*arguments)
        return values, data

    def close(self) -> None:
        """End the child, after the request under way."""
        with self._turn:
            self._closed = True
            self._end()

    def _exchange(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        deadline = time.monotonic() + self._limit_s
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        received = bytearray()
        while b"\n" not in received:
            received += self._receive(deadline)
        line, _, rest = received.partition(b"\n")
        values = json.loads(line)
        while len(rest) < values["bytes"]:
            rest += self._receive(deadline)
        return values, bytes(rest)

    def _receive(self, deadline: float) -> bytes:
        assert self._process.stdout is not None
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
            raise TimeoutError
        part = os.read(self._process.stdout.fileno(), _CHUNK)
        if not part:
            raise EOFError
        return part

    def _end(self, patience_s: float = 0) -> None:
        """Kill the child, unless it ends by itself within the patience: then its exit status says how."""
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
