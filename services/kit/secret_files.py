"""Secrets as files, the way Kubernetes and systemd hand them over."""

from pathlib import Path

PLACEHOLDERS = frozenset(
    {"changeme", "change-me", "change_me", "default", "example", "kafka", "password", "postgres", "secret"}
)
# What a template leaves behind when nobody filled it in: <password>, ${PASSWORD}, {{ password }}.
UNFILLED = ("<", "$", "{{")


def read_secret(path: Path) -> str:
    """The secret that the file holds now. Raises ValueError, which tells nothing of it."""
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"password_file cannot be read: {error.strerror}") from error
    if not secret or secret.lower() in PLACEHOLDERS or secret.startswith(UNFILLED):
        raise ValueError("password_file holds no password, or the placeholder of a template")
    return secret
