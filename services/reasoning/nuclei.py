"""Nucleated cells of the film map beside the cells that were detected.

What the map is sure is a nucleated cell must have been detected as a leukocyte: a detector that misses cells misses
some kinds more than others, and no count tells it. And a red cell in which there is a nucleus is none: its shape says
nothing, and its nucleus looks like a parasite.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.reasoning.cells import Kind, Place, ReadField, SmearCell
from services.reasoning.differential import COUNTED_ON
from services.reasoning.intervals import share

_FROM_BORDER_UM = 8.0
"""A cell nearer to its field's border may have its centre, as detected, in the field beside it."""


@dataclass(frozen=True)
class Nuclei:
    """How many the film map is sure of in the fields that were read, and where no leukocyte was detected for one."""

    sure: int
    missed: tuple[Place, ...]

    @property
    def missed_percent(self) -> float | None:
        return 100 * len(self.missed) / self.sure if self.sure else None

    @property
    def missed_low(self) -> float | None:
        """Lower exact 95 % limit of the share, %."""
        return 100 * share(len(self.missed), self.sure).low if self.sure else None


def without_nucleus(field: ReadField) -> list[SmearCell]:
    """The field's red cells in which the film map is not sure of a nucleus."""
    red = [cell for cell in field.cells if cell.kind is Kind.ERYTHROCYTE]
    return [cell for cell in red if not any(cell.box.holds(place) for place in field.nuclei)]


def nuclei(fields: Sequence[ReadField], within_um: float) -> Nuclei:
    """Compare the fields of the differential; a leukocyte's centre is `within_um` of its nucleus."""
    counted = [field for field in fields if field.purposes & COUNTED_ON and not field.unreadable]
    sure = [(field, _inner(field)) for field in counted]
    missed = [place for field, places in sure for place in _missed(field, places, within_um)]
    return Nuclei(sum(len(places) for _, places in sure), tuple(missed))


def _inner(field: ReadField) -> list[Place]:
    return [place for place in field.nuclei if field.core is None or field.core.holds(place, _FROM_BORDER_UM)]


def _missed(field: ReadField, places: Sequence[Place], within_um: float) -> list[Place]:
    boxes = [cell.box for cell in field.cells if cell.kind is Kind.LEUKOCYTE]
    if not boxes or not places:
        return list(places)
    centres = np.array([(box.x + box.width / 2, box.y + box.height / 2) for box in boxes])
    away = np.linalg.norm(np.array(places)[:, None] - centres[None], axis=2).min(axis=1)
    return [place for place, distance in zip(places, away, strict=True) if distance > within_um]
