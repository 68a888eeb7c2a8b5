"""Whether a candidate may take a released model's place: nowhere worse beyond chance, unless its text says why."""

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from services.training import manifest
from services.training.card_texts import accepted_losses
from services.training.cards import CARD_FILE
from services.training.classifier import comparing as classifier
from services.training.classifier.design import DESIGNS
from services.training.description import DESCRIPTION_FILE, MODEL_FILE, Described
from services.training.detector import comparing as detector
from services.training.errors import CandidateRefused
from services.training.paired import Difference
from services.training.sources import MODEL_SOURCES
from services.training.tables import share, table

_SEED = 1


def compare(name: str, data: Path, released: Path, candidate: Path) -> list[Difference]:
    """Both models on the same cells or fields of the test part. Raises DataSetError, ModelFileError."""
    manifests = {source: manifest.verified(data, source) for source in MODEL_SOURCES[name]}
    before, after = Described.of(released), Described.of(candidate)
    if name == "detector":
        return list(detector.differences(data, manifests, before, after, _SEED))
    return list(classifier.differences(DESIGNS[name], data, manifests, before, after, _SEED))


def check(name: str, found: Iterable[Difference]) -> None:
    """Raises CandidateRefused for a candidate that is worse somewhere without its text accepting that."""
    accepted = accepted_losses(name)
    losses = [one.place for one in found if one.worse and one.place not in accepted]
    if losses:
        raise CandidateRefused(
            f"{name}: worse than the released model beyond chance: {'; '.join(losses)}. Train it better, or say under "
            f"'## Accepted losses' of prose/{name}.md why each is worth what is gained"
        )


def install(released: Path, candidate: Path) -> None:
    """Puts a candidate, its description, and its card with the card's pictures in the released model's place."""
    pictures = (path.relative_to(candidate) for path in sorted(candidate.glob("*.png")))
    for file in (MODEL_FILE, Path(DESCRIPTION_FILE), Path(CARD_FILE), *pictures):
        (released / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(candidate / file, released / file)


def as_text(found: Sequence[Difference]) -> str:
    """A table, what is worse marked."""
    rows = [
        (one.place, one.units, share(one.released), share(one.candidate), _limits(one), _word(one)) for one in found
    ]
    return table(("figure", "units", "released", "candidate", "difference, 95 %", ""), rows)


def as_json(found: Sequence[Difference]) -> str:
    """The same, for programs."""
    return json.dumps([{**asdict(one), "worse": one.worse} for one in found], indent=2)


def _limits(one: Difference) -> str:
    return f"{one.low:+.3f} to {one.high:+.3f}"


def _word(one: Difference) -> str:
    return "worse" if one.worse else "better" if one.low > 0 else ""
