"""Which of all candidates become cut-outs: a fixed order by hash, a quota per label, few cells of any one picture."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from services.simulator.curation.cutting import Prepared, cut_out, prepare
from services.simulator.curation.parts import Parts
from services.simulator.curation.sheets import Chosen
from services.simulator.curation.sources import Candidate

_MOST_PER_PICTURE = 14


def select(root: Path, candidates: Iterable[Candidate], quota: Mapping[str, int], allowed: Parts) -> list[Chosen]:
    """Clean cut-outs up to `quota` of each label, from pictures that are `allowed`; pictures and cells are tried in an
    order that depends on their names alone.
    """
    pictures: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        if candidate.label in quota:
            pictures[candidate.source.name, candidate.file].append(candidate)
    taken: Counter[str] = Counter()
    chosen: list[Chosen] = []
    for key in sorted(filter(allowed.holds, pictures), key=lambda key: _order(*key)):
        room = {label: quota[label] - taken[label] for label in quota}
        fresh = _cut_from(root, pictures[key], room) if any(room[one.label] for one in pictures[key]) else []
        taken.update(one.candidate.label for one in fresh)
        chosen += fresh
    return chosen


def _cut_from(root: Path, cells: list[Candidate], room: dict[str, int]) -> list[Chosen]:
    first = cells[0]
    prepared = prepare(root, first.source, first.file, harmonise=first.kind == "erythrocyte")
    return [] if prepared is None else _clean(prepared, cells, room)


def _clean(prepared: Prepared, cells: list[Candidate], room: dict[str, int]) -> list[Chosen]:
    chosen: list[Chosen] = []
    for cell in sorted(cells, key=lambda cell: _order(cell.file, str(cell.x), str(cell.y))):
        pixels = cut_out(prepared, cell, cells) if room[cell.label] > 0 and len(chosen) < _MOST_PER_PICTURE else None
        if pixels is not None:
            room[cell.label] -= 1
            chosen.append(Chosen(cell, pixels))
    return chosen


def _order(*names: str) -> int:
    return int.from_bytes(hashlib.sha256("/".join(names).encode()).digest()[:8])
