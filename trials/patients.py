"""Who the patients are: a film for each, drawn at random within what is usual for what ails them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.simulator.composer import Recipe
from trials.cells import INFECTED

Shares = Mapping[str, float]

# Adult reference values, the middle of each (clinical practice), of 100 leukocytes.
_USUAL: Shares = {
    "neutrophil_segmented": 58.5,
    "neutrophil_band": 2.5,
    "lymphocyte": 29.0,
    "monocyte": 6.5,
    "eosinophil": 2.8,
    "basophil": 0.7,
}
_SHAPES: Shares = {
    "normal": 95.5,
    "ovalocyte": 1.0,
    "spherocyte": 0.6,
    "stomatocyte": 0.6,
    "target": 0.5,
    "macrocyte": 0.5,
    "microcyte": 0.5,
    "burr": 0.3,
    "hypochromic": 0.2,
    "elliptocyte": 0.15,
    "teardrop": 0.1,
    "schistocyte": 0.05,
}
_LEUKOCYTES = (215, 300)
_PLATELETS = (380, 700)


@dataclass(frozen=True)
class Patient:
    """One film. The same number is the same film."""

    number: int
    ailment: str
    recipe: Recipe

    @property
    def specimen(self) -> str:
        return f"TRIAL-{self.number:04d}"


def patients(count: int) -> list[Patient]:
    """So many patients, a fifth of them with nothing to find, the others with each ailment in turn."""
    return [_patient(number) for number in range(count)]


def _patient(number: int) -> Patient:
    names = list(_AILMENTS)
    name = "none" if number % 5 == 0 else names[(number - number // 5 - 1) % len(names)]
    rng = np.random.default_rng((2026, number))
    return Patient(number, name, Recipe(seed=number + 1, **{"clumps": 0, **_AILMENTS.get(name, _plain)(rng)}))


def _plain(rng: np.random.Generator, **more: float) -> dict[str, Any]:
    """Counts around the usual ones; `more` are shares of 100 that take the others' place."""
    left = 100 - sum(share for name, share in more.items() if name != "erythroblast")
    shares = {name: share * left / 100 for name, share in _USUAL.items()}
    for name, share in more.items():
        shares[name] = shares.get(name, 0.0) + share
    total = int(rng.integers(*_LEUKOCYTES))
    counted = {name: int(rng.poisson(total * share / 100)) for name, share in shares.items()}
    return {"differential": counted, "erythrocytes": _SHAPES, "platelets": int(rng.integers(*_PLATELETS))}


def _left_shift(rng: np.random.Generator) -> dict[str, Any]:
    early = {"metamyelocyte": rng.uniform(2, 5), "myelocyte": rng.uniform(1.5, 5), "promyelocyte": rng.uniform(0, 1.5)}
    return _plain(rng, neutrophil_band=rng.uniform(8, 20), **early)


def _lymphocytosis(rng: np.random.Generator) -> dict[str, Any]:
    return _plain(rng, lymphocyte=rng.uniform(40, 60))


def _eosinophilia(rng: np.random.Generator) -> dict[str, Any]:
    return _plain(rng, eosinophil=rng.uniform(10, 35))


def _leukaemia(rng: np.random.Generator) -> dict[str, Any]:
    return _plain(rng, blast=rng.uniform(20, 90))


def _few_blasts(rng: np.random.Generator) -> dict[str, Any]:
    return _plain(rng, blast=rng.uniform(2, 6))


def _erythroblasts(rng: np.random.Generator) -> dict[str, Any]:
    return _plain(rng, erythroblast=rng.uniform(4, 30))


def _malaria(rng: np.random.Generator) -> dict[str, Any]:
    infected = float(10 ** rng.uniform(-1, 0.7))
    stages = dict(zip(INFECTED, infected * np.array([0.5, 0.2, 0.05, 0.25]), strict=True))
    return {**_plain(rng), "erythrocytes": {**_SHAPES, **stages}}


def _thrombocytopenia(rng: np.random.Generator) -> dict[str, Any]:
    return {**_plain(rng), "platelets": int(rng.integers(15, 120))}


def _clumps(rng: np.random.Generator) -> dict[str, Any]:
    return {**_plain(rng), "clumps": int(rng.integers(3, 12)), "platelets": int(rng.integers(80, 250))}


def _schistocytes(rng: np.random.Generator) -> dict[str, Any]:
    return {**_plain(rng), "erythrocytes": {**_SHAPES, "schistocyte": rng.uniform(1.5, 6)}}


_AILMENTS: Mapping[str, Callable[[np.random.Generator], dict[str, Any]]] = {
    "left shift": _left_shift,
    "lymphocytosis": _lymphocytosis,
    "eosinophilia": _eosinophilia,
    "leukaemia": _leukaemia,
    "few blasts": _few_blasts,
    "erythroblasts": _erythroblasts,
    "malaria": _malaria,
    "thrombocytopenia": _thrombocytopenia,
    "clumps": _clumps,
    "schistocytes": _schistocytes,
}
