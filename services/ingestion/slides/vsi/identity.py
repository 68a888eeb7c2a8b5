"""What makes one scan known again under another name, and tells it from every other."""

import hashlib

from services.ingestion.slides.positioned import PositionedFile

_WHOLE = 64 << 20
_SAMPLES = 64
_SAMPLE = 4096


def identity(vsi: PositionedFile, pixels: PositionedFile, table: tuple[bytes, ...]) -> str:
    """SHA-256 in hex, over the .vsi (its first 64 MiB), the tile table of the main scan, and samples of its pixels.

    `table` holds the table's arrays. Equal for copies of a scan, whatever their names and times. Two scans differ in
    it, for no two have tiles of the same lengths throughout. It is no checksum: a byte changed between the samples (64
    of 4 KiB, evenly spaced, first and last included) is not seen: hashing gigabytes over a network share would take
    minutes of the time a report has.
    """
    digest = hashlib.sha256(b"frottis vsi identity 1\0")
    for file in (vsi, pixels):
        digest.update(file.size.to_bytes(8, "little"))
    digest.update(vsi.read(0, min(vsi.size, _WHOLE)))
    for part in table:
        digest.update(part)
    last = max(pixels.size - _SAMPLE, 0)
    for number in range(_SAMPLES):
        offset = last * number // (_SAMPLES - 1)
        digest.update(pixels.read(offset, min(_SAMPLE, pixels.size - offset)))
    return digest.hexdigest()
