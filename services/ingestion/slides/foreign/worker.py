"""The child process: opens one slide, then answers requests for regions until its input ends.

A request is a line of JSON; the answer a line of JSON, and after it the pixels where it says how many bytes.
"""

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import openslide

from services.ingestion.slides.errors import SlideDamaged, SlideError, SlideUnsupported
from services.ingestion.slides.foreign.aperio_reader import AperioReader
from services.ingestion.slides.foreign.facts import SlideFacts
from services.ingestion.slides.foreign.openslide_reader import OpenSlideReader
from services.ingestion.slides.foreign.vips_reader import VipsReader
from services.ingestion.slides.formats import EXPORT
from services.ingestion.slides.positioned import PositionedFile
from services.ingestion.slides.slide import Pixels, Region
from services.ingestion.slides.tiff import IMAGE_DESCRIPTION, check_tiff_complete, open_tiff

_MEMORY_LIMIT = 4 << 30


class Reader(Protocol):
    """A slide open in a library."""

    @property
    def facts(self) -> SlideFacts: ...

    def read(self, region: Region) -> Pixels: ...


def main() -> None:
    """Serve standard input. What libraries print goes to standard error."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT, _MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    reader: Reader | None = None
    name = ""
    for line in sys.stdin.buffer:
        request = json.loads(line)
        try:
            if reader is None:
                name = Path(request["path"]).name
                reader = open_reader(Path(request["path"]), request["scene"], request["um_per_px"])
                _answer(answers, {"facts": reader.facts.as_json()})
            else:
                _answer(answers, {}, reader.read(Region(*request["region"])))
        except SlideError as error:
            _answer(answers, {"error": [type(error).__name__, *error.args]})
        except MemoryError:
            problem = f"needs more than {_MEMORY_LIMIT >> 30} GiB of memory"
            advice = "Export it again in tiles of 1024 px at most."
            _answer(answers, {"error": [SlideDamaged.__name__, name, problem, advice]})


def open_reader(path: Path, scene: str | None, um_per_px: float | None) -> Reader:
    """The library's reader for a file. Raises SlideError."""
    with PositionedFile(path, path.name) as file:
        tiff = open_tiff(file)
        check_tiff_complete(file)
        text = _description(file)
    if "<OME" in text:
        return VipsReader(path, text, scene, um_per_px)
    vendor = openslide.OpenSlide.detect_format(path)
    if vendor == "aperio":
        return AperioReader(path, um_per_px)
    if vendor not in (None, "generic-tiff"):
        return OpenSlideReader(path, um_per_px)
    if tiff is not None:
        return VipsReader(path, text, scene, um_per_px)
    raise SlideUnsupported(path.name, "is no slide in any format that is read", EXPORT)


def _description(file: PositionedFile) -> str:
    tiff = open_tiff(file)
    first = next(tiff.directories(), {}) if tiff is not None else {}
    if tiff is None or IMAGE_DESCRIPTION not in first:
        return ""
    entry = first[IMAGE_DESCRIPTION]
    return file.read(entry.offset, min(entry.count, 16 << 20)).decode("utf-8", "replace").split("\0")[0]


def _answer(answers: BinaryIO, values: dict[str, Any], pixels: Pixels | None = None) -> None:
    data = b"" if pixels is None else pixels.tobytes()
    answers.write(json.dumps({**values, "bytes": len(data)}).encode() + b"\n" + data)
    answers.flush()


if __name__ == "__main__":
    main()
