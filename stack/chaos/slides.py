"""The slides that flow through a chaos run, and what an undisturbed Frottis says of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from services.embedded.assembly import Address
from services.embedded.demo import Engine, embedded
from services.simulator.composer import Film, Recipe, compose_film
from services.simulator.lis import LisSimulator
from services.simulator.lis.er7 import segments, value
from services.simulator.slide import write_film

# The smallest film that still has 100 leukocytes to spare on its fields, and so percentages to release.
FILM = Recipe(
    width_px=3600,
    height_px=2400,
    seed=5,
    differential={"neutrophil_segmented": 84, "lymphocyte": 48, "monocyte": 10, "eosinophil": 6, "basophil": 2},
    platelets=60,
    clumps=0,
)
# A few fields of a film are enough, and nothing waits longer than it must.
PACE = {
    "FROTTIS_INGESTION_SETTLE_S": "0.3",
    "FROTTIS_INGESTION_POLL_S": "0.2",
    "FROTTIS_INGESTION_ERYTHROCYTES": "300",
    "FROTTIS_INGESTION_CLUMP_FIELDS": "1",
    "FROTTIS_REASONING_ERYTHROCYTES": "300",
    "FROTTIS_LIS_ACK_TIMEOUT_S": "2",
    "FROTTIS_LIS_RETRY_FIRST_S": "0.2",
    "FROTTIS_LIS_RETRY_LONGEST_S": "1",
}
LOOK_EVERY_S = 0.2

# Of every result: its code, value, unit and status, and the notes under it.
Said = Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Slide:
    """One slide of the run: its name on the share, its specimen, its order, and which film it shows."""

    name: str
    specimen: str
    placer: str
    film: str

    @property
    def scan(self) -> str:
        return f"{self.name}.vsi"


class Films:
    """The films, composed once: one, and its mirror image, so that a report of the one is wrong for the other."""

    def __init__(self) -> None:
        film = compose_film(FILM)
        self._films: Mapping[str, Film] = {
            "film": film,
            "mirrored": replace(film, image=np.ascontiguousarray(film.image[:, ::-1])),
        }

    def slides(self, count: int, prefix: str) -> Sequence[Slide]:
        """So many slides, of the films in turn."""
        kinds = [*self._films]
        return [
            Slide(f"{prefix}{n:03}", f"{prefix.upper()}{n:04}", f"ORDER-{prefix.upper()}{n}", kinds[n % len(kinds)])
            for n in range(count)
        ]

    def put(self, slide: Slide, share: Path) -> None:
        """The slide, whole, on the share. Raises OSError."""
        write_film(self._films[slide.film], share, slide.name, slide.specimen)

    def undisturbed(self, folder: Path) -> Mapping[str, Said]:
        """What the embedded Frottis reports of each film. Raises what it stopped of."""
        share = folder / "share"
        share.mkdir(parents=True)
        slides = self.slides(len(self._films), "quiet")
        with LisSimulator() as lis, embedded(folder / "state", share, Address(*lis.address)) as engine:
            for slide in slides:
                lis.send_order((engine.orders.host, engine.orders.port), slide.specimen, placer=slide.placer)
                self.put(slide, share)
            while not all(ended(engine, slide) for slide in slides):
                engine.wait(LOOK_EVERY_S)
            received = {report.placer: report.content for report in lis.record.reports}
        return {slide.film: said(received[slide.placer]) for slide in slides}


def ended(engine: Engine, slide: Slide) -> bool:
    """The slide has come to an end, and the LIS has said what it has to say to that."""
    found = (entry for entry in engine.worklist.entries() if entry.scan == slide.scan)
    return any(entry.standing.state.ended and entry.delivered for entry in found)


def said(content: bytes) -> Said:
    """The results of an ORU^R01, without what differs between two readings of one film: times and ids.

    Raises ValueError for what is no HL7.
    """
    results: list[tuple[str, ...]] = []
    for row in segments(content):
        if row[0] == "OBX":
            results.append((value(row, 3), value(row, 5), value(row, 6), value(row, 11)))
        elif row[0] == "NTE" and results:
            results[-1] = (*results[-1], value(row, 3))
    return results
