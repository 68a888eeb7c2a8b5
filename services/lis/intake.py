"""From a frame of the LIS to the answer it gets: AA only once its orders are durable."""

import hashlib
from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import replace
from datetime import tzinfo

import structlog

from services.kit.clock import Clock
from services.kit.errors import TransientError
from services.kit.telemetry import Metrics
from services.lis.errors import MessageMalformed, Unaddressable
from services.lis.hl7.acknowledgement import answers
from services.lis.hl7.charset import Decoded, decode
from services.lis.hl7.faults import Fault, Refused, refuse
from services.lis.hl7.header import check_order_header
from services.lis.hl7.message import parse, parse_header
from services.lis.hl7.segments import Segment
from services.lis.mllp.framing import Damage, Frame
from services.lis.orders.reading import read_orders
from services.lis.orders.store import OrderStore

log = structlog.get_logger()

# MSH-10 is an ST (199 at most, and 20 by its field); what is longer is not repeated in MSA-2.
_LONGEST_CONTROL_ID = 199
_DAMAGE = {
    Damage.TOO_LARGE: "the message is larger than this receiver takes",
    Damage.CUT: "the message was cut: a new one began before its end",
}


class Intake:
    """Safe for use by several threads."""

    def __init__(self, store: OrderStore, clock: Clock, metrics: Metrics, processing_id: str, zone: tzinfo) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._processing_id = processing_id
        self._zone = zone

    def answer(self, frame: Frame) -> list[bytes]:
        """The answers to send, in their order; none when the sender wants none (MSH-15 and 16).

        Raises Unaddressable when the frame names no message that could be answered.
        """
        frame = replace(frame, content=_tidied(frame.content))
        header = _header(frame.content)
        if header is None:
            self._metrics.orders.labels("unaddressable").inc()
            raise Unaddressable(f"a frame of {len(frame.content)} bytes holds no message that could be answered")
        try:
            accepted = self._take(frame, header)
        except MessageMalformed as error:
            return self._refusal(header, "AE", [Fault("102", None, "MSH is not what it says it is")], str(error))
        except Refused as refused:
            return self._refusal(header, refused.answer, refused.faults, str(refused))
        except TransientError as error:
            # AR without a fault of the header: the sender sends the same message again later.
            fault = Fault("207", None, "the order could not be stored now: send it again")
            return self._refusal(header, "AR", [fault], str(error))
        self._metrics.orders.labels(accepted).inc()
        return answers(header, "AA", (), self._processing_id, self._clock.now())

    def _take(self, frame: Frame, header: Segment) -> str:
        """Store the orders; the metric's word for how they were accepted."""
        if frame.damage is not None:
            raise refuse("AE", Fault("207", None, _DAMAGE[frame.damage]))
        check_order_header(header, self._processing_id)
        now = self._clock.now()
        requests = read_orders(parse(*decode(frame.content)), now, self._zone)
        taken = self._store.take(_digest(frame.content, header), requests, now)
        for specimen in taken.reported:
            log.warning("order for a specimen that has a report", specimen=specimen)
        return "AA repeated" if taken.repeated else "AA reported" if taken.reported else "AA"

    def _refusal(self, header: Segment, code: str, faults: Sequence[Fault], why: str) -> list[bytes]:
        self._metrics.orders.labels(code).inc()
        log.warning("order message refused", answer=code, why=why)
        return answers(header, code, faults, self._processing_id, self._clock.now())


def _header(content: bytes) -> Segment | None:
    """The MSH that an answer is addressed by: without one, or without a usable MSH-10, nobody can be answered."""
    line = content.partition(b"\r")[0]
    try:
        decoded = decode(line)
    except Refused:
        # Each byte as some character: the answer says what is wrong with the character set.
        decoded = Decoded(line.decode("latin-1"), "latin-1")
    try:
        header = parse_header(*decoded)
    except MessageMalformed:
        return None
    return header if 0 < len(header.text(10)) <= _LONGEST_CONTROL_ID else None


def _tidied(content: bytes) -> bytes:
    """From MSH on, every segment ending with CR: a byte order mark, blank lines and LF throughout are understood."""
    content = content.removeprefix(BOM_UTF8).lstrip(b"\r\n")
    return content if b"\r" in content else content.replace(b"\n", b"\r")


def _digest(content: bytes, header: Segment) -> str:
    """Names a message by sender, MSH-10 and all that follows MSH: a copy sent later differs in MSH-7 only."""
    body = content.partition(b"\r")[2]
    names = "\n".join(header.text(field) for field in (3, 4, 10))
    return hashlib.sha256(names.encode() + b"\n" + body).hexdigest()
