"""What lies on the scanner's share."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

# What open_slide can read, or refuse with a reason. Anything else on the share is not a scan.
SCAN_SUFFIXES = frozenset({".vsi", ".svs", ".ndpi", ".tif", ".tiff", ".scn", ".bif", ".svslide", ".vms", ".mrxs"})
_PIXEL_FOLDER = re.compile(r"_(.+)_")

log = structlog.get_logger()


class ShareUnreachable(OSError):
    """The share cannot be listed: it is away, or its permissions changed. Scans keep the state they have."""


@dataclass(frozen=True)
class FoundScan:
    """A scan by its path relative to the share, as it stands on disk at this moment.

    `name` is that path as text; bytes of a file name that are no UTF-8 are written as backslash escapes.
    """

    name: str
    path: Path


def find_scans(share: Path) -> list[FoundScan]:
    """Every scan on the share, complete or not, sorted by name. Raises ShareUnreachable.

    A folder `_name_` with stacks is a VS200 scan even while its `name.vsi` is not there yet. Links to folders are not
    followed, and a subfolder that cannot be listed keeps only its own scans from being seen.
    """
    try:
        entries = sorted(share.iterdir())
    except OSError as error:
        problem = f"the share {share} cannot be listed ({error.strerror}): mount it, or give access"
        raise ShareUnreachable(problem) from error
    paths = {path for entry in entries for path in _scans_at(entry)}
    return sorted((FoundScan(_name(path, share), path) for path in paths), key=lambda scan: scan.name)


def _scans_at(entry: Path) -> Iterator[Path]:
    if entry.name.startswith("."):
        return
    if entry.is_dir() and not entry.is_symlink():
        yield from _scans_in(entry)
    elif entry.suffix.lower() in SCAN_SUFFIXES:
        yield entry


def _scans_in(folder: Path) -> Iterator[Path]:
    pixels = _PIXEL_FOLDER.fullmatch(folder.name)
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        log.warning("folder not listed", folder=folder.name, reason=error.strerror)
        return
    if pixels and any(entry.name.startswith("stack") for entry in entries):
        yield folder.parent / f"{pixels[1]}.vsi"
        return
    for entry in entries:
        yield from _scans_at(entry)


def _name(path: Path, share: Path) -> str:
    return os.fsencode(path.relative_to(share).as_posix()).decode("utf-8", "backslashreplace")
