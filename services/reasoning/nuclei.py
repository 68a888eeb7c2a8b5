"""Whether the leukocytes are all there: what the film map is sure is a nucleated cell must have been detected as one.

A detector that misses cells misses some kinds more than others, pale lymphocytes first, and no count tells it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.reasoning.cells import Kind, Place, ReadField
from services.reasoning.differential import COUNTED_ON
from services.reasoning.intervals import share


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


def nuclei(fields: Sequence[ReadField], within_um: float) -> Nuclei:
    """Compare the fields of the differential; a leukocyte's centre is `within_um` of its nucleus."""
    counted = [field for field in fields if field.purposes & COUNTED_ON and not field.unreadable]
    missed = [place for field in counted for place in _missed(field, within_um)]
    return Nuclei(sum(len(field.nuclei) for field in counted), tuple(missed))


def _missed(field: ReadField, within_um: float) -> list[Place]:
    boxes = [cell.box for cell in field.cells if cell.kind is Kind.LEUKOCYTE]
    if not boxes or not field.nuclei:
        return list(field.nuclei)
    centres = np.array([(box.x + box.width / 2, box.y + box.height / 2) for box in boxes])
    away = np.linalg.norm(np.array(field.nuclei)[:, None] - centres[None], axis=2).min(axis=1)
    return [place for place, distance in zip(field.nuclei, away, strict=True) if distance > within_um]
