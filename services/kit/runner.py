"""Runs services: a thread for each subscription, timer and task, until told to stop or until one of them fails."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial

import structlog
from structlog.contextvars import bind_contextvars

from services.kit.dead_letter_rate import DeadLetterRate
from services.kit.errors import TransientError
from services.kit.loop import ConsumerLoop, TimerLoop
from services.kit.service import Resources, Service, Subscription, Timer
from services.kit.stop import Stop
from services.kit.transport import Consumer, Transport

# How long a consumer waits at a time; a message or the stop ends it at once.
POLL_S = 5.0
# Between two attempts to reach a broker that gives no messages.
AWAY_S = 1.0

log = structlog.get_logger()


class Runner:
    """Starts services in threads. A defect in any thread stops all of them and is kept as `failure`."""

    def __init__(self, services: Sequence[Service], transport: Transport, resources: Resources) -> None:
        self._services = services
        self._transport = transport
        self._resources = resources
        self.stopping = Stop()
        self.failure: BaseException | None = None
        self._threads: list[threading.Thread] = []
        # When each consumer and timer began the turn it is on, by thread (monotonic, s).
        self._turns: dict[str, float] = {}

    def start(self) -> None:
        """Start every thread; those that serve are started before those that consume."""
        for service in self._services:
            for name, task in service.tasks.items():
                self._spawn(service.name, f"{service.name}:{name}", partial(task, self.stopping))
        for service in self._services:
            for subscription in service.subscriptions:
                name = f"{service.name}<{subscription.topic}"
                self._spawn(service.name, name, partial(self._consume, name, service, subscription))
            for timer in service.timers:
                name = f"{service.name}:{timer.name}"
                tracer = self._resources.tracing.of(service.name)
                loop = TimerLoop(timer, self._transport.producer(), self._resources.clock, tracer)
                self._spawn(service.name, name, partial(self._tick, name, timer, loop))

    def stop(self) -> None:
        """Ask every thread to end after the batch it is on."""
        self.stopping.set()

    def join(self, timeout_s: float | None = None) -> Sequence[str]:
        """Wait for all threads to end, `timeout_s` in all; returns the names of those that still work."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(None if until is None else max(until - time.monotonic(), 0.0))
        return [thread.name for thread in self._threads if thread.is_alive()]

    def stuck(self, limit_s: float) -> Sequence[str]:
        """The consumers and timers that have been on one turn for longer than `limit_s`."""
        now = self._resources.clock.monotonic()
        return sorted(name for name, turn in list(self._turns.items()) if now - turn > limit_s)

    def _spawn(self, service: str, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._guard, args=(service, name, work), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guard(self, service: str, name: str, work: Callable[[], None]) -> None:
        bind_contextvars(service=service)
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - kept as `failure`, which the main thread raises
            log.critical("stopped by a defect", thread=name, error=type(error).__name__)
            self.failure = self.failure or error
            self.stopping.set()

    def _consume(self, name: str, service: Service, subscription: Subscription) -> None:
        """A consumer that the broker fails is left for a new one, to which everything uncommitted is delivered."""
        rate = DeadLetterRate(self._resources.clock)
        while not self.stopping.is_set():
            try:
                with (
                    closing(self._transport.consumer(service.name, [subscription.topic])) as consumer,
                    self.stopping.ringing(consumer.wake),
                ):
                    self._take_turns(name, self._loop(service, subscription, consumer, rate))
            except TransientError as error:
                log.warning("no messages now", topic=subscription.topic, reason=str(error))
                self.stopping.wait(AWAY_S)

    def _loop(
        self, service: Service, subscription: Subscription, consumer: Consumer, rate: DeadLetterRate
    ) -> ConsumerLoop:
        return ConsumerLoop(
            service,
            subscription,
            consumer,
            self._transport.producer(),
            clock=self._resources.clock,
            metrics=self._resources.metrics,
            rate=rate,
            tracer=self._resources.tracing.of(service.name),
            stopping=self.stopping.is_set,
        )

    def _take_turns(self, name: str, loop: ConsumerLoop) -> None:
        while not self.stopping.is_set():
            with self._turn(name):
                loop.run_once(POLL_S)

    def _tick(self, name: str, timer: Timer, loop: TimerLoop) -> None:
        with self.stopping.ringing(timer.wake.set):
            while not self.stopping.is_set():
                with self._turn(name):
                    due_s = loop.run_once()
                # A stop from here on sets it; one before may have set it for the turn.
                if not self.stopping.is_set():
                    timer.wake.wait(max(due_s, 0.0))

    @contextmanager
    def _turn(self, name: str) -> Iterator[None]:
        self._turns[name] = self._resources.clock.monotonic()
        try:
            yield
        finally:
            del self._turns[name]
