"""How a handler says what should become of the message it could not handle.

FrottisError
├── TransientError   the cause lies outside the message and may pass: the message is retried
├── PoisonError      this message can never be handled: it goes to the dead letters, complete
└── SettingsError    the service was started wrongly: it does not start

Any other exception is a defect: the consumer stops without committing, so nothing is lost.
"""


class FrottisError(Exception):
    """A failure with a message for a person: what is wrong and what to do."""


class TransientError(FrottisError):
    """The cause may pass by itself (a server away, a full disk): try again later."""


class PoisonError(FrottisError):
    """The message itself cannot be handled, now or ever."""


class SettingsError(FrottisError):
    """A setting is missing, unknown or impossible."""
