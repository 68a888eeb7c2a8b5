"""Whoever is at the other end of either line: slow, endless, garbled, many, or silent where an answer is due."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from services.kit.clock import SystemClock
from services.kit.contracts import DeliveryState
from services.lis.hl7.answer import read_answer
from services.lis.mllp import conversation, server
from services.simulator.lis import fictitious_patient, order_message
from services.simulator.lis.er7 import segments, value
from services.simulator.lis.wire import END, START, Wire

SENDING = DeliveryState.DELIVERY_STATE_SENDING
ACKNOWLEDGED = DeliveryState.DELIVERY_STATE_ACKNOWLEDGED


@pytest.fixture
def order(clock):
    patient = fictitious_patient("P100")
    return order_message("S100", placer="P100", patient=patient, at=clock.now(), control_id="M1")


def closed(connection: socket.socket, chunk: bytes, most: int = 100_000) -> bool:
    """Whether the other side ends the connection while `chunk` comes again and again, some twenty times a second."""
    connection.settimeout(0.05)
    for _ in range(most):
        try:
            if connection.recv(4096) == b"":
                return True
        except TimeoutError:
            pass
        except OSError:
            return True
        try:
            connection.sendall(chunk)
        except OSError:
            return True
    return False


@pytest.mark.parametrize("chunk", [b"x", b"x" * 65536], ids=["slow", "fast"])
def test_a_message_that_never_ends_costs_its_sender_the_line(open_gateway, clock, monkeypatch, order, chunk):
    monkeypatch.setattr(conversation, "MESSAGE_S", 0.5)
    gateway = open_gateway(clock=clock, listen_connections=1)
    with gateway.serving() as address:
        with socket.create_connection(address, 10) as slow:
            slow.sendall(START + order[:50])
            assert closed(slow, chunk, 400)
        with socket.create_connection(address, 10) as next_one:
            wire = Wire(next_one)
            wire.write(order)
            assert value(segments(wire.read())[1], 1) == "AA"


def test_bytes_that_are_no_message_are_silence(open_gateway, clock):
    gateway = open_gateway(clock=clock, listen_idle_s=0.5)
    with gateway.serving() as address, socket.create_connection(address, 10) as noisy:
        assert closed(noisy, b".", 400)


def test_bytes_without_end_that_are_no_message_end_the_line(open_gateway, clock):
    gateway = open_gateway(clock=clock, message_bytes=4096)
    with gateway.serving() as address, socket.create_connection(address, 10) as noisy:
        assert closed(noisy, b"GET / HTTP/1.1\r\n" * 100, 400)


def test_frames_of_garbage_end_the_line_before_they_fill_the_log(open_gateway, clock, capsys):
    gateway = open_gateway(clock=clock)
    with gateway.serving() as address, socket.create_connection(address, 10) as noisy:
        assert closed(noisy, START * 65536, 400)
    assert gateway.counted("frottis_orders_total", answer="unaddressable") == conversation.MOST_UNADDRESSABLE
    assert len("".join(capsys.readouterr()).splitlines()) < 20


def test_half_a_message_and_gone_harms_nobody(open_gateway, clock, order):
    gateway = open_gateway(clock=clock, listen_connections=1)
    with gateway.serving() as address:
        with socket.create_connection(address, 10) as gone:
            gone.sendall(START + order[:100])
        assert answered_in_the_end(address, order) == "AA"
    assert len(gateway.orders()) == 1


def test_a_sender_that_does_not_read_its_answer_does_not_keep_frottis_from_stopping(gateway, monkeypatch, order):
    monkeypatch.setattr(conversation, "ANSWER_S", 600.0)
    gateway.server._answer = lambda _: [b"x" * (64 << 20)]
    with ExitStack() as stack, gateway.serving() as address:
        deaf = stack.enter_context(socket.create_connection(address, 10))
        deaf.sendall(START + order + END)
        assert deaf.recv(1)


def answered_in_the_end(address, order: bytes) -> str:
    """MSA-1, once a connection is not turned away, as a LIS tries again and again."""
    pause = threading.Event()
    for _ in range(600):
        pause.wait(0.05)
        with socket.create_connection(address, 10) as line, suppress(OSError):
            line.settimeout(10)
            wire = Wire(line)
            wire.write(order)
            if content := wire.read():
                return value(segments(content)[1], 1)
    raise AssertionError("the LIS was turned away for good")


def test_a_crowd_of_silent_connections_does_not_keep_the_lis_out(open_gateway, clock, monkeypatch, order, capsys):
    monkeypatch.setattr(server, "ROOM_AFTER_S", 0.3)
    gateway = open_gateway(clock=clock, listen_connections=4)
    with gateway.serving() as address, ExitStack() as crowd:
        for _ in range(500):
            crowd.enter_context(socket.create_connection(address, 10))
        assert answered_in_the_end(address, order) == "AA"
    assert "".join(capsys.readouterr()).count("turned away") < 50


@contextmanager
def lis_that(behaves: Callable[[Wire], None]) -> Iterator[tuple[str, int]]:
    """A LIS that does the given thing on each connection, until the sender leaves."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, suppress(OSError):
                        behaves(Wire(connection))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)
    assert not thread.is_alive()


