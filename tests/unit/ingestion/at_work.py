"""Ingestion on a share, moved by hand: what it says, what it keeps, and what it makes of messages."""

import copy
import shutil
from datetime import UTC, datetime

import numpy as np

from services.ingestion.handlers import IngestionHandlers
from services.ingestion.pixels import PixelStore
from services.ingestion.reading import SlideReader
from services.ingestion.retention import TileRetention
from services.ingestion.settings import IngestionSettings
from services.ingestion.store import Stores
from services.ingestion.tables import LEASES, METADATA
from services.ingestion.watcher import Watcher
from services.ingestion.wiring import HANGS_S
from services.kit.clock import ManualClock, from_timestamp
from services.kit.contracts import Order, Priority, Reading, ScanState, Tile
from services.kit.database import Database
from services.kit.lease import Lease
from services.kit.objects import Objects
from services.kit.telemetry import Metrics
from services.simulator.vsi import Stack, StackKind, write_slide

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
WAITING, ADMITTED = ScanState.SCAN_STATE_WAITING, ScanState.SCAN_STATE_ADMITTED
HELD, REFUSED = ScanState.SCAN_STATE_HELD, ScanState.SCAN_STATE_REFUSED
ROUTINE, STAT = Priority.PRIORITY_ROUTINE, Priority.PRIORITY_STAT
FEW_CELLS = {"leukocytes": 10, "erythrocytes": 300, "clump_fields": 1}


def write(folder, name="s1", barcode="A1234", seed=0, created=NOON):
    """A sound scan of noise: quickly written, admitted, and no film."""
    pixels = np.random.default_rng(seed).integers(100, 255, (600, 700, 3), np.uint8)
    return write_slide(folder, name, [Stack(10001, "40x_BF", StackKind.MAIN, pixels)], barcode=barcode, created=created)


class Ingestion:
    """A share that is watched and read, with a clock moved by hand; `told` holds every announcement."""

    def __init__(self, folder, objects=None, **settings):
        self.share = folder / "share"
        self.share.mkdir()
        self.clock = ManualClock(NOON)
        self.database = Database.in_file(folder / "ingestion.db", METADATA)
        self.stores = Stores(self.database)
        self.objects = objects or Objects.in_memory()
        self.settings = IngestionSettings.load(
            share=self.share, **{"settle_s": 10, "incomplete_limit_s": 900, **settings}
        )
        self.told = []
        self.exclusive = True
        self.restart()

    def restart(self):
        self.metrics = Metrics()
        self.polling, pruning = self.lease("share", self.settings.takeover_s), self.lease("tiles", 1200)
        guarded = Stores(self.database, self.polling.require)
        self.watcher = Watcher(self.settings, guarded, self.polling, self.clock, self.metrics)
        self.pixels = PixelStore(self.objects, self.database)
        reader = SlideReader(self.settings, self.pixels, self.clock, self.metrics)
        self.handlers = IngestionHandlers(self.settings, self.stores, reader, self.clock)
        keep_days = self.settings.keep_days
        self.retention = TileRetention(self.objects, self.database, pruning, self.clock, self.metrics, keep_days)

    def lease(self, work, patience_s):
        return Lease(self.database, LEASES, work, patience_s, self.clock, exclusive=self.exclusive, hangs_s=HANGS_S)

    def replica(self, **settings):
        """Another replica on the same share, database and object store, with the same clock."""
        other = copy.copy(self)
        other.settings = self.settings.model_copy(update=settings)
        other.told, other.exclusive = [], False
        other.restart()
        return other

    def put(self, vsi, name=None):
        stem = name or vsi.stem
        shutil.copytree(vsi.with_name(f"_{vsi.stem}_"), self.share / f"_{stem}_")
        return shutil.copy(vsi, self.share / f"{stem}.vsi")

    def take_away(self, name):
        shutil.rmtree(self.share / f"_{name}_")
        (self.share / f"{name}.vsi").unlink()

    def announced(self, seconds=0.0):
        """Every scan announced by one poll, `seconds` later."""
        self.clock.advance(seconds)
        outputs = list(self.watcher.poll())
        self.watcher.sent(outputs)
        scans = [output.value for output in outputs]
        self.told += scans
        return scans

    def poll(self, seconds=0.0):
        return [(scan.name, scan.state) for scan in self.announced(seconds)]

    def settled(self):
        """The scans announced once everything on the share is still."""
        return [*self.announced(), *self.announced(self.settings.settle_s)]

    def last(self, name):
        return next(scan for scan in reversed(self.told) if scan.name == name)

    def known(self, name):
        return self.stores.scans.get(name).scan

    def order(self, order_id="O1", specimen="A1234", priority=ROUTINE, revision=1, **more):
        order = Order(order_id=order_id, specimen=specimen, priority=priority, revision=revision, **more)
        assert list(self.handlers.orders(order)) == []

    def outputs(self, scan):
        return [output.value for output in self.handlers.scans(scan)]

    def read(self, scan):
        """The round's tiles and its reading (None when it gave none)."""
        values = self.outputs(scan)
        return [v for v in values if isinstance(v, Tile)], next((v for v in values if isinstance(v, Reading)), None)

    def request(self, request):
        return [output.value for output in self.handlers.requests(request)]


def deadline(slide):
    return from_timestamp(slide.deadline)
