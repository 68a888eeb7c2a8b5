"""A slide of another format, read through its child process."""

import hashlib
from dataclasses import astuple
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from services.ingestion.slides.foreign.child import Child
from services.ingestion.slides.foreign.facts import SlideFacts
from services.ingestion.slides.positioned import PositionedFile
from services.ingestion.slides.regions import checked_region
from services.ingestion.slides.slide import Level, Pixels, Region

_SAMPLES, _SAMPLE = 64, 65_536


class ForeignSlide:
    """The main scan of a file that OpenSlide or libvips reads. Satisfies `Slide`; regions are read one at a time.

    Raises:
        SlideIncomplete, SlideDamaged, SlideUnsupported, SlideUnreachable: see `errors`.
    """

    planes = 1
    plane = 0
    missing_tiles = 0
    suspect_tiles = 0

    def __init__(self, path: Path, *, scene: str | None = None, um_per_px: float | None = None) -> None:
        self.path = path
        PositionedFile(path, path.name).close()
        self._child = Child(path.name)
        request = {"path": str(path.absolute()), "scene": scene, "um_per_px": um_per_px}
        try:
            answer, _ = self._child.ask(request)
        except BaseException:
            self._child.close()
            raise
        self._describe(SlideFacts.from_json(answer["facts"]))

    def _describe(self, facts: SlideFacts) -> None:
        self.format: str = facts.format
        self.levels: tuple[Level, ...] = tuple(Level(*level) for level in facts.levels)
        self.width, self.height = self.levels[0].width, self.levels[0].height
        self.um_per_px: float = facts.um_per_px
        self.barcode: str | None = facts.barcode
        self.scanned_at: datetime | None = datetime.fromisoformat(facts.scanned_at) if facts.scanned_at else None
        self.objective: str | None = facts.objective
        self.magnification: float | None = facts.magnification
        self.background: tuple[int, int, int] = facts.background

    @cached_property
    def identity(self) -> str:
        """SHA-256 in hex over the file's length and 64 evenly spaced samples of 64 KiB, first and last included.

        Of a slide in several files (such as .mrxs) only the file that names it is covered.
        """
        digest = hashlib.sha256(b"frottis file identity 1\0")
        with PositionedFile(self.path, self.path.name) as file:
            digest.update(file.size.to_bytes(8, "little"))
            last = max(file.size - _SAMPLE, 0)
            for number in range(_SAMPLES):
                offset = last * number // (_SAMPLES - 1)
                digest.update(file.read(offset, min(_SAMPLE, file.size - offset)))
        return digest.hexdigest()

    def lost_tiles(self, level: int = 0) -> tuple[Region, ...]:  # noqa: ARG002 - these formats tell of no absent tiles
        return ()

    def read_region(self, x: int, y: int, width: int, height: int, level: int = 0) -> Pixels:
        """The pixels from (x, y) of a level, (height, width, 3) uint8 RGB; see `Slide.read_region`."""
        region = checked_region(self.path.name, self.levels, x, y, width, height, level)
        _, data = self._child.ask({"region": astuple(region)})
        return np.frombuffer(bytearray(data), np.uint8).reshape(region.height, region.width, 3)

    def close(self) -> None:
        self._child.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
