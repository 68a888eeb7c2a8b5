"""What a .vsi declares about its stacks, read from the tag tree."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from services.ingestion.slides.errors import UNCALIBRATED, SlideDamaged, SlideUnsupported
from services.ingestion.slides.vsi.tagtree import Field

MAIN, EFI = 0, 64
_KIND_NAMES = {0: "main", 1: "overview", 2: "mask", 4: "focus map", 64: "EFI", 256: "label", 1024: "focus points"}
_UNIT = re.compile(r"10\^(-?\d{1,2})m\^1")
# From the sharpest scanners to a label camera: beyond this, the field does not hold a pixel size.
_PLAUSIBLE_UM = (0.02, 200.0)
# 75 mm of glass at the finest pixel, rounded up.
MAX_SIDE = 4_000_000
_MAX_UNIX_TIME = 1 << 33


@dataclass(frozen=True, slots=True)
class StackDeclaration:
    """One stack (field 2001) as the .vsi declares it. Its second tag is also the number of its folder."""

    name: str
    stack_id: int
    title: str
    kind: int | None
    external: bool
    fields: Field

    @property
    def folder(self) -> str:
        """The folder of its pixel file, inside the slide's own."""
        return f"stack{self.stack_id}"

    @property
    def kind_name(self) -> str:
        return "untyped" if self.kind is None else _KIND_NAMES.get(self.kind, f"type {self.kind}")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels (field 2053). Raises SlideDamaged."""
        rectangle = _integers(self._frame().find(2053))
        if len(rectangle) != 4 or rectangle[:2] != (0, 0) or not all(0 < side <= MAX_SIDE for side in rectangle[2:]):
            raise self._damaged(f"the picture's rectangle (field 2053) is {rectangle}")
        return rectangle[2], rectangle[3]

    @property
    def origin(self) -> tuple[int, int] | None:
        """The tile origin (field 2410), where it is declared."""
        values = _integers(self._frame().find(2410))
        return (values[0], values[1]) if len(values) >= 2 else None

    @property
    def tile(self) -> tuple[int, int] | None:
        """Tile width and height (field 20004), where they are declared as a pair."""
        values = _integers(self._frame().find(20004))
        return (values[0], values[1]) if len(values) == 2 else None

    @property
    def um_per_px(self) -> float:
        """Micrometres per pixel (fields 2019 and 2020). Raises SlideUnsupported where size or unit is not known."""
        size = self._stated_um_per_px()
        if size is None:
            problem = f"{self.folder} does not say how large a pixel is (fields 2019 and 2020)"
            raise SlideUnsupported(self.name, problem, UNCALIBRATED)
        return size

    def um_per_px_or(self, fallback: float) -> float:
        """The pixel size, or `fallback` where the stack states none."""
        size = self._stated_um_per_px()
        return fallback if size is None else size

    def _stated_um_per_px(self) -> float | None:
        sizes, unit = self._property(2019), self._property(2020)
        match = _UNIT.fullmatch(unit.text or "") if unit is not None else None
        if sizes is None or match is None or len(sizes.numbers) != 2:
            return None
        across, down = (size * 10.0 ** (int(match[1]) + 6) for size in sizes.numbers)
        low, high = _PLAUSIBLE_UM
        # A comparison that NaN fails.
        if not (low <= across <= high and abs(across - down) <= 0.01 * across):
            raise self._damaged(f"the pixel size (field 2019) of {across:g} x {down:g} µm is not plausible")
        return across

    @property
    def scanned_at(self) -> datetime | None:
        """When the stack was made (field 2015), in UTC. Raises SlideDamaged where that is no time."""
        values = _integers(self._property(2015))
        if not values or values == (0,):
            return None
        if not 0 < values[0] < _MAX_UNIX_TIME:
            raise self._damaged(f"the time of the scan (field 2015) is {values[0]}")
        return datetime.fromtimestamp(values[0], UTC)

    @property
    def axes(self) -> tuple[int | None, ...]:
        """The axis code (field 2023) of each dimension beyond x and y, in the order of the tile coordinates."""
        codes = (_integers(dimension.find(2008, 2023)) for dimension in self.fields.all(2007))
        return tuple(code[0] if code else None for code in codes)

    @property
    def barcodes(self) -> tuple[str, ...]:
        return _texts(self.fields, 120635)

    @property
    def objective(self) -> str | None:
        return next(iter(_texts(self.fields, 120063)), None)

    @property
    def magnification(self) -> float | None:
        found = next((field.numbers for field in self.fields.walk() if field.tag == 120060), ())
        return float(found[0]) if found and 0 < found[0] < 1000 else None

    def _frame(self) -> Field:
        frames = [frame for frame in (field.find(2018) for field in self.fields.all(2002)) if frame is not None]
        if len(frames) != 1:
            raise self._damaged(f"{len(frames)} frames with pixels (field 2018), one was expected")
        return frames[0]

    def _property(self, tag: int) -> Field | None:
        return self.fields.find(2005, tag)

    def _damaged(self, problem: str) -> SlideDamaged:
        return SlideDamaged(self.name, f"{self.folder}: {problem}")


@dataclass(frozen=True, slots=True)
class SlideDeclaration:
    """Everything a .vsi declares."""

    name: str
    stacks: tuple[StackDeclaration, ...]

    @property
    def pixel_stacks(self) -> tuple[StackDeclaration, ...]:
        """The stacks whose pixels are in files of their own: all of them must be there."""
        return tuple(stack for stack in self.stacks if stack.external)

    def barcode(self, scan: StackDeclaration) -> str | None:
        """The slide's barcode, as the scan carries it or else any other stack. Raises SlideDamaged if two differ."""
        found = {code for stack in self.stacks for code in stack.barcodes}
        if len(found) > 1:
            problem = f"the stacks carry {len(found)} different barcodes (field 120635)"
            raise SlideDamaged(self.name, problem, "Look at the slide's label, then scan the slide again.")
        return next(iter(scan.barcodes or sorted(found)), None)


