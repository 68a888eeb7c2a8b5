"""Which files a scan consists of, and whether they are all there: what admission looks at, at every poll."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from services.ingestion.slides.errors import (
    SlideDamaged,
    SlideError,
    SlideIncomplete,
    SlideUnreachable,
    SlideUnsupported,
)
from services.ingestion.slides.formats import TIFF_SUFFIXES
from services.ingestion.slides.positioned import PositionedFile
from services.ingestion.slides.tiff import check_tiff_complete
from services.ingestion.slides.vsi.container import read_container
from services.ingestion.slides.vsi.declaration import SlideDeclaration, StackDeclaration
from services.ingestion.slides.vsi.documents import (
    open_pixels,
    open_vsi,
    pixel_folder,
    read_barcodes,
    read_declaration,
)

# More files than any scan has: a folder beyond this is not walked to its end.
_MAX_FILES = 10_000
# A pixel file lies two folders deep.
_MAX_DEPTH = 4
_PROBES, _PROBE = 64, 16


@dataclass(frozen=True, slots=True)
class ScanFile:
    """One file: its path relative to the folder that the scan lies in, size in bytes, time of change in ns."""

    name: str
    size: int
    changed_ns: int


@dataclass(frozen=True)
class FileSet:
    """A scan's files as they stand on disk at one moment. Two are equal while nothing moves."""

    path: Path
    files: tuple[ScanFile, ...]

    @cached_property
    def fingerprint(self) -> str:
        """Changes with the name, size or time of any file."""
        return hashlib.sha256(repr(self.files).encode()).hexdigest()

    @cached_property
    def missing(self) -> str:
        """What is not there yet, by the scan's own tables; empty where all is there.

        Reads the files' headers and tables, so ask for it only of scans that wait. A scan that is damaged misses
        nothing: `open_slide` says what is wrong with it. Raises SlideUnreachable.
        """
        try:
            _check_complete(self.path)
        except SlideIncomplete as error:
            return str(error)
        except (SlideDamaged, SlideUnsupported):
            return ""
        return ""

    def changed(self, later: "FileSet") -> str:
        """Which of these files is not in `later` as it is here; empty where all are. Further files do not matter."""
        there = set(later.files)
        return next((file.name for file in self.files if file not in there), "")

    @property
    def complete(self) -> bool:
        """Whether every declared file is there in its whole length. Says nothing of whether the scan is sound."""
        return not self.missing


def file_set(path: Path) -> FileSet:
    """The files of the scan at `path`, which need not be there yet. Costs a listing; pixels are not read.

    For a .vsi these are the file itself and everything in `_<name>_`: each declared stack, label and overview included.

    Raises:
        SlideUnreachable: a folder cannot be listed.
    """
    try:
        found = [_scan_file(path.parent, file) for file in islice(_paths(path), _MAX_FILES)]
    except OSError as error:
        raise SlideUnreachable.of(path.name, "its files cannot be listed", error) from error
    return FileSet(path, tuple(sorted((file for file in found if file is not None), key=lambda file: file.name)))


def read_barcode(path: Path) -> str | None:
    """The barcode that a .vsi carries, also one that is cut short or damaged behind it; None for anything else.

    For naming a scan that cannot be opened: it raises no SlideError, and two barcodes on one slide are none.
    """
    if path.suffix.lower() != ".vsi":
        return None
    try:
        with open_vsi(path) as file:
            found = read_barcodes(file)
    except SlideError:
        return None
    return found.pop() if len(found) == 1 else None


def _paths(path: Path) -> Iterator[Path]:
    yield path
    waiting = [(pixel_folder(path) if path.suffix.lower() == ".vsi" else path.with_suffix(""), 1)]
    while waiting:
        folder, depth = waiting.pop()
        for entry in _entries(folder):
            if not entry.is_dir(follow_symlinks=False):
                yield Path(entry.path)
            elif depth < _MAX_DEPTH:
                waiting.append((Path(entry.path), depth + 1))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(islice(entries, _MAX_FILES))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _scan_file(folder: Path, file: Path) -> ScanFile | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return ScanFile(file.relative_to(folder).as_posix(), status.st_size, status.st_mtime_ns)


def _check_complete(path: Path) -> None:
    if path.suffix.lower() == ".vsi":
        with open_vsi(path) as file:
            declaration = read_declaration(file)
        _check_stacks(path, declaration)
    elif path.suffix.lower() in TIFF_SUFFIXES:
        with PositionedFile(path, path.name) as file:
            check_tiff_complete(file)


def _check_stacks(path: Path, declaration: SlideDeclaration) -> None:
    for stack in declaration.pixel_stacks:
        try:
            _check_stack(path, stack)
        except (SlideDamaged, SlideUnsupported):
            # What is damaged is not missing; the other stacks may still be on their way.
            continue
        except SlideIncomplete as error:
            strangers = _strangers(path, declaration)
            raise SlideIncomplete(error.file, f"{error.problem}{strangers}") from error


def _strangers(path: Path, declaration: SlideDeclaration) -> str:
    """Stacks in the folder that the .vsi does not name: the pixels of another slide may lie there."""
    named = {stack.folder for stack in declaration.stacks}
    others = sorted(e.name for e in _entries(pixel_folder(path)) if e.name.startswith("stack") and e.name not in named)
    return f" (there are pixels of {', '.join(others[:4])}, of which this .vsi knows nothing)" if others else ""


def _check_stack(path: Path, stack: StackDeclaration) -> None:
    """The tiles at the end and at places in between must not be zeros: copying may reserve the whole length first."""
    with open_pixels(path, stack) as file:
        container = read_container(file)
        ends = np.unique(np.concatenate([container.offsets, container.offsets + container.lengths - _PROBE]))
        for offset in ends[np.unique(np.linspace(0, len(ends) - 1, _PROBES).astype(np.int64))].tolist():
            if not any(file.read(offset, _PROBE)):
                raise SlideIncomplete(file.name, f"the tile at offset {offset} is zeros: it has not been written yet")
