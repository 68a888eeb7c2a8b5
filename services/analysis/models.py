"""The models on disk: a folder for each, with `1/model.onnx` and the `model.yaml` that describes exactly that file."""

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from services.analysis.cards import ClassifierCard, DetectorCard, ModelCard
from services.analysis.errors import ModelUnusable
from services.analysis.pixels import CANONICAL_UM_PER_PX, ERYTHROCYTE_CROP, LEUKOCYTE_CROP, PLASMODIUM_CROP, TILE

DETECTOR, LEUKOCYTES, ERYTHROCYTES, PLASMODIUM = "detector", "leukocytes", "erythrocytes", "plasmodium"
MODELS = (DETECTOR, LEUKOCYTES, ERYTHROCYTES, PLASMODIUM)

_SIDES = {DETECTOR: TILE, LEUKOCYTES: LEUKOCYTE_CROP, ERYTHROCYTES: ERYTHROCYTE_CROP, PLASMODIUM: PLASMODIUM_CROP}
_CHUNK = 1 << 20


class Cards(ABC):
    """The descriptions of the models, wherever they are kept."""

    @abstractmethod
    def card(self, name: str) -> ModelCard:
        """The description of one of `MODELS`."""

    def detector(self) -> DetectorCard:
        """The detector's description."""
        card = self.card(DETECTOR)
        assert isinstance(card, DetectorCard)
        return card

    def leukocytes(self) -> ClassifierCard:
        """The leukocyte classifier's description."""
        return self._classifier(LEUKOCYTES)

    def erythrocytes(self) -> ClassifierCard:
        """The erythrocyte classifier's description."""
        return self._classifier(ERYTHROCYTES)

    def plasmodium(self) -> ClassifierCard:
        """The description of the search for malaria parasites."""
        return self._classifier(PLASMODIUM)

    def _classifier(self, name: str) -> ClassifierCard:
        card = self.card(name)
        assert isinstance(card, ClassifierCard)
        return card


class ModelRepository(Cards):
    """The models in one folder, laid out as Triton wants them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def file(self, name: str) -> Path:
        """Where the graph of a model lies."""
        return self._folder / name / "1" / "model.onnx"

    def card(self, name: str) -> ModelCard:
        """A model's description, its file verified. Raises ModelUnusable."""
        path = self._folder / name / "model.yaml"
        try:
            card = card_from(name, yaml.safe_load(path.read_text("utf-8")))
        except (OSError, yaml.YAMLError, ValidationError) as error:
            raise ModelUnusable(
                f"model {name!r}: {path} cannot be used ({brief(error)}): restore the folder as it was released"
            ) from error
        self._unchanged(card)
        return card

    def _unchanged(self, card: ModelCard) -> None:
        path = self.file(card.name)
        try:
            found = sha256_of(path)
        except OSError as error:
            raise ModelUnusable(f"model {card.name!r}: {path} cannot be read ({error.strerror})") from error
        if found != card.sha256:
            raise ModelUnusable(
                f"model {card.name!r}: {path} has sha256 {found[:12]}…, its description says {card.sha256[:12]}…: "
                "restore the pair of files; an unknown model must not read slides"
            )


def card_from(name: str, values: object) -> ModelCard:
    """The description of the model `name` from plain values. Raises ValidationError, ModelUnusable."""
    form: TypeAdapter[DetectorCard] | TypeAdapter[ClassifierCard]
    form = TypeAdapter(DetectorCard) if name == DETECTOR else TypeAdapter(ClassifierCard)
    card = form.validate_python(values)
    side = _SIDES[name]
    if card.name != name or card.input.shape != (side, side, 3) or card.um_per_px != CANONICAL_UM_PER_PX:
        raise ModelUnusable(
            f"model {name!r} is described as {card.name!r} for {card.input.shape} at {card.um_per_px} µm/px; this "
            f"service needs {side} x {side} x 3 at {CANONICAL_UM_PER_PX} µm/px: install the models of this version"
        )
    return card


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def brief(error: Exception) -> str:
    """What is wrong, in few words."""
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return getattr(error, "strerror", None) or str(error)