def acknowledgement(control_id: str, code: str = "AA", more: str = "") -> bytes:
    return f"MSH|^~\\&|LIS||FROTTIS||20260302||ACK|A1|P|2.5.1\rMSA|{code}|{control_id}\r{more}".encode()


def own_id(content: bytes) -> str:
    return value(segments(content)[0], 10)


@pytest.fixture
def report_for(open_gateway, place, make_report):
    """A gateway towards the given LIS with one report to send, on the machine's clock."""

    def prepare(address, **given):
        gateway = open_gateway(address, SystemClock(), **given)
        gateway.handle(make_report(place(gateway)))
        return gateway

    return prepare


def states(gateway) -> list[int]:
    return [delivery.state for delivery in gateway.deliveries()]


@pytest.mark.parametrize("tail", [b"\x00", b"garbage", START + b"half", START + b"one" + START])
def test_an_answer_with_rubbish_behind_it_is_an_answer(report_for, tail):
    received = []

    def behave(wire: Wire) -> None:
        content = wire.read()
        received.append(content)
        wire.connection.sendall(START + acknowledgement(own_id(content)) + END + tail)
        wire.read()

    with lis_that(behave) as address:
        gateway = report_for(address)
        assert gateway.send()
        assert states(gateway)[-1] == ACKNOWLEDGED
        assert not gateway.send()
        gateway.close()
    assert len(received) == 1


@pytest.mark.parametrize(
    ("chunk", "code"),
    [
        (START + acknowledgement("SOMEBODY-ELSES") + END, "lis_silent"),
        (START, "lis_garbage"),
        (b"x", "lis_garbage"),
        (START + b"MSH|^~\\&|never ends ", "lis_garbage"),
    ],
    ids=["foreign answers", "starts", "bytes", "frames cut"],
)
def test_answers_without_end_that_are_not_ours_end_the_attempt(report_for, chunk, code):
    def behave(wire: Wire) -> None:
        wire.read()
        while True:
            wire.connection.sendall(chunk)

    with lis_that(behave) as address:
        gateway = report_for(address)
        gateway.send()
        last = gateway.deliveries()[-1]
        assert (last.state, last.reason.code) == (SENDING, code)
        gateway.close()


def test_an_answer_that_drips_is_waited_for_no_longer_than_any_other(report_for):
    def behave(wire: Wire) -> None:
        content = wire.read()
        wire.connection.settimeout(0.05)
        for byte in START + acknowledgement(own_id(content)):
            with suppress(TimeoutError):
                wire.connection.recv(1)
            wire.connection.sendall(bytes((byte,)))

    with lis_that(behave) as address:
        gateway = report_for(address)
        gateway.send()
        last = gateway.deliveries()[-1]
        assert (last.state, last.reason.code) == (SENDING, "lis_silent")
        gateway.close()


def test_answers_that_never_stop_coming_neither_keep_us_from_sending_nor_fill_the_log(report_for, capfd):
    def behave(wire: Wire) -> None:
        threading.Thread(target=hear, args=(wire,), daemon=True).start()
        while True:
            wire.write(acknowledgement(heard.pop() if heard else "SOMEBODY-ELSES"))

    def hear(wire: Wire) -> None:
        with suppress(OSError):
            heard.append(own_id(wire.read()))

    heard: list[str] = []
    with lis_that(behave) as address:
        gateway = report_for(address, ack_timeout_s=120.0)
        assert gateway.send()
        assert states(gateway)[-1] == ACKNOWLEDGED
        gateway.close()
    told = capfd.readouterr()
    assert (told.out + told.err).count("never sent") < 40, "each is not worth a line of its own"


def test_a_rejection_with_a_thousand_faults_is_told_in_a_few_words(report_for):
    faults = "".join(f"ERR||PID^1^5|{100 + number % 50}|E\r" for number in range(1000))

    def behave(wire: Wire) -> None:
        wire.write(acknowledgement(own_id(wire.read()), "AE", faults))
        wire.read()

    with lis_that(behave) as address:
        gateway = report_for(address)
        gateway.send()
        assert len(gateway.deliveries()[-1].reason.text) < 200
        gateway.close()


def test_an_answer_behind_a_byte_order_mark_is_heard():
    assert read_answer(b"\xef\xbb\xbf" + acknowledgement("M1", "AA")).accepted


def test_the_same_code_is_told_once():
    answer = read_answer(acknowledgement("M1", "AE", "ERR||PID|103|E\r" * 10))
    assert answer.fault_codes == ("103",)


def test_a_host_name_that_none_can_be_is_a_line_that_cannot_be_opened(report_for):
    gateway = report_for(("a" * 70, 2575))
    assert not gateway.send()
    assert "does not take connections" in gateway.service.readiness["lis"]()
