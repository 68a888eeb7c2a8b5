"""The models on disk: a folder for each, with `1/model.onnx` and the `model.yaml` that describes exactly that file."""

import hashlib
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from services.analysis.cards import ClassifierCard, DetectorCard, ModelCard
from services.analysis.errors import ModelUnusable
from services.analysis.pixels import CANONICAL_UM_PER_PX, ERYTHROCYTE_CROP, LEUKOCYTE_CROP, TILE

CardT = TypeVar("CardT", DetectorCard, ClassifierCard)

_CHUNK = 1 << 20


class ModelRepository:
    """The models in one folder, laid out as Triton wants them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def detector(self) -> DetectorCard:
        """The detector's description, its file verified. Raises ModelUnusable."""
        return self._card("detector", DetectorCard, TILE)

    def leukocytes(self) -> ClassifierCard:
        """The leukocyte classifier's description, its file verified. Raises ModelUnusable."""
        return self._card("leukocytes", ClassifierCard, LEUKOCYTE_CROP)

    def erythrocytes(self) -> ClassifierCard:
        """The erythrocyte classifier's description, its file verified. Raises ModelUnusable."""
        return self._card("erythrocytes", ClassifierCard, ERYTHROCYTE_CROP)

    def file(self, name: str) -> Path:
        """Where the graph of a model lies."""
        return self._folder / name / "1" / "model.onnx"

    def _card(self, name: str, form: type[CardT], side: int) -> CardT:
        path = self._folder / name / "model.yaml"
        try:
            card: CardT = TypeAdapter(form).validate_python(yaml.safe_load(path.read_text("utf-8")))
        except (OSError, yaml.YAMLError, ValidationError) as error:
            raise ModelUnusable(f"model {name!r}: {path} cannot be used ({_brief(error)}); run `make train`") from error
        self._agrees(card, name, side)
        self._unchanged(card)
        return card

    def _agrees(self, card: ModelCard, name: str, side: int) -> None:
        if card.name != name or card.input.shape != (side, side, 3) or card.um_per_px != CANONICAL_UM_PER_PX:
            raise ModelUnusable(
                f"model {name!r} is described as {card.name!r} for {card.input.shape} at {card.um_per_px} µm/px; this "
                f"service needs {side} x {side} x 3 at {CANONICAL_UM_PER_PX} µm/px: install the models of this version"
            )

    def _unchanged(self, card: ModelCard) -> None:
        path = self.file(card.name)
        try:
            found = _sha256(path)
        except OSError as error:
            raise ModelUnusable(f"model {card.name!r}: {path} cannot be read ({error.strerror})") from error
        if found != card.sha256:
            raise ModelUnusable(
                f"model {card.name!r}: {path} has sha256 {found[:12]}…, its description says {card.sha256[:12]}…: "
                "restore the pair of files; an unknown model must not read slides"
            )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _brief(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return getattr(error, "strerror", None) or str(error)
