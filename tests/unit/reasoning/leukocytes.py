"""Leukocytes as reasoning counts them, and a slide without anything else to say."""

from services.reasoning.cells import Box, Kind, Purpose, ReadField, SmearCell
from services.reasoning.factsheet import Circumstances

CALM = Circumstances(
    order_known=True,
    stat=False,
    leukocytes_wanted=200,
    erythrocytes_wanted=5000,
    fields=100,
    unreadable_fields=0,
    rejected_fields=0,
    rejections=(),
    missing_tiles=0,
    in_focus=0.95,
    hematoxylin_od=0.45,
    eosin_od=0.1,
    pale=0.0,
    cut_short=False,
    film_exhausted=False,
)


def cell(name, label, candidates, probabilities):
    return SmearCell(name, Kind.LEUKOCYTE, label, candidates, Box(0, 0, 12, 12), probabilities)


def cells_of(shares):
    """So many certain cells of each class."""
    return [cell(f"{name}-{n}", name, (name,), {name: 0.97}) for name, m in shares.items() for n in range(m)]


def read(cells):
    return ReadField("f", frozenset({Purpose.LEUKOCYTES}), tuple(cells))
