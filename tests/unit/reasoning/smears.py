"""Composes what the other services say of a slide."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from services.kit.clock import ManualClock, to_timestamp
from services.kit.contracts import (
    Analyte,
    Cell,
    Field,
    Film,
    Kind,
    Milestone,
    Model,
    Order,
    Place,
    Priority,
    Question,
    Reading,
    Reason,
    Region,
    Report,
    Scan,
    ScanProperties,
    ScanState,
    Slide,
    Stage,
    TileCells,
)
from services.kit.database import Database
from services.kit.objects import Objects
from services.kit.telemetry import Metrics
from services.reasoning.deciding import ReportWriter
from services.reasoning.handlers import ReasoningHandlers
from services.reasoning.knowledge import Knowledge
from services.reasoning.settings import ReasoningSettings
from services.reasoning.tables import METADATA

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEUKOCYTES = [
    "neutrophil_segmented",
    "neutrophil_band",
    "metamyelocyte",
    "myelocyte",
    "promyelocyte",
    "blast",
    "lymphocyte",
    "monocyte",
    "eosinophil",
    "basophil",
    "erythroblast",
    "platelet",
]
ERYTHROCYTES = [
    "normal",
    "macrocyte",
    "microcyte",
    "spherocyte",
    "target",
    "stomatocyte",
    "ovalocyte",
    "teardrop",
    "burr",
    "schistocyte",
    "hypochromic",
    "elliptocyte",
    "sickle",
]
MODELS = (
    Model(name="detector", version="1", sha256="d"),
    Model(name="leukocytes", version="1", sha256="l", classes=LEUKOCYTES),
    Model(name="erythrocytes", version="1", sha256="e", classes=ERYTHROCYTES),
)
EVERYTHING = (Question.QUESTION_LEUKOCYTES, Question.QUESTION_ERYTHROCYTES)
# A plain film: 200 leukocytes.
PLAIN = {
    "neutrophil_segmented": 112,
    "neutrophil_band": 8,
    "lymphocyte": 60,
    "monocyte": 12,
    "eosinophil": 6,
    "basophil": 2,
}


def slide(slide_id="s1", specimen="24-0001", priority=Priority.PRIORITY_ROUTINE, minutes=30):
    return Slide(
        slide_id=slide_id,
        specimen=specimen,
        priority=priority,
        deadline=to_timestamp(NOON + timedelta(minutes=minutes)),
        milestones=[Milestone(stage=Stage.STAGE_SCAN_COMPLETE, at=to_timestamp(NOON))],
    )


def scan(of=None, state=ScanState.SCAN_STATE_ADMITTED, code="", text="", copy_of="", name="", revision=0):
    reason = Reason(code=code, text=text) if code else None
    known = of or slide()
    name = name or f"{known.slide_id}.vsi"
    return Scan(
        name=name,
        state=state,
        slide=known,
        reason=reason,
        copy_of=copy_of,
        properties=ScanProperties(name=name),
        revision=revision,
    )


def order(order_id="o1", specimen="24-0001", haemogram=(), wanted=0, cancelled=False, stat=False, minute=0, revision=0):
    return Order(
        order_id=order_id,
        specimen=specimen,
        priority=Priority.PRIORITY_STAT if stat else Priority.PRIORITY_ROUTINE,
        ordered_at=to_timestamp(NOON + timedelta(minutes=minute)),
        leukocytes_wanted=wanted,
        cancelled=cancelled,
        revision=revision,
        haemogram=[Analyte(loinc=loinc, value=value, unit=unit) for loinc, value, unit in haemogram],
    )


def leukocyte(name, label, x=0.0, probability=0.97, candidates=None):
    sure = label if label in LEUKOCYTES else LEUKOCYTES[0]
    rest = (1 - probability) / (len(LEUKOCYTES) - 1)
    return Cell(
        cell_id=name,
        kind=Kind.KIND_LEUKOCYTE,
        box=Region(x_um=x, y_um=0, width_um=12, height_um=12),
        score=0.99,
        label=label,
        probabilities=[probability if c == sure else rest for c in LEUKOCYTES],
        candidates=[label] if candidates is None else candidates,
        crop_uri=f"object:///slides/s/crops/{name}.jpg",
    )


def erythrocyte(name, label="normal"):
    probabilities = [0.95 if c == label else 0.05 / 11 for c in ERYTHROCYTES] if label else []
    candidates = [label] if label in ERYTHROCYTES else []
    return Cell(
        cell_id=name,
        kind=Kind.KIND_ERYTHROCYTE,
        score=0.9,
        label=label,
        probabilities=probabilities,
        candidates=candidates,
    )


def platelet(name, x=0.0, y=0.0):
    box = Region(x_um=x, y_um=y, width_um=2.5, height_um=2.5)
    return Cell(cell_id=name, kind=Kind.KIND_PLATELET, box=box, score=0.9, label="platelet", candidates=["platelet"])


def tile(tile_id, cells=(), of=None, round_=1, questions=EVERYTHING, unreadable="", nuclei=()):
    about = Slide()
    about.CopyFrom(of or slide())
    about.milestones.append(Milestone(stage=Stage.STAGE_CELLS_READ, at=to_timestamp(NOON + timedelta(minutes=1))))
    return TileCells(
        slide=about,
        round=round_,
        tile_id=tile_id,
        questions=questions,
        cells=cells,
        models=MODELS,
        unreadable=Reason(code="tile_unreadable", text=unreadable) if unreadable else None,
        nuclei=[Place(x_um=x, y_um=y) for x, y in nuclei],
    )


def reading(tile_ids, of=None, round_=1, exhausted=(), missing_tiles=0, rejected=()):
    return Reading(
        slide=of or slide(),
        scan=ScanProperties(name="a.vsi", um_per_px=0.137),
        round=round_,
        film=Film(covered_mm2=200, in_focus=0.97, nuclei=900, missing_tiles=missing_tiles),
        fields=[
            *(Field(field_id=t, questions=EVERYTHING) for t in tile_ids),
            *(Field(field_id=f"r{n}", rejected=Reason(code=code, text=code)) for n, code in enumerate(rejected)),
        ],
        tile_ids=tile_ids,
        exhausted=exhausted,
    )


def film_tiles(leukocytes=PLAIN, reds=1200, tiles=4, of=None, round_=1, prefix="t"):
    """Tiles that share out these leukocytes, and `reds` red cells beside them, ten platelets to a hundred."""
    about = of or slide()
    cells = [
        leukocyte(f"{about.slide_id}-{prefix}-{label}-{n}", label) for label, m in leukocytes.items() for n in range(m)
    ]
    cells += [erythrocyte(f"{about.slide_id}-{prefix}-e{n}") for n in range(reds)]
    cells += [platelet(f"{about.slide_id}-{prefix}-p{n}", x=20.0 * n, y=500) for n in range(reds // 10)]
    return [tile(f"{about.slide_id}-{prefix}{k}", cells[k::tiles], about, round_) for k in range(tiles)]


def film(leukocytes=PLAIN, **how):
    """A whole first round: its reading, then its tiles."""
    tiles = film_tiles(leukocytes, **how)
    return [reading([t.tile_id for t in tiles], how.get("of")), *tiles]


class Bench:
    """The handlers over a database in a file, with a clock moved by hand."""

    def __init__(self, folder, knowledge: Knowledge, **settings):
        self.clock = ManualClock(NOON + timedelta(minutes=2))
        self.metrics = Metrics()
        self.objects = Objects.in_memory()
        self.settings = ReasoningSettings.load(**{"erythrocytes": 1000, **settings})
        self.database = Database.in_file(folder / "reasoning.db", METADATA)
        self.knowledge = knowledge
        self.open()

    def open(self):
        """As after a restart: nothing is kept but the database and the objects."""
        writer = ReportWriter(self.knowledge, self.objects)
        self.handlers = ReasoningHandlers(self.database, writer, self.clock, self.metrics, self.settings)

    def take(self, *messages):
        """What is sent for these messages, in order."""
        names = {Scan: "scans", Order: "orders", Reading: "readings", TileCells: "cells"}
        return [out for message in messages for out in getattr(self.handlers, names[type(message)])(message)]

    def guard(self, sent=True):
        outputs = list(self.handlers.guard())
        if sent:
            self.handlers.announced(outputs)
        return outputs


def reports(outputs: Sequence) -> list[Report]:
    return [output.value for output in outputs if output.topic == "reports"]


def measures(report):
    return {measure.name: measure for measure in report.measures}


def evidence(bench, report):
    """The ids of each measure's cells."""
    return json.loads(bench.objects.get(report.evidence_uri))
