"""Which fields one round reads."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.ingestion.fields.candidates import (
    Candidates,
    for_clumps,
    for_erythrocytes,
    for_leukocytes,
    for_platelets,
)
from services.ingestion.fields.census import Census, census
from services.ingestion.fields.grid import core, field_id
from services.ingestion.fields.question import Question
from services.ingestion.fields.rejection import Rejection, rejections, usable
from services.ingestion.fields.spread import Place, stratified
from services.ingestion.film.film_map import FilmMap
from services.ingestion.tiles.geometry import Region


@dataclass(frozen=True, slots=True)
class ChosenField:
    """A field to read, and all that it is read for."""

    field_id: str
    core: Region
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class FieldChoice:
    """One round: what it reads, what the film map expects of it by question, the questions for which nothing is left
    after it, and the fields of the film that are not readable.
    """

    fields: tuple[ChosenField, ...]
    expected: Mapping[Question, float]
    exhausted: tuple[Question, ...]
    rejected: tuple[Rejection, ...]


def choose(film: FilmMap, wanted: Mapping[Question, int], already_read: Collection[str] = ()) -> FieldChoice:
    """The next round on a film: fields for each question until the map expects `wanted` of it.

    `wanted` counts cells (for clumps, fields) beyond those of `already_read`. Ask for some more than a target: the
    reading finds a few of the nuclei to be none. Fields chosen for one question serve another where they can. The same
    film, wishes and fields already read always give the same choice.
    """
    found = census(film)
    can_read = usable(found)
    read_before = _mask(can_read.shape, already_read)
    chosen: dict[Place, list[Question]] = {}
    expected: dict[Question, float] = {}
    exhausted = []
    for question in (each for each in Question if each in wanted):
        answer = _CANDIDATES[question](found, can_read)
        fresh = [[place for place in group if not read_before[place]] for group in answer.groups]
        taken = _TAKERS[question](fresh, chosen, wanted[question], answer)
        if question is Question.PLATELETS:
            taken = _with_red_cells(taken, chosen)
        for place in taken:
            chosen.setdefault(place, []).append(question)
        expected[question] = float(sum(answer.gain[place] for place in taken))
        if set(taken).issuperset(place for group in fresh for place in group):
            exhausted.append(question)
    read = read_before | _mask(can_read.shape, [field_id(*place) for place in chosen])
    fields = tuple(_chosen(place, questions) for place, questions in chosen.items())
    return FieldChoice(fields, expected, tuple(exhausted), rejections(found, read))


def _with_red_cells(taken: Sequence[Place], chosen: Mapping[Place, Sequence[Question]]) -> list[Place]:
    """Platelets are reported per 100 red cells: every field of red cells is one of platelets too."""
    red = [place for place, questions in chosen.items() if Question.ERYTHROCYTES in questions]
    return list(dict.fromkeys([*taken, *red]))


def _ranked(
    groups: Sequence[Sequence[Place]], _chosen: Collection[Place], wanted: float, answer: Candidates
) -> list[Place]:
    """In the order given, until enough is expected."""
    taken: list[Place] = []
    expected = 0.0
    for place in (place for group in groups for place in group):
        if expected >= wanted:
            break
        taken.append(place)
        expected += float(answer.gain[place])
    return taken


def _spread(
    groups: Sequence[Sequence[Place]], chosen: Collection[Place], wanted: float, answer: Candidates
) -> list[Place]:
    """Spread over the film, one group after the other."""
    taken: list[Place] = []
    for group in groups:
        missing = wanted - sum(float(answer.gain[place]) for place in taken)
        taken += stratified(group, chosen, missing, lambda place: float(answer.gain[place]))
    return taken


def _heaps_then_spread(
    groups: Sequence[Sequence[Place]], chosen: Collection[Place], wanted: float, answer: Candidates
) -> list[Place]:
    """Half of the fields where heaps were seen, the others spread along the edge."""
    heaps = _ranked(groups[:1], chosen, wanted / 2, answer)
    rest = [place for group in groups for place in group if place not in heaps]
    return heaps + _spread([rest], chosen, wanted - len(heaps), answer)


_CANDIDATES: dict[Question, Callable[[Census, NDArray[np.bool_]], Candidates]] = {
    Question.LEUKOCYTES: for_leukocytes,
    Question.ERYTHROCYTES: for_erythrocytes,
    Question.PLATELETS: for_platelets,
    Question.PLATELET_CLUMPS: for_clumps,
}
_TAKERS: dict[Question, Callable[[Sequence[Sequence[Place]], Collection[Place], float, Candidates], list[Place]]] = {
    Question.LEUKOCYTES: _ranked,
    Question.ERYTHROCYTES: _spread,
    Question.PLATELETS: _spread,
    Question.PLATELET_CLUMPS: _heaps_then_spread,
}


def _chosen(place: Place, questions: Sequence[Question]) -> ChosenField:
    name = field_id(*place)
    return ChosenField(name, core(name), tuple(questions))


def _mask(shape: tuple[int, ...], names: Collection[str]) -> NDArray[np.bool_]:
    """Raises ValueError when a name is not that of a field of this film."""
    mask = np.zeros(shape, bool)
    for name in names:
        row, _, column = name.partition("-")
        try:
            mask[int(row), int(column)] = True
        except (ValueError, IndexError):
            raise ValueError(f"{name!r} is not a field of this film of {shape[0]} x {shape[1]} fields") from None
    return mask
