"""Hundreds of damaged scans on a share, each its own specimen, made from a seed. How, say `damaged_bytes` and
`damaged_files`.

`lay_out` puts them there and gives what each should come to be called on the worklist.
"""

import os
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from services.simulator.composer import FieldRecipe, compose_field
from services.simulator.vsi import Stack, StackKind, write_slide

# Where an .ets says at which offset its table of tiles begins.
TABLE_AT = 32


@dataclass
class Scan:
    """A sound scan on the share, to be damaged. `name` is what the worklist calls it, once it is damaged."""

    share: Path
    stem: str
    specimen: str
    dice: np.random.Generator
    name: str = ""

    def __post_init__(self) -> None:
        self.name = f"{self.stem}.vsi"

    @property
    def vsi(self) -> Path:
        return self.share / f"{self.stem}.vsi"

    @property
    def folder(self) -> Path:
        return self.share / f"_{self.stem}_"

    @property
    def ets(self) -> Path:
        return self.folder / "stack10001" / "frame_t.ets"

    @property
    def table(self) -> int:
        return struct.unpack_from("<Q", self.ets.read_bytes(), TABLE_AT)[0]

    def rename(self, stem: str | bytes) -> None:
        text = os.fsdecode(stem)
        self.folder.rename(self.share / f"_{text}_")
        self.vsi.rename(self.share / f"{text}.vsi")
        self.name = os.fsencode(f"{text}.vsi").decode("utf-8", "backslashreplace")


Damage = Callable[[Scan], None]


@dataclass(frozen=True)
class Kind:
    """A way to be damaged, and how many scans get it. Some need a picture of cells, whose fields are read."""

    damage: Damage
    count: int = 1
    cells: bool = False


@dataclass
class Bench:
    """Pictures and a second slide that damaged scans are made from."""

    seed: int
    glass: np.ndarray = field(init=False)
    cells: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        recipe = FieldRecipe(width_px=1700, height_px=1100, seed=self.seed, platelets=3)
        self.cells = compose_field(recipe).image
        self.glass = np.ascontiguousarray(self.cells[:260, :380])

    def scan(self, share: Path, number: int, kind: Kind) -> Scan:
        stem = f"{number:03}-{kind.damage.__name__.strip('_')}"
        # A flipped bit turns no specimen number into another one's.
        specimen = f"D{zlib.crc32(stem.encode()):08X}"
        label = Stack(1, "Label", StackKind.LABEL, self.glass[:96, :128], um_per_px=20, magnification=None, tile=128)
        main = Stack(10001, "40x_BF", StackKind.MAIN, self.cells if kind.cells else self.glass, tile=256)
        write_slide(share, stem, [label, main], barcode=specimen, threads=1)
        return Scan(share, stem, specimen, np.random.default_rng((self.seed, number)))


def lay_out(share: Path, seed: int, kinds: Sequence[Kind]) -> list[Scan]:
    """Every damaged scan, on the share."""
    bench = Bench(seed)
    kinds = [kind for kind in kinds for _ in range(kind.count)]
    scans = []
    for number, kind in enumerate(kinds):
        scans.append(bench.scan(share, number, kind))
        kind.damage(scans[-1])
    return scans
