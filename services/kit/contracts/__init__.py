"""The messages that services exchange, generated from `proto/` (`make contracts`), under one roof."""

from services.kit.contracts.cell_pb2 import Attribute, Cell, Kind, Model, Morphometry, TileCells
from services.kit.contracts.delivery_pb2 import Delivery, DeliveryState
from services.kit.contracts.order_pb2 import Analyte, Order
from services.kit.contracts.reading_pb2 import Field, Film, Reading, ReadingRequest, Tile
from services.kit.contracts.report_pb2 import Decision, Distribution, Finding, Measure, Report, Target
from services.kit.contracts.scan_pb2 import Scan, ScanState
from services.kit.contracts.slide_pb2 import (
    Milestone,
    Place,
    Priority,
    Question,
    Reason,
    Region,
    ScanProperties,
    Slide,
    Stage,
)

__all__ = [
    "Analyte",
    "Attribute",
    "Cell",
    "Decision",
    "Delivery",
    "DeliveryState",
    "Distribution",
    "Field",
    "Film",
    "Finding",
    "Kind",
    "Measure",
    "Milestone",
    "Model",
    "Morphometry",
    "Order",
    "Place",
    "Priority",
    "Question",
    "Reading",
    "ReadingRequest",
    "Reason",
    "Region",
    "Report",
    "Scan",
    "ScanProperties",
    "ScanState",
    "Slide",
    "Stage",
    "Target",
    "Tile",
    "TileCells",
]
