"""Runs services: a thread for each subscription, timer and task, until told to stop or until one of them fails."""

import threading
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from services.kit.loop import ConsumerLoop, TimerLoop
from services.kit.service import Resources, Service, Subscription
from services.kit.transport import Transport

POLL_S = 0.5

log = structlog.get_logger()


class Runner:
    """Starts services in threads. A defect in any thread stops all of them and is raised by `wait`."""

    def __init__(self, services: Sequence[Service], transport: Transport, resources: Resources) -> None:
        self._services = list(services)
        self._transport = transport
        self._resources = resources
        self.stopping = threading.Event()
        self._failure: BaseException | None = None
        self._threads: list[threading.Thread] = []

    def add(self, service: Service) -> None:
        """One more service, before `start`."""
        self._services.append(service)

    def start(self) -> None:
        """Start every thread; those that serve are started before those that consume."""
        for service in self._services:
            for name, task in service.tasks.items():
                self._spawn(f"{service.name}:{name}", partial(task, self.stopping))
        for service in self._services:
            for subscription in service.subscriptions:
                self._spawn(f"{service.name}<{subscription.topic}", partial(self._consume, service, subscription))
            for timer in service.timers:
                loop = TimerLoop(timer, self._transport.producer(), self._resources.clock)
                self._spawn(f"{service.name}:{timer.name}", partial(self._tick, loop))

    def stop(self) -> None:
        """Ask every thread to end after the batch it is on."""
        self.stopping.set()

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait for the end; raises what a thread failed of."""
        for thread in self._threads:
            thread.join(timeout_s)
        for service in self._services:
            service.close()
        if self._failure is not None:
            raise self._failure

    @property
    def failed(self) -> bool:
        """A thread ended by an exception; `wait` will raise it."""
        return self._failure is not None

    def _spawn(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._guard, args=(name, work), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guard(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - kept for `wait`, which raises it in the main thread
            log.critical("stopped by a defect", thread=name, error=type(error).__name__)
            self._failure = self._failure or error
            self.stopping.set()

    def _consume(self, service: Service, subscription: Subscription) -> None:
        consumer = self._transport.consumer(service.name, [subscription.topic])
        producer, clock, metrics = self._transport.producer(), self._resources.clock, self._resources.metrics
        stopping = self.stopping.is_set
        loop = ConsumerLoop(service, subscription, consumer, producer, clock=clock, metrics=metrics, stopping=stopping)
        while not self.stopping.is_set():
            loop.run_once(POLL_S)
        consumer.close()

    def _tick(self, loop: TimerLoop) -> None:
        while not self.stopping.is_set():
            self.stopping.wait(max(loop.run_once(), 0.0))
