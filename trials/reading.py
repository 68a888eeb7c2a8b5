"""One patient's film through the whole of Frottis: what was said of it, beside what it is made of."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from services.embedded.assembly import Address, Options, orders_address
from services.embedded.running import running
from services.kit.contracts import Decision, Measure, Report
from services.kit.errors import FrottisError
from services.simulator.composer import CellLibrary, Region, Truth, compose_film
from services.simulator.lis import LisSimulator
from services.simulator.slide import write_film
from trials.cells import INFECTED
from trials.patients import Patient

_LOCAL = Address("127.0.0.1", 0)
_LOOK_S = 0.1
_LONGEST_S = 1800.0
_OUTSIDE = frozenset({"erythroblast", "platelet"})


class TrialFailed(FrottisError):
    """A film did not come to its end."""


@dataclass(frozen=True)
class Read:
    """A figure as reported: its share or rate with limits, or why there is none."""

    numerator: int
    denominator: int
    value: float | None
    low: float | None
    high: float | None
    withheld: str


@dataclass(frozen=True)
class Outcome:
    """What is known of one patient once the film was read."""

    number: int
    ailment: str
    decision: str
    rules: tuple[str, ...]
    figures: dict[str, Read]
    truth: dict[str, float]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Outcome":
        """What `as_json` gave."""
        figures = {name: Read(**read) for name, read in values["figures"].items()}
        return cls(**{**values, "figures": figures, "rules": tuple(values["rules"])})


def read(patient: Patient, library: CellLibrary, folder: Path) -> Outcome:
    """Compose, scan and read the patient's film in `folder`. Raises TrialFailed."""
    film = compose_film(patient.recipe, library)
    write_film(film, folder / "scanner", "film", patient.specimen)
    share = folder / "share"
    share.mkdir()
    with LisSimulator() as lis:
        options = Options(share, folder / "state", Address(*lis.address), _LOCAL, _LOCAL)
        with running(options) as (process, worklist):
            address = orders_address(process)
            lis.send_order((address.host, address.port), patient.specimen, placer=f"T{patient.number}")
            while any(check() for service in process.services.values() for check in service.readiness.values()):
                time.sleep(_LOOK_S)
            started = time.perf_counter()
            for name in ("_film_", "film.vsi"):
                (folder / "scanner" / name).rename(share / name)
            while not lis.record.wait_until(bool, _LOOK_S):
                if process.runner.stopping.is_set() or time.perf_counter() - started > _LONGEST_S:
                    raise TrialFailed(f"the film of patient {patient.number} came to no end")
            seconds = time.perf_counter() - started
            report = worklist.report(patient.specimen)
    if report is None:
        raise TrialFailed(f"the film of patient {patient.number} has no report")
    return _outcome(patient, report, film.truth, seconds)


def _outcome(patient: Patient, report: Report, truth: Truth, seconds: float) -> Outcome:
    decision = Decision.Name(report.decision).removeprefix("DECISION_").lower()
    rules = tuple(finding.rule_id for finding in report.findings)
    figures = {measure.name: _read(measure) for measure in report.measures}
    return Outcome(patient.number, patient.ailment, decision, rules, figures, truth_of(truth), round(seconds, 1))


def _read(measure: Measure) -> Read:
    given = {name: getattr(measure, name) if measure.HasField(name) else None for name in ("value", "low", "high")}
    return Read(measure.numerator, measure.denominator, withheld=measure.withheld.code, **given)


def truth_of(truth: Truth) -> dict[str, float]:
    """What each figure would be, had every cell been counted without error; by the figure's name.

    Leukocytes are those of the whole film, as they are read wherever they lie; red cells and platelets those of the
    monolayer.
    """
    leukocytes = truth.count("leukocyte")
    red, platelets = (truth.count(kind, Region.MONOLAYER) for kind in ("erythrocyte", "platelet"))
    counted = {name: count for name, count in leukocytes.items() if name not in _OUTSIDE}
    white = sum(counted.values())
    infected, cells = sum(red[name] for name in INFECTED), sum(red.values())
    shapes = {name: count for name, count in red.items() if name not in INFECTED}
    neutrophils = leukocytes["neutrophil_segmented"] + leukocytes["neutrophil_band"]
    return {
        **{f"differential.{name}": 100 * count / white for name, count in counted.items()},
        "differential.neutrophils": 100 * neutrophils / white,
        "erythroblasts.per_100_leukocytes": 100 * leukocytes["erythroblast"] / white,
        **{f"erythrocytes.{name}": 100 * count / cells for name, count in shapes.items()},
        "erythrocytes.plasmodium": 100 * infected / cells,
        "platelets.per_100_erythrocytes": 100 * sum(platelets.values()) / cells,
        "platelets.clumps": float(len(truth.clumps)),
    }
