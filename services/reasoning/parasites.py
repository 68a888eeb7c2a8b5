"""Red cells with malaria parasites, of those searched for them: the parasitaemia of a film.

The finding is rare and the cells are many, so a search that errs once in thousands of cells finds some on every film. A
share is told only when more cells look infected than that explains.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.reasoning.cells import Purpose, ReadField, SmearCell
from services.reasoning.counting import CountingTable
from services.reasoning.figures import Figure, Note, percentage
from services.reasoning.nuclei import without_nucleus

FINDING = "plasmodium"


@dataclass(frozen=True)
class Parasites:
    """Red cells searched, those that look infected, and their share whatever may explain it."""

    searched: tuple[SmearCell, ...]
    infected: tuple[SmearCell, ...]
    share: Figure

    def for_report(self, counting: CountingTable) -> list[Figure]:
        """The share, without its value below the least number of red cells and where misread ones may explain it."""
        return [self.share.without_value(why) if (why := self._withheld(counting)) else self.share]

    def _withheld(self, counting: CountingTable) -> Note | None:
        least, misread = counting.minimum_parasites.value, counting.misread_plasmodium.value
        read = f"{len(self.infected)} of {len(self.searched)} red cells look infected"
        if len(self.searched) < least:
            return Note("too_few_erythrocytes", f"{read}; a share is told from {least:g} searched on")
        if self.infected and (self.share.low or 0.0) <= misread:
            return Note("misreads_explain", f"{read}, which misread cells alone may give (up to {misread:g} %)")
        return None


def parasites(fields: Sequence[ReadField], counting: CountingTable) -> Parasites:
    """Search the red cells of fields read for red cells; one with a nucleus in it is none."""
    searched = tuple(
        cell
        for field in fields
        if Purpose.ERYTHROCYTES in field.purposes
        for cell in without_nucleus(field)
        if FINDING in cell.findings
    )
    infected = tuple(cell for cell in searched if cell.findings[FINDING] >= counting.plasmodium_probability.value)
    return Parasites(searched, infected, percentage("erythrocytes.plasmodium", infected, len(searched)))
