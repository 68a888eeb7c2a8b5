"""The committed split manifests: which picture, by its content, belongs to which part, and of which data it was made.

One text file for each source: two comment lines, then ``<first 12 digits of SHA-256> <part> [<group>]`` sorted by hash;
a picture without near-duplicates is a group of its own.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.training.errors import DataSetError
from services.training.repeats import repeats
from services.training.sources import DETECTION_SOURCES, detection_fields, image_paths, read_image
from services.training.splits import Part, near_duplicate_groups, part_of, sketch

MANIFESTS = Path(__file__).parent / "manifests"
_DIGITS = 12
_LABEL_FILES = ("labels.csv", "labels.json", "points.csv", "attributes.csv")


@dataclass(frozen=True)
class Manifest:
    """The division of one source."""

    source: str
    content_sha256: str
    parts: dict[str, tuple[str, Part]]
    """Content hash of a picture (12 digits) → its group and part."""

    def part(self, path: Path) -> Part:
        """The part of a picture; DataSetError where the manifest does not know it."""
        key = content_hash(path)
        if key not in self.parts:
            raise DataSetError(
                f"{self.source}: {path.name} is not in the split manifest; the data set has changed since. "
                "Use the data of the manifest, or make a new one with `python -m services.training split`"
            )
        return self.parts[key][1]

    def select(self, paths: Iterable[Path], part: Part) -> list[Path]:
        """The pictures that belong to a part, in the order given."""
        return [path for path in paths if self.part(path) is part]


def content_hash(path: Path) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:_DIGITS]


def source_sha256(data: Path, source: str) -> str:
    """The content hash of a whole set: of the sorted hashes of its pictures, then of its label files."""
    total = hashlib.sha256("".join(sorted(map(content_hash, image_paths(data, source)))).encode())
    for name in _LABEL_FILES:
        file = data / source / name
        if file.exists():
            total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def make(data: Path, source: str) -> Manifest:
    """Divides a set anew, by the look and content of its pictures and, where its cells have boxes, of those."""
    hashes = {path: content_hash(path) for path in image_paths(data, source)}
    order = sorted(hashes, key=hashes.__getitem__)
    again = _repeats(data, source, order) if source in DETECTION_SOURCES else ()
    groups = near_duplicate_groups([sketch(read_image(path)) for path in order], again)
    parts = {}
    for path, first in zip(order, groups, strict=True):
        group = hashes[order[first]]
        parts[hashes[path]] = (group, part_of(group))
    return Manifest(source, source_sha256(data, source), parts)


def write(manifest: Manifest, folder: Path = MANIFESTS) -> Path:
    """Stores a manifest as text."""
    lines = [f"# {manifest.source}", f"# sha256 {manifest.content_sha256}"]
    lines += [_line(key, *entry) for key, entry in sorted(manifest.parts.items())]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{manifest.source}.txt"
    path.write_text("\n".join(lines) + "\n", "ascii")
    return path


def load(source: str, folder: Path = MANIFESTS) -> Manifest:
    """The committed division of a set."""
    path = folder / f"{source}.txt"
    if not path.exists():
        raise DataSetError(f"{source}: no split manifest; make one with `python -m services.training split`")
    head, digest, *lines = path.read_text("ascii").splitlines()
    if head != f"# {source}" or not digest.startswith("# sha256 "):
        raise DataSetError(f"{path.name}: not a split manifest (wrong heading); restore the committed file")
    return Manifest(source, digest.split()[-1], dict(map(_entry, lines)))


def verified(data: Path, source: str) -> Manifest:
    """The committed division, after making sure that the data are those it was made of."""
    manifest = load(source)
    if source_sha256(data, source) != manifest.content_sha256:
        raise DataSetError(f"{source}: pictures or labels are not those of the split manifest; use that data set")
    return manifest


def _repeats(data: Path, source: str, order: Sequence[Path]) -> list[tuple[int, int]]:
    """The places, in an order of pictures, of those that show the same cells."""
    fields = detection_fields(data, source)
    return [(order.index(fields[a].path), order.index(fields[b].path)) for a, b in repeats(fields)]


def _line(key: str, group: str, part: Part) -> str:
    return f"{key} {part}" if group == key else f"{key} {part} {group}"


def _entry(line: str) -> tuple[str, tuple[str, Part]]:
    key, part, *group = line.split()
    return key, (group[0] if group else key, Part(part))
