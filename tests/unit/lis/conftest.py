import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.kit.clock import Clock, ManualClock, SystemClock, to_timestamp
from services.kit.contracts import (
    Decision,
    Delivery,
    Finding,
    Measure,
    Milestone,
    Model,
    Order,
    Priority,
    Reason,
    Report,
    ScanProperties,
    Slide,
    Stage,
)
from services.kit.database import Database
from services.kit.objects import Objects
from services.kit.service import Resources
from services.kit.telemetry import Metrics
from services.kit.transport import Received
from services.lis.orders.model import Placer
from services.lis.settings import LisSettings
from services.lis.wiring import SENDER, SERVER, build
from services.simulator.lis import LisSimulator, fictitious_patient

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
LOOPBACK = "127.0.0.1"


@dataclass
class Gateway:
    """The whole service over a folder, its tasks run by the test or in threads."""

    folder: Path
    lis: tuple[str, int]
    clock: Clock
    settings: dict[str, Any] = field(default_factory=dict)
    metrics: Metrics = field(default_factory=Metrics)
    # Of several gateways over one folder, as on a database server.
    replica: bool = False

    def __post_init__(self) -> None:
        given = {"ack_timeout_s": 0.4, "listen_port": 0, "retry_first_s": 1.0, **self.settings}
        settings = LisSettings.load(lis_host=self.lis[0], lis_port=self.lis[1], **given)

        def database(name, metadata):
            opened = Database.in_file(self.folder / f"{name}.db", metadata)
            opened.exclusive = opened.exclusive and not self.replica
            return opened

        self.service = build(settings, Resources(self.clock, self.metrics, Objects.in_memory(), database))
        self.sender = self.service.tasks[SENDER]
        self.server = self.service.tasks[SERVER]
        self.stop = threading.Event()

    def handle(self, report: Report):
        (subscription,) = self.service.subscriptions
        message = Received("reports", report.slide.slide_id, report, position=None)
        return list(subscription.handle([message]))

    def events(self, *, confirm: bool = True):
        """What the service tells the others, as its timer does."""
        events = next(timer for timer in self.service.timers if timer.name == "lis events")
        outgoing = list(events.run())
        if confirm:
            events.sent(outgoing)
        return outgoing

    def deliveries(self) -> list[Delivery]:
        return [message.value for message in self.events() if message.topic == "deliveries"]

    def orders(self) -> list[Order]:
        return [message.value for message in self.events() if message.topic == "orders"]

    def send(self) -> bool:
        return self.sender.run_once(self.stop)

    def send_all(self, turns: int = 20) -> None:
        """Let the sender work until nothing is left, waiting no real time between attempts."""
        for _ in range(turns):
            self.send()
            if not self.waiting():
                return
            self.clock.advance(61.0)
        raise AssertionError("the outbox does not empty")

    def waiting(self) -> int:
        next(timer for timer in self.service.timers if timer.name == "outbox gauges").run()
        return int(self.metrics.registry.get_sample_value("frottis_outbox_messages"))

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    @contextmanager
    def serving(self) -> Iterator[tuple[str, int]]:
        """Within, the port for orders is open; its address."""
        stop = threading.Event()
        thread = threading.Thread(target=self.server, args=(stop,))
        thread.start()
        try:
            assert self.server.listening.wait(10)
            yield self.server.address
        finally:
            stop.set()
            thread.join(10)
            assert not thread.is_alive()

    def close(self) -> None:
        self.sender.close()
        self.service.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def lis() -> Iterator[LisSimulator]:
    with LisSimulator() as simulator:
        yield simulator


@pytest.fixture
def open_gateway(tmp_path) -> Iterator[Callable[..., Gateway]]:
    with ExitStack() as stack:

        def open_one(lis=(LOOPBACK, 9), clock=None, folder=None, *, replica=False, **settings) -> Gateway:
            gateway = Gateway(folder or tmp_path / "state", lis, clock or SystemClock(), settings, replica=replica)
            stack.callback(gateway.close)
            return gateway

        yield open_one


