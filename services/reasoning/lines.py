"""The cells behind a report as objects: TileCells as protobuf JSON, one line each; and which of them a figure counts.

The lines are written by hand, as protobuf's own JSON writer takes seconds for the ten thousand cells of a slide; any
protobuf JSON reader reads them. Lengths are in µm to the nanometre, probabilities to six digits.
"""

import json
from collections.abc import Iterable

from services.kit.contracts import Attribute, Cell, Kind, Model, Morphometry, Question, Region, TileCells
from services.reasoning.figures import Figure


def jsonl(tiles: Iterable[TileCells]) -> bytes:
    """UTF-8 lines, in the order of `tiles`."""
    return "".join(json.dumps(_tile(tile), ensure_ascii=False) + "\n" for tile in tiles).encode()


def cells_by_figure(figures: Iterable[Figure]) -> bytes:
    """A JSON object in UTF-8: the ids of each figure's cells by its name."""
    return json.dumps({figure.name: figure.cell_ids for figure in figures}, ensure_ascii=False).encode()


def _tile(tile: TileCells) -> dict[str, object]:
    line: dict[str, object] = {
        "slide": {"slide_id": tile.slide.slide_id, "specimen": tile.slide.specimen},
        "round": tile.round,
        "tile_id": tile.tile_id,
        "questions": [Question.Name(question) for question in tile.questions],
        "core": _region(tile.core),
        "models": [_model(model) for model in tile.models],
        "cells": [_cell(cell) for cell in tile.cells],
    }
    if tile.HasField("unreadable"):
        line["unreadable"] = {"code": tile.unreadable.code, "text": tile.unreadable.text}
    return line


def _model(model: Model) -> dict[str, object]:
    return {
        "name": model.name,
        "version": model.version,
        "sha256": model.sha256,
        "classes": list(model.classes),
    }


def _cell(cell: Cell) -> dict[str, object]:
    line: dict[str, object] = {
        "cell_id": cell.cell_id,
        "kind": Kind.Name(cell.kind),
        "label": cell.label,
        "score": _short(cell.score),
        "box": _region(cell.box),
        "probabilities": [_short(p) for p in cell.probabilities],
        "candidates": list(cell.candidates),
        "findings": {name: _short(p) for name, p in cell.findings.items()},
        "crop_uri": cell.crop_uri,
    }
    if cell.HasField("measured"):
        line["measured"] = _measured(cell.measured)
    if cell.attributes:
        line["attributes"] = {name: _attribute(told) for name, told in cell.attributes.items()}
    return line


def _measured(measured: Morphometry) -> dict[str, float]:
    return {field.name: _short(getattr(measured, field.name)) for field in measured.DESCRIPTOR.fields}


def _attribute(told: Attribute) -> dict[str, object]:
    return {"value": told.value, "probability": _short(told.probability)}


def _region(region: Region) -> dict[str, float]:
    return {
        "x_um": round(region.x_um, 3),
        "y_um": round(region.y_um, 3),
        "width_um": round(region.width_um, 3),
        "height_um": round(region.height_um, 3),
    }


def _short(probability: float) -> float:
    return float(f"{probability:.6g}")
