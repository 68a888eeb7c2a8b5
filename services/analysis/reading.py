"""Reads tiles: detects their cells, then classifies the cells of all tiles together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.analysis.cards import ModelCard
from services.analysis.cells import NOT_ASKED, PLATELET, Cell, Detection, Findings, Kind, Morphometry, Verdict
from services.analysis.classification import Classifier
from services.analysis.detection import Detector
from services.analysis.morphometry import measure, window_of
from services.analysis.parasites import ParasiteSearch
from services.analysis.pixels import Rgb, centred_crop
from services.analysis.tiles import TilePixels


@dataclass(frozen=True)
class _Found:
    """A detection and the number of its tile in the batch."""

    tile: int
    detection: Detection


class CellReader:
    """The detector, a classifier for each kind that has one, and the search for parasites in red cells."""

    def __init__(self, detector: Detector, classifiers: Mapping[Kind, Classifier], parasites: ParasiteSearch) -> None:
        self._detector = detector
        self.classifiers = classifiers
        self.parasites = parasites

    def read(self, tiles: Sequence[TilePixels]) -> list[list[Cell]]:
        """For each tile its cells, by falling score. Batches of the classifiers are filled across tiles."""
        if not tiles:
            return []
        detections = self._detector.detect(tiles)
        found = [_Found(index, detection) for index, several in enumerate(detections) for detection in several]
        verdicts = {
            item: verdict for kind in self.classifiers for item, verdict in self._classified(tiles, found, kind)
        }
        findings = self._searched(tiles, found)
        measured = _measured(tiles, found)
        cells: list[list[Cell]] = [[] for _ in tiles]
        for item in found:
            verdict = verdicts.get(item, _unclassified(item.detection))
            cells[item.tile].append(Cell(item.detection, verdict, findings.get(item, Findings()), measured.get(item)))
        return cells

    def models(self, kinds: frozenset[Kind]) -> list[ModelCard]:
        """The detector, then the classifiers that `kinds` ask for, and the search for parasites with red cells."""
        asked = [classifier.card for kind, classifier in self.classifiers.items() if kind in kinds]
        return [self._detector.card, *asked, *([self.parasites.card] if Kind.ERYTHROCYTE in kinds else [])]

    def _classified(
        self, tiles: Sequence[TilePixels], found: Sequence[_Found], kind: Kind
    ) -> list[tuple[_Found, Verdict]]:
        classifier, asked = self.classifiers[kind], _asked(tiles, found, kind)
        return list(zip(asked, classifier.classify(_crops(tiles, asked, classifier.crop)), strict=True))

    def _searched(self, tiles: Sequence[TilePixels], found: Sequence[_Found]) -> dict[_Found, Findings]:
        asked = _asked(tiles, found, Kind.ERYTHROCYTE)
        return dict(zip(asked, self.parasites.findings(_crops(tiles, asked, self.parasites.crop)), strict=True))


def _measured(tiles: Sequence[TilePixels], found: Sequence[_Found]) -> dict[_Found, Morphometry | None]:
    asked = _asked(tiles, found, Kind.ERYTHROCYTE)
    windows = (crop_of(tiles[item.tile].image, item.detection, window_of(item.detection)) for item in asked)
    return dict(zip(asked, map(measure, windows), strict=True))


def _asked(tiles: Sequence[TilePixels], found: Sequence[_Found], kind: Kind) -> list[_Found]:
    """Those of a kind that their tiles are read for."""
    return [item for item in found if item.detection.kind is kind and kind in tiles[item.tile].classify]


def _crops(tiles: Sequence[TilePixels], asked: Sequence[_Found], size: int) -> list[Rgb]:
    return [crop_of(tiles[item.tile].image, item.detection, size) for item in asked]


def crop_of(image: Rgb, detection: Detection, size: int) -> Rgb:
    """The cell in the middle of a square of its tile.

    The tile's margin of 64 px is less than half a leukocyte crop: the crop of a cell within 32 px of the core's edge
    leaves the tile, and there the tile's edge is repeated, as it is in training for cells at the edge of a picture.
    """
    x, y = detection.box.centre
    left, top = round(x - size / 2), round(y - size / 2)
    inside = left >= 0 and top >= 0 and left + size <= image.shape[1] and top + size <= image.shape[0]
    # Most of the cells of a tile lie inside: a view of their pixels costs a hundredth of gathering them.
    return image[top : top + size, left : left + size] if inside else centred_crop(image, x, y, size)


def _unclassified(detection: Detection) -> Verdict:
    return PLATELET if detection.kind is Kind.PLATELET else NOT_ASKED