@pytest.fixture
def gateway(open_gateway, lis, clock) -> Gateway:
    """A gateway towards the simulated LIS, with a clock that the test moves."""
    return open_gateway(lis.address, clock)


def order_id_of(placer: str) -> str:
    return Placer(placer, "SIMLIS").order_id


@pytest.fixture
def place(lis) -> Callable[..., str]:
    """Place an order at a gateway through its port; gives the order's id."""

    def place_one(gateway: Gateway, specimen: str = "S100", placer: str = "P100", **order) -> str:
        with gateway.serving() as address:
            assert lis.send_order(address, specimen, placer=placer, **order).code == "AA"
        return order_id_of(placer)

    return place_one


def measure(name: str, numerator: int, denominator: int, **fields: Any) -> Measure:
    return Measure(name=name, numerator=numerator, denominator=denominator, **fields)


def percent(name: str, numerator: int, denominator: int, low: float, high: float, **fields: Any) -> Measure:
    value = 100 * numerator / denominator
    return measure(name, numerator, denominator, value=value, low=low, high=high, unit="%", **fields)


MEASURES = (
    percent("differential.neutrophil_segmented", 112, 200, 48.8, 63.0),
    percent("differential.blast", 0, 200, 0.0, 1.8),
    measure("erythroblasts.per_100_leukocytes", 3, 200, value=1.5, low=0.3, high=4.3, unit="/100{WBCs}"),
    measure("leukocytes.counted", 200, 210, unit="1"),
    percent("erythrocytes.schistocyte", 66, 5321, 0.96, 1.58, grade=2),
    measure(
        "platelets.per_100_erythrocytes",
        310,
        5321,
        withheld=Reason(code="clumps", text="Platelet clumps were seen: no number is given."),
    ),
    measure("platelets.clumps", 2, 5, unit="1"),
    measure("morphology.new_kind", 1, 200, value=0.5, unit="per 100 of something"),
)


@pytest.fixture
def make_report() -> Callable[..., Report]:
    def make(order_id: str = "", **changes: Any) -> Report:
        complete = changes.pop("complete", NOW - timedelta(minutes=5))
        number = changes.pop("number", 1)
        specimen = changes.pop("specimen", "S100")
        priority = changes.pop("priority", Priority.PRIORITY_ROUTINE)
        slide = Slide(
            slide_id=f"slide-{number}",
            specimen=specimen,
            priority=priority,
            deadline=to_timestamp(changes.pop("deadline", complete + timedelta(minutes=30))),
            milestones=[Milestone(stage=Stage.STAGE_SCAN_COMPLETE, at=to_timestamp(complete))],
        )
        fields: dict[str, Any] = {
            "report_id": f"report-{number}",
            "slide": slide,
            "order_id": order_id,
            "decision": Decision.DECISION_RELEASED,
            "reasons": [Reason(code="complete", text="Every target was reached.")],
            "decided_at": to_timestamp(NOW),
            "measures": MEASURES,
            "findings": [Finding(rule_id="schistocytes-2plus", effect="flag", text="Schistocytes 2+: to confirm.")],
            "scan": ScanProperties(identity="ab" * 32, um_per_px=0.137, objective="UPLXAPO40X"),
            "models": [Model(name="leukocytes", version="1.0", sha256="cd" * 32)],
            "rules_version": "2026-1",
            "limitations": [Reason(code="clumps", text="Platelets are clumped | line 1\nline 2")],
        }
        fields.update(changes)
        return Report(**fields)

    return make


@pytest.fixture
def ready(gateway, place, make_report) -> Callable[..., Report]:
    """A report in the outbox of `gateway`, its order placed."""

    def enqueue(number: int = 1, **changes: Any) -> Report:
        order_id = place(gateway, f"S{number}", f"P{number}")
        report = make_report(order_id, number=number, specimen=f"S{number}", **changes)
        assert gateway.handle(report) == []
        return report

    return enqueue


@pytest.fixture
def patient():
    return fictitious_patient("P100")
