"""What lies on the scanner's share."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# What open_slide can read, or refuse with a reason. Anything else on the share is not a scan.
SCAN_SUFFIXES = frozenset({".vsi", ".svs", ".ndpi", ".tif", ".tiff", ".scn", ".bif", ".svslide", ".vms", ".mrxs"})
_PIXEL_FOLDER = re.compile(r"_(.+)_")


class ShareUnreachable(OSError):
    """The share cannot be listed: it is away, or its permissions changed. Scans keep the state they have."""


@dataclass(frozen=True)
class FoundScan:
    """A scan by its path relative to the share, as it stands on disk at this moment."""

    name: str
    path: Path


def find_scans(share: Path) -> list[FoundScan]:
    """Every scan on the share, complete or not, sorted by name. Raises ShareUnreachable.

    A folder `_name_` with stacks is a VS200 scan even while its `name.vsi` is not there yet.
    """
    try:
        names = sorted(set(_scans_below(share)))
    except OSError as error:
        raise ShareUnreachable(
            f"the share {share} cannot be listed ({error.strerror}): mount it, or give access"
        ) from error
    return [FoundScan(path.relative_to(share).as_posix(), path) for path in names]


def _scans_below(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        pixels = _PIXEL_FOLDER.fullmatch(entry.name)
        if entry.is_dir() and pixels:
            if any(entry.glob("stack*")):
                yield folder / f"{pixels[1]}.vsi"
        elif entry.is_dir():
            yield from _scans_below(entry)
        elif entry.suffix.lower() in SCAN_SUFFIXES:
            yield entry
