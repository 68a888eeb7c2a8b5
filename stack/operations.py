"""What the operations server of a process here answers."""

import json
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException


def answers(port: int, path: str) -> bool:
    """Whether it answers 200 to `path`, such as /readyz."""
    with suppress(OSError, HTTPException):
        return _asked(port, path)[0] == HTTPStatus.OK
    return False


def waits(port: int) -> Mapping[str, str]:
    """What the process waits for, by service and check. Raises OSError, HTTPException."""
    status, body = _asked(port, "/readyz")
    pending: Mapping[str, str] = json.loads(body)
    return {} if status == HTTPStatus.OK else pending


def _asked(port: int, path: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
