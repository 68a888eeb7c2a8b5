"""How far a slide is, and what comes next: wait, ask for more, or decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.reasoning.cells import Purpose


@dataclass(frozen=True)
class Round:
    """What one round was to read."""

    number: int
    tile_ids: frozenset[str]
    exhausted: frozenset[Purpose]


@dataclass(frozen=True)
class Progress:
    """Rounds announced so far, by rising number; tiles whose cells are here; cells counted on announced tiles."""

    rounds: Sequence[Round]
    tiles: frozenset[str]
    reached: Mapping[Purpose, int]

    @property
    def tile_ids(self) -> frozenset[str]:
        """Every tile announced; a tile that two rounds name is one."""
        return frozenset[str]().union(*(round_.tile_ids for round_ in self.rounds))

    @property
    def whole(self) -> bool:
        """The first round is there, no round between is missing, and every tile announced has its cells."""
        numbers = [round_.number for round_ in self.rounds]
        return numbers == list(range(1, len(numbers) + 1)) and bool(numbers) and self.tile_ids <= self.tiles

    @property
    def exhausted(self) -> frozenset[Purpose]:
        """What the film has no more of. A further round without a tile has nothing more to give of anything."""
        if len(self.rounds) > 1 and not self.rounds[-1].tile_ids:
            return frozenset(Purpose)
        return frozenset[Purpose]().union(*(round_.exhausted for round_ in self.rounds))


@dataclass(frozen=True)
class Ask:
    """One more round, for one question."""

    round: int
    purpose: Purpose
    cells: int


def more_to_ask(progress: Progress, wanted: Mapping[Purpose, int], most_rounds: int) -> Ask | None:
    """The next round to ask for once `progress` is whole; None when targets are reached or the film gives no more."""
    if len(progress.rounds) >= most_rounds:
        return None
    for purpose, target in wanted.items():
        lacking = target - progress.reached[purpose]
        if lacking > 0 and purpose not in progress.exhausted:
            return Ask(len(progress.rounds) + 1, purpose, lacking)
    return None
