"""What lies on the scanner's share."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from services.ingestion.slides.formats import DICOM_SUFFIX, SCAN_SUFFIXES

_PIXEL_FOLDER = re.compile(r"_(.+)_", re.DOTALL)


class ShareUnreachable(OSError):
    """The share cannot be listed: it is away, or its permissions changed. Scans keep the state they have."""


@dataclass(frozen=True)
class FoundScan:
    """A scan by its path relative to the share, as it stands on disk at this moment.

    `name` is that path as text; bytes of a file name that are no UTF-8 are written as backslash escapes.
    """

    name: str
    path: Path


@dataclass(frozen=True)
class Listing:
    """Every scan that was found, sorted by name, and the folders that could not be listed, with why."""

    scans: tuple[FoundScan, ...]
    unlisted: dict[str, str]

    def hides(self, name: str) -> bool:
        """Whether a scan of this name may lie in a folder that could not be listed."""
        return any(name.startswith(f"{folder}/") for folder in self.unlisted)


def find_scans(share: Path) -> list[FoundScan]:
    """Every scan on the share, complete or not, sorted by name. Raises ShareUnreachable."""
    return list(list_share(share).scans)


def list_share(share: Path, progress: Callable[[], None] = lambda: None) -> Listing:
    """Everything on the share; `progress` is called for each folder. Raises ShareUnreachable.

    A folder `_name_` with stacks is a VS200 scan even while its `name.vsi` is not there yet, and its files are none of
    their own. Files of formats that are not read are found too, to be refused with a reason. A folder that bears the
    name of a scan counts as one, to be refused, and what lies in it counts too. Links to folders are not followed, and
    a subfolder that cannot be listed keeps only its own scans from being seen.
    """
    try:
        folders = [(share, _entries(share), False)]
    except OSError as error:
        raise ShareUnreachable(_cannot_be_listed(share, error)) from error
    paths: set[Path] = set()
    unlisted: dict[str, str] = {}
    while folders:
        progress()
        folder, entries, has_vsi = folders.pop()
        stem = _stem_of_pixels(folder.name, entries) if folder != share else None
        if stem is not None:
            paths |= set() if has_vsi else {folder.parent / f"{stem}.vsi"}
            continue
        paths |= set(_scans(entries))
        for below in _folders(entries):
            try:
                inside = _entries(Path(below.path))
            except OSError as error:
                unlisted[_name(Path(below.path), share)] = error.strerror or type(error).__name__
                continue
            folders.append((Path(below.path), inside, _has_vsi(below.name, entries)))
    scans = sorted((FoundScan(_name(path, share), path) for path in paths), key=lambda scan: scan.name)
    return Listing(tuple(scans), unlisted)


def share_problem(share: Path, *, may_be_empty: bool = False) -> str | None:
    """Why what is not found on the share may be there all the same; None when the share can be believed."""
    try:
        entries = _entries(share)
    except OSError as error:
        return _cannot_be_listed(share, error)
    return None if entries or may_be_empty else f"the share {share} is empty, as an unmounted one is: mount it"


def _cannot_be_listed(share: Path, error: OSError) -> str:
    return f"the share {share} cannot be listed ({error.strerror}): mount it, or give access"


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """A link is none. What cannot be asked counts as one: listing it tells why."""
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return True


def _folders(entries: Iterable[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    return (entry for entry in entries if not entry.name.startswith(".") and _is_folder(entry))


def _scans(entries: Iterable[os.DirEntry[str]]) -> Iterator[Path]:
    """What is read, or refused with a reason. The many .dcm of a folder are told by the first of them."""
    dicom: list[Path] = []
    for entry in filter(_is_scan, entries):
        path = Path(entry.path)
        if path.suffix.lower() != DICOM_SUFFIX:
            yield path
        elif not dicom:
            dicom.append(path)
            yield path


def _is_scan(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and Path(entry.name).suffix.lower() in SCAN_SUFFIXES


def _stem_of_pixels(folder: str, entries: Iterable[os.DirEntry[str]]) -> str | None:
    """The name of the scan whose pixel folder this is; None for any other folder."""
    match = _PIXEL_FOLDER.fullmatch(folder)
    return match[1] if match and any(entry.name.startswith("stack") for entry in entries) else None


def _has_vsi(folder: str, beside: Iterable[os.DirEntry[str]]) -> bool:
    """Whether a pixel folder's .vsi lies beside it, however its suffix is written."""
    match = _PIXEL_FOLDER.fullmatch(folder)
    return match is not None and any(
        entry.name[: -len(".vsi")] == match[1] and _is_scan(entry) and entry.name.lower().endswith(".vsi")
        for entry in beside
    )


def _name(path: Path, share: Path) -> str:
    return os.fsencode(path.relative_to(share).as_posix()).decode("utf-8", "backslashreplace")
