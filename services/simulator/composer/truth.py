"""What is known about a composed picture, and its form on disk: JSON lines, the picture itself first."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.simulator.errors import LibraryError


@dataclass(frozen=True)
class CellTruth:
    """One cell: its centre and the box of its outline in µm (the box may reach past the picture), the region it lies
    in, the cut-out it was made from, and the number of its clump, if any.
    """

    kind: str
    label: str
    x_um: float
    y_um: float
    w_um: float
    h_um: float
    region: str
    cell: str
    clump: int | None = None


@dataclass(frozen=True)
class RegionTruth:
    """A part of the picture as a polygon in µm: a `Region`, or a `DefectKind` with its strength."""

    name: str
    polygon: tuple[tuple[float, float], ...]
    strength: float | None = None


@dataclass(frozen=True)
class ClumpTruth:
    """A clump of `platelets` platelets: centre and box in µm."""

    number: int
    platelets: int
    x_um: float
    y_um: float
    w_um: float
    h_um: float
    region: str


@dataclass(frozen=True)
class Truth:
    """Everything known about one picture."""

    width_um: float
    height_um: float
    um_per_px: float
    seed: int
    cells: tuple[CellTruth, ...]
    regions: tuple[RegionTruth, ...]
    clumps: tuple[ClumpTruth, ...]

    def count(self, kind: str, region: str | None = None) -> Counter[str]:
        """Cells of a kind by label, in one region or all."""
        return Counter(cell.label for cell in self.cells if cell.kind == kind and region in (None, cell.region))

    def write(self, path: Path) -> None:
        """Store as JSON lines."""
        path.write_text("".join(json.dumps(line) + "\n" for line in self._lines()), encoding="utf-8")

    def _lines(self) -> Iterator[dict[str, Any]]:
        sizes = {name: getattr(self, name) for name in ("width_um", "height_um", "um_per_px", "seed")}
        yield {"type": "picture", **sizes}
        for name, parts in (("region", self.regions), ("clump", self.clumps), ("cell", self.cells)):
            for part in parts:
                yield {"type": name, **vars(part)}

    @classmethod
    def read(cls, path: Path) -> "Truth":
        """Read what `write` stored.

        Raises:
            LibraryError: the file is not such a record.
        """
        parts: dict[str, list[dict[str, Any]]] = {"picture": [], "region": [], "clump": [], "cell": []}
        try:
            for line in path.read_text("utf-8").splitlines():
                fields = json.loads(line)
                parts[fields.pop("type")].append(fields)
            (picture,) = parts["picture"]
            regions = tuple(_region(fields) for fields in parts["region"])
            clumps = tuple(ClumpTruth(**fields) for fields in parts["clump"])
            return cls(
                cells=tuple(CellTruth(**fields) for fields in parts["cell"]), regions=regions, clumps=clumps, **picture
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LibraryError(
                f"{path.name}: not a record of a composed picture ({error}); compose it again"
            ) from error


def _region(fields: dict[str, Any]) -> RegionTruth:
    polygon = tuple((float(x), float(y)) for x, y in fields["polygon"])
    return RegionTruth(fields["name"], polygon, fields["strength"])
