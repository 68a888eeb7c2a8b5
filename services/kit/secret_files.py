"""Secrets as files, the way Kubernetes and systemd hand them over."""

from pathlib import Path

PLACEHOLDERS = frozenset(
    {
        "changeme",
        "change-me",
        "change_me",
        "default",
        "example",
        "kafka",
        "minioadmin",
        "password",
        "postgres",
        "secret",
    }
)
# What a template leaves behind when nobody filled it in: <password>, ${PASSWORD}, {{ password }}.
UNFILLED = ("<", "$", "{{")


def read_secret(path: Path, setting: str = "password_file") -> str:
    """The secret that the file of this setting holds now. Raises ValueError, which tells nothing of it."""
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"{setting} cannot be read: {error.strerror}") from error
    if not secret or is_placeholder(secret):
        raise ValueError(f"{setting} holds no secret, or the placeholder of a template")
    return secret


def is_placeholder(secret: str) -> bool:
    """Whether this is what stands in a template until somebody fills it in."""
    return secret.lower() in PLACEHOLDERS or secret.startswith(UNFILLED)
