"""HOST:PORT as people write it."""

from services.embedded.assembly import Address
from services.kit.errors import SettingsError


def parse_address(text: str, option: str) -> Address:
    """The address in `text`, such as `127.0.0.1:2575` or `[::1]:2575`. Raises SettingsError naming `option`."""
    host, separator, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (separator and host and port.isascii() and port.isdigit() and int(port) < 2**16):
        raise SettingsError(f"{option} {text!r} is no address: give HOST:PORT, such as 127.0.0.1:2575")
    return Address(host, int(port))
