"""A slide scanner as the share sees it: files that appear one by one and grow, and the ways in which this goes wrong.

A delivery is a generator: each turn writes one chunk and tells how far it is, so that a test moves it by hand and
looks at the share in between, while `paced` moves it at a scanner's speed.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from services.simulator.errors import ScannerError


class Order(StrEnum):
    """Which of a slide's files come first."""

    VSI_FIRST = "vsi_first"
    VSI_LAST = "vsi_last"


@dataclass(frozen=True)
class Manner:
    """How a scanner delivers.

    `stop_after` (0–1) ends the delivery at that share of the bytes and leaves what is there. `preallocate` gives every
    file its whole size, as zeros, before the first byte, as some copying programs do. `rename_at_end` copies under
    `<name>.part` names and renames when all is there. `chunk` is in bytes.
    """

    order: Order = Order.VSI_FIRST
    chunk: int = 1 << 20
    stop_after: float = 1.0
    preallocate: bool = False
    rename_at_end: bool = False

    def __post_init__(self) -> None:
        if self.chunk <= 0 or not 0 <= self.stop_after <= 1:
            raise ScannerError("a manner of delivery has a chunk of at least 1 byte and stops between 0 and 1")


@dataclass(frozen=True)
class Progress:
    """How far a delivery is: bytes on the share, bytes in all, and the file being written."""

    written: int
    total: int
    file: Path

    @property
    def share(self) -> float:
        return self.written / self.total if self.total else 1.0


AS_A_SCANNER = Manner()


def deliver(slide: Path, share: Path, manner: Manner = AS_A_SCANNER, name: str | None = None) -> Iterator[Progress]:
    """Copy the slide of a finished `.vsi` onto `share`, a chunk at each turn; `name` replaces the slide's own there.

    Raises:
        ScannerError: there is no such slide, or the share already holds one of that name.
        OSError: the share cannot be written.
    """
    stem = name or slide.stem
    files = _files(slide, stem, manner.order)
    taken = [to for _, to in files if (share / to).exists()]
    if taken:
        raise ScannerError(f"{taken[0]} is already on the share; deliver under another name")
    suffix = ".part" if manner.rename_at_end else ""
    jobs = [(source, share / f"{to}{suffix}") for source, to in files]
    yield from _copy(jobs, manner)
    if manner.rename_at_end and manner.stop_after == 1.0:
        for _, path in jobs:
            path.rename(path.with_name(path.name.removesuffix(suffix)))


def deliver_twice(slide: Path, share: Path, manner: Manner = AS_A_SCANNER) -> Iterator[Progress]:
    """The same scan under two names, one copy after the other, as when an operator exports it again."""
    yield from deliver(slide, share, manner)
    yield from deliver(slide, share, manner, name=f"{slide.stem}_copy")


def paced(
    delivery: Iterator[Progress],
    bytes_per_second: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[Progress]:
    """A delivery that keeps to a speed; each turn waits until its bytes are due."""
    if bytes_per_second <= 0:
        raise ScannerError("a scanner writes at least some bytes each second")
    started = monotonic()
    before = done = 0
    for progress in delivery:
        done += progress.written - before if progress.written >= before else progress.written
        before = progress.written
        ahead = started + done / bytes_per_second - monotonic()
        if ahead > 0:
            sleep(ahead)
        yield progress


def scan(slide: Path, share: Path, manner: Manner = AS_A_SCANNER, bytes_per_second: float = 60e6) -> Path:
    """Deliver a slide at a scanner's speed; returns the path of the .vsi on the share."""
    for _ in paced(deliver(slide, share, manner), bytes_per_second):
        pass
    return share / slide.name


def remove(vsi: Path) -> None:
    """Take a slide off the share, pixel folder and all; nothing happens where it is not there."""
    vsi.unlink(missing_ok=True)
    shutil.rmtree(vsi.with_name(f"_{vsi.stem}_"), ignore_errors=True)


def _files(slide: Path, stem: str, order: Order) -> list[tuple[Path, Path]]:
    pixels = slide.with_name(f"_{slide.stem}_")
    if not slide.is_file() or not pixels.is_dir():
        raise ScannerError(f"{slide.name}: no finished slide there; its .vsi and the folder {pixels.name} are needed")
    stacks = sorted(path for path in pixels.rglob("*") if path.is_file())
    files = [(path, Path(f"_{stem}_") / path.relative_to(pixels)) for path in stacks]
    head = [(slide, Path(f"{stem}{slide.suffix}"))]
    return head + files if order is Order.VSI_FIRST else files + head


def _copy(jobs: list[tuple[Path, Path]], manner: Manner) -> Iterator[Progress]:
    total = sum(source.stat().st_size for source, _ in jobs)
    limit = round(total * manner.stop_after)
    if manner.preallocate:
        for source, to in jobs:
            to.parent.mkdir(parents=True, exist_ok=True)
            to.touch()
            os.truncate(to, source.stat().st_size)
    written = 0
    for source, to in jobs:
        if written >= limit:
            return
        to.parent.mkdir(parents=True, exist_ok=True)
        for size in _grow(source, to, manner, limit - written):
            written += size
            yield Progress(written, total, to)


def _grow(source: Path, to: Path, manner: Manner, most: int) -> Iterator[int]:
    """Write a file chunk by chunk, at most `most` bytes of it; each chunk is on the share before its turn ends."""
    with source.open("rb") as reader, to.open("r+b" if manner.preallocate else "wb") as writer:
        while most > 0 and (chunk := reader.read(min(manner.chunk, most))):
            writer.write(chunk)
            writer.flush()
            most -= len(chunk)
            yield len(chunk)
