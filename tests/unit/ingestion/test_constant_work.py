"""What a poll and an order cost does not grow with the scans that were ever seen."""

from datetime import timedelta

import pytest
from sqlalchemy import event, insert

from services.ingestion.tables import SCANS
from services.kit.clock import to_timestamp
from services.kit.contracts import Reason, Scan, Slide
from tests.unit.ingestion.at_work import ADMITTED, HELD, NOON, REFUSED, STAT, Ingestion, write

MANY = 3000


@pytest.fixture
def ingestion(tmp_path):
    made = Ingestion(tmp_path, settle_s=0)
    made.steps = Steps(made.database.engine)
    yield made
    made.database.close()


class Steps:
    """Counts what the database does, in steps of SQLite's virtual machine: a row that is looked at takes some."""

    def __init__(self, engine):
        self.taken = 0
        event.listen(engine, "checkout", lambda connection, *_: connection.set_progress_handler(self._step, 1))

    def _step(self):
        self.taken += 1

    def of(self, work):
        before = self.taken
        work()
        return self.taken - before


def remember(ingestion, numbers):
    """Scans that were read, held or refused in earlier years, some as copies, and are not on the share any more."""

    def row(number):
        state = (ADMITTED, HELD, REFUSED)[number % 3]
        slide = Slide(slide_id=f"S{number}", specimen=f"B{number}")
        scan = Scan(name=f"{number:06}.vsi", state=state, slide=slide, reason=Reason(code="x"), revision=2)
        scan.copy_of = f"{number - 1:06}.vsi" if number % 10 == 9 else ""
        scan.first_seen_at.CopyFrom(to_timestamp(NOON - timedelta(days=number)))
        return {
            "name": scan.name,
            "fingerprint": "f",
            "still_since": 1e9,
            "state": state,
            "slide_id": slide.slide_id,
            "specimen": slide.specimen,
            "message": scan.SerializeToString(deterministic=True),
            "announced": True,
            "copy_of": scan.copy_of,
            "orphaned": False,
            "serial": number + 1,
        }

    with ingestion.database.transaction() as connection:
        connection.execute(insert(SCANS), [row(number) for number in numbers])


def a_day(ingestion, number):
    """A scan comes, is admitted, and hurried; then nothing happens."""
    write(ingestion.share, f"today{number}", barcode=f"A{number:04}", seed=number)
    assert [state for _, state in ingestion.poll()] == [ADMITTED]
    ingestion.order(f"O{number}", specimen=f"A{number:04}", priority=STAT)
    assert [state for _, state in ingestion.poll()] == [ADMITTED]
    assert ingestion.poll() == ingestion.poll() == []


def test_a_day_costs_the_same_however_many_scans_were_seen_before(ingestion):
    remember(ingestion, range(20))
    few = ingestion.steps.of(lambda: a_day(ingestion, 1))
    remember(ingestion, range(20, MANY))
    ingestion.poll()
    many = ingestion.steps.of(lambda: a_day(ingestion, 2))
    assert few > 100
    assert many < few * 1.2


def test_scans_that_stay_on_the_share_are_not_looked_up_at_each_poll(ingestion):
    (ingestion.share / "notes.txt").touch()
    ingestion.poll()
    none = ingestion.steps.of(ingestion.poll)
    for number in range(200):
        (ingestion.share / f"{number}.vsi").write_bytes(b"GIF89a" * 100)
    assert len(ingestion.poll()) == 200
    ingestion.poll()
    assert ingestion.steps.of(ingestion.poll) < none * 1.2


def test_after_a_restart_scans_on_the_share_are_looked_up_together(ingestion):
    for number in range(200):
        (ingestion.share / f"{number}.vsi").write_bytes(b"GIF89a" * 100)
    ingestion.poll()
    remember(ingestion, range(MANY))
    ingestion.restart()
    queries = []
    event.listen(ingestion.database.engine, "before_execute", lambda *given: queries.append(given))
    assert ingestion.poll() == []
    assert len(queries) < 20


def test_what_a_poll_remembers_goes_with_the_scan(ingestion):
    (ingestion.share / "notes.txt").touch()
    (ingestion.share / "a.vsi").write_bytes(b"GIF89a" * 100)
    ingestion.poll()
    ingestion.poll()
    assert ingestion.watcher._admission.remembers("a.vsi")
    (ingestion.share / "a.vsi").unlink()
    ingestion.poll()
    assert not ingestion.watcher._admission.remembers("a.vsi")
