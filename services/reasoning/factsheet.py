"""The facts of one slide, from what was counted, read and ordered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.reasoning.counting import CountingTable
from services.reasoning.differential import Differential
from services.reasoning.facts import FactValue
from services.reasoning.figures import Figure, per_hundred, percentage
from services.reasoning.haemogram import Haemogram
from services.reasoning.measuring import DIAMETER, Distribution
from services.reasoning.morphology import Morphology
from services.reasoning.nuclei import Nuclei
from services.reasoning.parasites import Parasites
from services.reasoning.platelets import Platelets

NamedFact = tuple[str, FactValue | None]


@dataclass(frozen=True)
class Circumstances:
    """What rules may know of a slide beside its cells; `rejections` says, for a person, why fields with blood were not
    read, and how many for each reason.
    """

    order_known: bool
    stat: bool
    leukocytes_wanted: int
    erythrocytes_wanted: int
    fields: int
    unreadable_fields: int
    rejected_fields: int
    rejections: tuple[str, ...]
    missing_tiles: int
    in_focus: float
    hematoxylin_od: float
    eosin_od: float
    pale: float
    cut_short: bool
    film_exhausted: bool


@dataclass(frozen=True)
class Counts:
    """Everything counted on a slide."""

    leukocytes: Differential
    erythrocytes: Morphology
    parasites: Parasites
    platelets: Platelets
    nuclei: Nuclei
    measured: tuple[Distribution, ...]


def facts_of(
    counts: Counts, circumstances: Circumstances, haemogram: Haemogram, counting: CountingTable
) -> dict[str, FactValue]:
    """Every fact that is known, by name; those without a value are absent."""
    facts = [
        *_circumstances(circumstances),
        *_leukocytes(counts.leukocytes, counting),
        *_classes(counts.leukocytes, counting.certain_probability.value),
        *_erythroblasts(counts.leukocytes, counting.certain_probability.value),
        *_erythrocytes(counts.erythrocytes, counting),
        *_parasites(counts.parasites, counting),
        *_platelets(counts.platelets),
        *_nuclei(counts.nuclei),
        *_measured(counts.measured),
        ("haemogram.known", bool(haemogram.values)),
        ("haemogram.unusable", len(haemogram.unusable)),
        *((f"haemogram.{name}", float(value)) for name, value in haemogram.values.items()),
    ]
    return {name: value for name, value in facts if value is not None}


def _circumstances(known: Circumstances) -> Iterator[NamedFact]:
    yield "order.known", known.order_known
    yield "order.stat", known.stat
    yield "leukocytes.wanted", known.leukocytes_wanted
    yield "erythrocytes.wanted", known.erythrocytes_wanted
    yield "reading.fields", known.fields
    yield "reading.unreadable_fields", known.unreadable_fields
    yield "reading.unreadable_percent", _percent(known.unreadable_fields, known.fields)
    yield "reading.rejected_fields", known.rejected_fields
    yield "reading.missing_tiles", known.missing_tiles
    yield "reading.in_focus_percent", 100 * known.in_focus
    # 0 where it was not measured: glass itself has more.
    yield "film.hematoxylin_od", known.hematoxylin_od or None
    yield "film.eosin_od", known.eosin_od or None
    yield "film.pale_percent", 100 * known.pale
    yield "reading.cut_short", known.cut_short
    yield "reading.film_exhausted", known.film_exhausted


def _leukocytes(counted: Differential, counting: CountingTable) -> Iterator[NamedFact]:
    looked_at = len(counted.counted) + len(counted.unidentified)
    yield "leukocytes.counted", len(counted.counted)
    yield "leukocytes.minimum", int(counting.minimum_leukocytes.value)
    yield "leukocytes.unidentified", len(counted.unidentified)
    yield "leukocytes.unidentified_percent", _percent(len(counted.unidentified), looked_at)
    for figure in counted.possible:
        yield figure.name, figure.numerator
        yield f"{figure.name}_percent", figure.value
        yield f"{figure.name}_low", figure.low


def _classes(counted: Differential, probability: float) -> Iterator[NamedFact]:
    for figure in (*counted.classes, *counted.groups):
        members = counted.members[figure.name]
        sure = [cell for cell in counted.counted if cell.is_surely(members, probability)]
        surely = percentage(figure.name, sure, figure.denominator)
        yield from _shares(figure)
        yield f"{figure.name}.certain", surely.numerator
        yield f"{figure.name}.certain_percent", surely.value
        yield f"{figure.name}.certain_low", surely.low
        yield f"{figure.name}.edge_certain", sum(cell.is_surely(members, probability) for cell in counted.at_edge)


def _erythroblasts(counted: Differential, probability: float) -> Iterator[NamedFact]:
    figure = counted.erythroblasts
    sure = [cell for cell in counted.erythroblast_cells if cell.is_surely(["erythroblast"], probability)]
    surely = per_hundred("", sure, figure.denominator, "")
    yield "erythroblasts.count", figure.numerator
    yield "erythroblasts.certain", surely.numerator
    yield "erythroblasts.per_100_leukocytes", figure.value
    yield "erythroblasts.low", figure.low
    yield "erythroblasts.certain_low", surely.low


def _erythrocytes(counted: Morphology, counting: CountingTable) -> Iterator[NamedFact]:
    yield "erythrocytes.counted", len(counted.classified)
    yield "erythrocytes.minimum", int(counting.minimum_erythrocytes.value)
    yield "erythrocytes.unidentified_percent", _percent(len(counted.unidentified), len(counted.classified))
    yield from _seen(counted)
    # Elsewhere what is not reported is no ground for a finding either: a share that is withheld is absent.
    for figure in counted.classes_told(
        counting.minimum_erythrocytes.value, counting.most_unidentified_erythrocytes.value
    ):
        yield from _shares(figure)
        yield f"{figure.name}.grade", figure.grade


def _seen(counted: Morphology) -> Iterator[NamedFact]:
    """What few or doubtful red cells show all the same: they carry no share, but may be enough to alarm."""
    for figure in counted.seen:
        yield f"{figure.name}.seen_low", figure.low
        yield f"{figure.name}.misread_percent", counted.misread_percent.get(figure.name)


def _parasites(counted: Parasites, counting: CountingTable) -> Iterator[NamedFact]:
    (told,) = counted.for_report(counting)
    yield "plasmodium.searched", len(counted.searched)
    yield "plasmodium.infected", len(counted.infected)
    yield "plasmodium.misread", len(counted.searched) * counting.misread_plasmodium.value / 100
    yield "plasmodium.low", counted.share.low
    yield "plasmodium.percent", told.value


def _platelets(counted: Platelets) -> Iterator[NamedFact]:
    yield "platelets.counted", len(counted.counted)
    yield "platelets.per_100_erythrocytes", counted.ratio.value
    yield "platelets.clumps", len(counted.clumps)
    yield "platelets.edge_fields", counted.edge_fields


def _nuclei(compared: Nuclei) -> Iterator[NamedFact]:
    yield "nuclei.sure", compared.sure
    yield "nuclei.missed", len(compared.missed)
    yield "nuclei.missed_percent", compared.missed_percent
    yield "nuclei.missed_low", compared.missed_low


def _shares(figure: Figure) -> Iterator[NamedFact]:
    yield f"{figure.name}.count", figure.numerator
    yield f"{figure.name}.percent", figure.value
    yield f"{figure.name}.low", figure.low
    yield f"{figure.name}.high", figure.high


def _percent(part: int, of: int) -> float | None:
    return 100 * part / of if of else None


def _measured(distributions: Sequence[Distribution]) -> Iterator[NamedFact]:
    for one in distributions:
        if one.name == DIAMETER:
            yield "erythrocytes.median_diameter_um", one.median