def barcodes(tree: Field) -> set[str]:
    """Every barcode (field 120635) that a tag tree holds, of whichever stack."""
    return set(_texts(tree, 120635))


def declared(tree: Field, name: str) -> SlideDeclaration:
    """What the tag tree of the .vsi called `name` declares.

    Raises:
        SlideDamaged: there is no image collection, or two stacks claim one folder.
    """
    collections = [field for field in tree.children if field.tag == 2000]
    if not collections:
        raise SlideDamaged(name, "there is no image collection (field 2000)")
    stacks = tuple(_stack(field, name) for collection in collections for field in collection.all(2001))
    if len({stack.stack_id for stack in stacks}) != len(stacks):
        raise SlideDamaged(name, "two stacks (field 2001) claim the same folder")
    return SlideDeclaration(name, stacks)


def _stack(field: Field, name: str) -> StackDeclaration:
    if field.second is None or field.second < 0:
        raise SlideDamaged(name, f"a stack (field 2001) names no folder, but {field.second}")
    title = field.find(2005, 2030)
    kind = _integers(field.find(2005, 2074))
    external = any(frame.find(2018) is not None for frame in field.all(2002))
    text = title.text if title is not None else None
    return StackDeclaration(name, field.second, text or "", kind[0] if kind else None, external, field)


def _integers(field: Field | None) -> tuple[int, ...]:
    numbers = field.numbers if field is not None else ()
    return tuple(number for number in numbers if isinstance(number, int))


def _texts(fields: Field, tag: int) -> tuple[str, ...]:
    return tuple(_filled(field.text for field in fields.walk() if field.tag == tag))


def _filled(texts: Iterator[str | None]) -> Iterator[str]:
    return (text for text in texts if text)
