"""What is done to the stack, and when: drawn from a seed, so that a run can be had again."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

# Between two faults, and how long what was killed stays away; services and servers take 1 to 15 s to come back.
PAUSE_S = (1.0, 5.0)
AWAY_S = (0.0, 4.0)
# Every so many kills, one of each other kind of fault.
KILLS_PER_FREEZE = 6
KILLS_PER_FULL_DISK = 12
KILLS_PER_MOOD = 3


class Kind(StrEnum):
    """A kind of fault."""

    # kill -9, and another start `lasts_s` later.
    KILL = "kill -9"
    # SIGSTOP for `lasts_s`, then SIGCONT.
    FREEZE = "frozen"
    # The disk of the target is full for `lasts_s`.
    FULL_DISK = "full disk"
    # The LIS behaves as `target` says from now on.
    MOOD = "LIS"


@dataclass(frozen=True)
class Fault:
    """One fault, `after_s` after the one before it."""

    kind: Kind
    target: str
    after_s: float
    lasts_s: float = 0.0


@dataclass(frozen=True)
class Victims:
    """What may be struck: processes to kill, workers to freeze, disks to fill, ways of the LIS to misbehave."""

    killed: Sequence[str]
    frozen: Sequence[str]
    disks: Sequence[str]
    moods: Sequence[str]


def plan(seed: int, kills: int, victims: Victims, freeze_s: float) -> Iterator[Fault]:
    """`kills` kills, each victim as often as any other, with freezes, full disks and moods of the LIS between them."""
    dice = random.Random(seed)
    draws = {kind: _turns(dice, own) for kind, own in _own(victims).items()}
    for number in range(1, kills + 1):
        pause, away = dice.uniform(*PAUSE_S), dice.uniform(*AWAY_S)
        yield Fault(Kind.KILL, next(draws[Kind.KILL]), pause, away)
        if number % KILLS_PER_MOOD == 0:
            yield Fault(Kind.MOOD, next(draws[Kind.MOOD]), 0.0)
        if number % KILLS_PER_FREEZE == 0:
            yield Fault(Kind.FREEZE, next(draws[Kind.FREEZE]), dice.uniform(*PAUSE_S), freeze_s)
        if number % KILLS_PER_FULL_DISK == 0 and victims.disks:
            yield Fault(Kind.FULL_DISK, next(draws[Kind.FULL_DISK]), dice.uniform(*PAUSE_S), freeze_s)


def _own(victims: Victims) -> dict[Kind, Sequence[str]]:
    return {
        Kind.KILL: victims.killed,
        Kind.FREEZE: victims.frozen,
        Kind.FULL_DISK: victims.disks,
        Kind.MOOD: victims.moods,
    }


def _turns(dice: random.Random, names: Sequence[str]) -> Iterator[str]:
    """All of them in a random order, and again in another."""
    while names:
        yield from dice.sample(names, len(names))
