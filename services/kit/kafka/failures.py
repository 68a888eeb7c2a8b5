"""What an error of kafka-python means for the message at hand.

Retriable, as the protocol calls it: TransientError. A message larger than the broker takes: PoisonError. All else, such
as a missing right or a wrong password, is left as it is: a defect of the deployment, which stops the process.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from kafka import errors

from services.kit.errors import PoisonError, TransientError

_TOO_LARGE = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)
# The member was put out of its group, or the group is changing: the next poll joins again.
MEMBERSHIP = (
    errors.CommitFailedError,
    errors.IllegalGenerationError,
    errors.RebalanceInProgressError,
    errors.UnknownMemberIdError,
)
_TRY_AGAIN_S = 0.1

Answer = TypeVar("Answer")


def is_transient(error: errors.KafkaError) -> bool:
    """It may pass by itself. What a fenced or confused producer met passes with a new producer."""
    return bool(error.retriable) or isinstance(
        error,
        (
            errors.BrokerNotAvailableError,
            errors.InvalidProducerEpochError,
            errors.OutOfOrderSequenceNumberError,
            errors.ProducerFencedError,
            errors.UnknownProducerIdError,
        ),
    )


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise TransientError or PoisonError for the errors of kafka-python that are one; `doing` begins the sentence."""
    try:
        yield
    except _TOO_LARGE as error:
        raise PoisonError(f"{doing}: a message is larger than Kafka takes") from error
    except errors.KafkaError as error:
        if is_transient(error):
            raise TransientError(f"{doing}: Kafka does not answer as it should ({type(error).__name__})") from error
        raise


def patiently(doing: str, ask: Callable[[], Answer], within_s: float) -> Answer:
    """The answer of `ask`, tried for `within_s` seconds while Kafka elects or loads. Raises as `translated` does."""
    until = time.monotonic() + within_s
    while True:
        try:
            with translated(doing):
                return ask()
        except TransientError:
            if time.monotonic() >= until:
                raise
            time.sleep(_TRY_AGAIN_S)
