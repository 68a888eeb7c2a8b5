"""The consumer loop, written once: poll, handle, send, commit, and what becomes of a message that fails.

By exception type: TransientError is retried with growing delays for as long as it takes; PoisonError goes to the dead
letters, and so does what is no message at all; anything else is a defect and leaves the loop, with nothing committed.
"""

from collections.abc import Callable, Iterable, Sequence

import structlog

from services.kit.clock import Clock
from services.kit.dead_letter_rate import DeadLetterRate
from services.kit.errors import PoisonError, TransientError
from services.kit.service import Service, Subscription, Timer
from services.kit.telemetry import Metrics
from services.kit.tracing.tracer import ServiceTracer
from services.kit.tracing.work import Work
from services.kit.transport import Consumer, Outgoing, Producer, Received

SEND_EVERY_S = 0.25
# Between two attempts of a timer whose work cannot be done now.
AGAIN_S = 1.0
FIRST_DELAY_S, LONGEST_DELAY_S, MOST_DOUBLINGS = 0.2, 30.0, 10

log = structlog.get_logger()


class _Abandoned(Exception):
    """The process is stopping in the middle of a long batch, which will be delivered again."""


class ConsumerLoop:
    """One subscription of one service, for one thread."""

    def __init__(
        self,
        service: Service,
        subscription: Subscription,
        consumer: Consumer,
        producer: Producer,
        *,
        clock: Clock,
        metrics: Metrics,
        rate: DeadLetterRate,
        tracer: ServiceTracer,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._service = service.name
        self._subscription = subscription
        self._consumer = consumer
        self._producer = producer
        self._clock = clock
        self._metrics = metrics
        self._stopping = stopping
        self._rate = rate
        self._tracer = tracer

    def run_once(self, timeout_s: float = 0.0) -> bool:
        """Take one batch through; False when there was none within `timeout_s`.

        Raises TransientError when the broker gives no messages now, TooManyDeadLetters, a defect.
        """
        batch = self._consumer.poll(self._subscription.batch, timeout_s)
        if not batch:
            return False
        started = self._clock.monotonic()
        for message in batch:
            if message.unreadable is not None:
                self._bury(message, message.unreadable)
        readable = [message for message in batch if message.unreadable is None]
        if readable:
            self._handle(readable)
        self._metrics.handled.labels(self._service, self._subscription.topic).observe(self._clock.monotonic() - started)
        return True

    def _bury(self, message: Received, why: str) -> None:
        """What is no message goes to the dead letters as it is."""
        with self._tracer.handling(self._subscription.topic, [message]) as work:
            self._take_apart([message], PoisonError(why), work)

    def _handle(self, batch: Sequence[Received]) -> None:
        with self._tracer.handling(self._subscription.topic, batch) as work:
            try:
                self._send(self._subscription.handle(batch), work)
                self._consumer.commit(batch)
            except TransientError as error:
                work.failed(error)
                self._retry(batch, error)
            except _Abandoned:
                work.note(abandoned=True)
                log.info("abandoned for the stop")
            except PoisonError as error:
                work.failed(error)
                self._take_apart(batch, error, work)
            else:
                self._count("handled", len(batch))

    def _send(self, outputs: Iterable[Outgoing], work: Work) -> None:
        """Outputs go out while the handler still works, so that the next service begins with the first of them."""
        waiting: list[Outgoing] = []
        since = self._clock.monotonic()
        for output in outputs:
            waiting.append(work.addressed(output))
            if self._stopping():
                raise _Abandoned
            if self._clock.monotonic() - since >= SEND_EVERY_S:
                self._producer.send(waiting)
                waiting, since = [], self._clock.monotonic()
        self._producer.send(waiting)

    def _retry(self, batch: Sequence[Received], error: TransientError) -> None:
        attempts = max(message.attempts for message in batch)
        delay = min(FIRST_DELAY_S * 2 ** min(attempts, MOST_DOUBLINGS), LONGEST_DELAY_S)
        log.warning("retry", delay_s=delay, reason=str(error))
        self._consumer.retry(batch, delay)
        self._count("retried", len(batch))

    def _take_apart(self, batch: Sequence[Received], error: PoisonError, work: Work) -> None:
        try:
            self._isolate(batch, error, work)
        except TransientError as away:
            self._retry(batch, away)

    def _isolate(self, batch: Sequence[Received], error: PoisonError, work: Work) -> None:
        """A poisoned batch is taken apart, so that only the message at fault is rejected."""
        if len(batch) > 1:
            for message in batch:
                self._handle([message])
            return
        reason = str(error)
        log.error("dead letter", key=batch[0].key, reason=reason)
        if self._subscription.on_poison is not None and batch[0].unreadable is None:
            self._producer.send([work.addressed(output) for output in self._subscription.on_poison(batch[0], reason)])
        self._consumer.reject(batch[0], reason)
        self._count("rejected", 1)
        self._rate.count(self._service, batch[0].topic)

    def _count(self, outcome: str, messages: int) -> None:
        self._metrics.messages.labels(self._service, self._subscription.topic, outcome).inc(messages)


class TimerLoop:
    """One timer of one service: due by monotonic time, so a wall clock set back does not stop it.

    One that could not do its work now is due again soon.
    """

    def __init__(self, timer: Timer, producer: Producer, clock: Clock, tracer: ServiceTracer) -> None:
        self._timer = timer
        self._tracer = tracer
        self._producer = producer
        self._clock = clock
        self._due = clock.monotonic()

    def run_once(self) -> float:
        """Run when due or woken; returns the seconds until it is due again."""
        woken = self._timer.wake.is_set()
        self._timer.wake.clear()
        if woken or self._clock.monotonic() >= self._due:
            pause_s = self._timer.every_s if self._run() else min(self._timer.every_s, AGAIN_S)
            self._due = self._clock.monotonic() + pause_s
        return self._due - self._clock.monotonic()

    def _run(self) -> bool:
        with self._tracer.running(self._timer.name) as work:
            try:
                outputs = list(self._timer.run())
                self._producer.send([work.addressed(output) for output in outputs])
                self._timer.sent(outputs)
            except TransientError as error:
                work.failed(error)
                log.warning("timer postponed", timer=self._timer.name, reason=str(error))
                return False
        return True
