"""Two processes of ingestion on one share and one database, of which one is frozen, and killed."""

import threading
from collections import Counter
from contextlib import closing

import pytest
from sqlalchemy import select

from services.ingestion.store import ScanStore
from services.ingestion.tables import LEASES, METADATA
from services.kit.contracts import ScanState
from services.kit.database import Database
from services.kit.local_log import LocalLog
from stack.frottis import FrottisService
from tests.integration.postgres.conftest import emptied
from tests.unit.ingestion.at_work import write

TAKEOVER_S = 3
PATIENCE_S = 240


class Pair:
    """The processes, each with a log of its own, and the database that they share."""

    def __init__(self, postgres, folder):
        emptied(postgres, METADATA)
        self.share, self.folder = folder / "share", folder / "services"
        self.share.mkdir()
        self.database = Database.on_server(postgres.settings("frottis_ingestion"), "ingestion", METADATA)
        environment = {
            **postgres.environment("frottis_ingestion"),
            "FROTTIS_INGESTION_SHARE": str(self.share),
            "FROTTIS_INGESTION_SETTLE_S": "0",
            "FROTTIS_INGESTION_POLL_S": "0.2",
            "FROTTIS_INGESTION_TAKEOVER_S": str(TAKEOVER_S),
        }
        self.processes = [FrottisService("ingestion", self.folder, environment, number) for number in (1, 2)]

    def until(self, is_so):
        for _ in range(PATIENCE_S * 10):
            if is_so():
                return
            threading.Event().wait(0.1)
        raise AssertionError("not so in time")

    def admitted(self, name):
        """Written to the share, and told as admitted: this film of noise is held as soon as it is read."""
        write(self.share, name, barcode=f"A-{name}", seed=len(name))
        self.until(lambda: self._heard(name))

    def _heard(self, name):
        known = ScanStore(self.database).get(f"{name}.vsi")
        return known is not None and known.scan.state == ScanState.SCAN_STATE_HELD and not self._unannounced()

    def _unannounced(self):
        return ScanStore(self.database).unannounced()

    def holder(self):
        with self.database.transaction() as connection:
            return connection.execute(select(LEASES.c.holder).where(LEASES.c.name == "share")).scalar_one()

    def told(self):
        """How often each scan was told as admitted, by both together."""
        counted = Counter()
        for number in (1, 2):
            with closing(LocalLog(self.folder / f"ingestion-{number}" / "messages.db")) as log:
                words = [message.value for message in log.consumer("review", ["scans"]).poll(100, 0)]
            counted.update(scan.name for scan in words if scan.state == ScanState.SCAN_STATE_ADMITTED)
        return counted


@pytest.fixture
def pair(postgres, tmp_path):
    made = Pair(postgres, tmp_path)
    yield made
    for process in made.processes:
        process.stop()
    made.database.close()


def test_each_scan_is_admitted_and_told_once_whatever_becomes_of_the_processes(pair):
    first, second = pair.processes
    first.start()
    pair.admitted("one")
    holder = pair.holder()
    second.start()
    first.freeze()
    pair.admitted("three")
    assert pair.holder() != holder
    first.thaw()
    pair.admitted("fifteen")
    second.kill()
    pair.admitted("seventeen")
    assert pair.holder() == holder
    second.start()
    first.stop()
    pair.admitted("twenty-three")
    second.stop()
    names = ("one", "three", "fifteen", "seventeen", "twenty-three")
    assert pair.told() == {f"{name}.vsi": 1 for name in names}
