"""What can go wrong between Frottis and the LIS. No message of these carries a patient or a message body.

FrottisError
├── Hl7Error                a text cannot be read or written as HL7
│   ├── MessageMalformed    what came is no HL7 message: names the line at fault
│   ├── Unaddressable       what came names no message that could be answered
│   └── NotExpressible      what was to be sent does not pass the checks: it is not sent
├── PortUnavailable         orders cannot be taken on the address that was set
├── CodesError              codes.yaml is not as its reader expects
└── LineError               an exchange with the LIS did not end in an acknowledgement; `code` is the metric's word
"""

from services.kit.errors import FrottisError


class Hl7Error(FrottisError):
    """A text cannot be read or written as HL7."""


class MessageMalformed(Hl7Error):
    """What came is no HL7 v2 message."""


class Unaddressable(Hl7Error):
    """What came has no MSH with a control id: nobody could match an answer."""


class NotExpressible(Hl7Error):
    """A message of ours failed its own validation; sending it would be sending something else than was decided."""


class CodesError(FrottisError):
    """The table of codes is missing something or holds something else."""


class PortUnavailable(FrottisError):
    """Orders cannot be taken: the address is not this machine's, or another process has the port."""


class LineError(FrottisError):
    """The LIS did not answer in a way that counts. The message stays in the outbox and is sent again."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
