"""What may go without TLS: a server on the same machine."""

from ipaddress import ip_address


def on_this_machine(host: str) -> bool:
    """The host, a name or an address, is this machine's own loopback."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
