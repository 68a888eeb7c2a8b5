"""A server that cannot be had on this machine."""


class ServerMissing(Exception):
    """The server, or what it needs, is not installed and cannot be fetched; the message says which and what to do."""
