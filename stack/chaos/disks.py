"""A disk small enough to be filled: a file system in memory, which only root may mount."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NoSmallDisk(Exception):
    """None can be mounted by this user; the message says why."""


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Within, `folder` is a disk of its own. Raises NoSmallDisk."""
    folder.mkdir(parents=True, exist_ok=True)
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "frottis-chaos", str(folder)]
    mounted = _run(mounting)
    if mounted.returncode:
        raise NoSmallDisk(mounted.stderr.strip())
    try:
        yield folder
    finally:
        _run(["umount", "--lazy", str(folder)])


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a list of ours, no shell
