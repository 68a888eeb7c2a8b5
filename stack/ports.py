"""Free TCP ports for servers that must know their port before they start."""

import random
import socket

# Below the ports that Linux (32768 up) and IANA (49152 up) give to outgoing connections.
LOWEST, HIGHEST = 20_000, 32_000
_TRIES = 200

_random = random.SystemRandom()


def free_port() -> int:
    """A loopback port that nothing listens on, and that no other process is given while this one lives.

    So a server that is killed finds its port free when it comes back, whatever else starts on the machine meanwhile.
    It must set SO_REUSEADDR, as servers do. Raises OSError when none is found.
    """
    for _ in range(_TRIES):
        port = _random.randrange(LOWEST, HIGHEST)
        if _is_reserved_now(port):
            return port
    raise OSError(f"no free port between {LOWEST} and {HIGHEST} on 127.0.0.1")


def _is_reserved_now(port: int) -> bool:
    """Bound and never listened on: closed to another such call, open to a server that sets SO_REUSEADDR."""
    reservation = socket.socket()
    try:
        reservation.bind(("127.0.0.1", port))
    except OSError:
        reservation.close()
        return False
    # Only now: had it been set before, this port could have been another's.
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Left open to the end of the process.
    reservation.detach()
    return True


def listens(port: int) -> bool:
    """Something accepts connections on the loopback port."""
    with socket.socket() as probe:
        probe.settimeout(2.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
