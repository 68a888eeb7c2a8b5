"""Free TCP ports for servers that must know their port before they start."""

import random
import socket

# Below the ports that Linux (32768 up) and IANA (49152 up) give to outgoing connections, so that a server that is
# killed finds its port free when it comes back.
LOWEST, HIGHEST = 20_000, 32_000
_TRIES = 200

_random = random.SystemRandom()


def free_port() -> int:
    """A loopback port that nothing listens on. Raises OSError when none is found."""
    for _ in range(_TRIES):
        port = _random.randrange(LOWEST, HIGHEST)
        if _is_free(port):
            return port
    raise OSError(f"no free port between {LOWEST} and {HIGHEST} on 127.0.0.1")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def listens(port: int) -> bool:
    """Something accepts connections on the loopback port."""
    with socket.socket() as probe:
        probe.settimeout(2.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
