import threading
from datetime import timedelta
from itertools import pairwise

import pytest

from services.kit.clock import SystemClock, from_timestamp
from services.kit.contracts import Decision, DeliveryState, Priority, Stage
from services.kit.errors import TransientError
from services.kit.stages import reached
from services.kit.stop import Stop
from services.simulator.lis import Behaviour, Manner

SENDING = DeliveryState.DELIVERY_STATE_SENDING
ACKNOWLEDGED = DeliveryState.DELIVERY_STATE_ACKNOWLEDGED
REJECTED = DeliveryState.DELIVERY_STATE_REJECTED


def told(gateway):
    return [(d.report_id, d.state, d.acknowledgement_code, d.reason.code) for d in gateway.deliveries()]


def ids(lis):
    return [report.control_id for report in lis.record.reports]


def test_a_report_is_sent_acknowledged_and_told(gateway, lis, ready, clock):
    report = ready()
    clock.advance(60)
    assert gateway.send()
    sending, acknowledged = gateway.deliveries()
    assert (sending.state, sending.attempts, sending.control_id) == (SENDING, 0, ids(lis)[0])
    assert (acknowledged.state, acknowledged.attempts, acknowledged.acknowledgement_code) == (ACKNOWLEDGED, 1, "AA")
    assert acknowledged.decision == Decision.DECISION_RELEASED
    assert reached(acknowledged.slide, Stage.STAGE_SENT) == clock.now()
    assert reached(acknowledged.slide, Stage.STAGE_ACKNOWLEDGED) == clock.now()
    assert lis.record.effective() == {"P1": 1}
    assert gateway.counted("frottis_scan_to_acknowledged_seconds_sum", priority="routine") == 360
    assert gateway.counted("frottis_acknowledgements_total", code="AA") == 1
    assert not gateway.send()
    assert report.slide.milestones[-1].stage == Stage.STAGE_SCAN_COMPLETE


def test_the_same_report_again_is_one_message_and_tells_how_it_stands(gateway, lis, ready):
    report = ready()
    gateway.handle(report)
    gateway.send_all()
    assert [state for _, state, _, _ in told(gateway)] == [SENDING, SENDING, ACKNOWLEDGED]
    gateway.handle(report)
    assert told(gateway) == [("report-1", ACKNOWLEDGED, "AA", "")]
    assert not gateway.send()
    assert len(ids(lis)) == 1


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (Manner.SILENT, "silent"),
        (Behaviour(Manner.SLOW, 5.0), "silent"),
        (Manner.LATE, "silent"),
        (Manner.WRONG_CONTROL_ID, "silent"),
        (Manner.GARBAGE, "garbage"),
        (Manner.CLOSE, "closed"),
        (Manner.HALF_FRAME, "closed"),
    ],
)
def test_what_is_not_answered_is_sent_again_under_the_same_number(gateway, lis, ready, clock, behaviour, code):
    ready()
    lis.behave(behaviour)
    assert gateway.send()
    assert told(gateway)[-1] == ("report-1", SENDING, "", f"lis_{code}")
    assert gateway.service.readiness["lis"]() is not None
    assert not gateway.send(), "an answer that fails is never followed by a new attempt at once"
    clock.advance(1.0)
    assert gateway.send()
    assert told(gateway)[-1] == ("report-1", ACKNOWLEDGED, "AA", "")
    first, second = lis.record.reports
    assert first.content == second.content
    assert lis.record.effective() == {"P1": 1}
    assert lis.record.duplicates() == {first.control_id: 1}
    assert gateway.counted("frottis_acknowledgements_total", code=code) == 1
    assert gateway.service.readiness["lis"]() is None


def test_a_late_answer_is_never_taken_for_the_next_messages(gateway, lis, ready, clock):
    ready(1, complete=clock.now() - timedelta(minutes=6))
    ready(2)
    # The first answer comes late, on the line of the second message, which itself is refused.
    lis.behave(Manner.LATE, Manner.ERROR)
    gateway.send()
    clock.advance(1.0)
    gateway.send()
    last = {report: (state, code) for report, state, code, _ in told(gateway)}
    assert last == {"report-1": (ACKNOWLEDGED, "AA"), "report-2": (REJECTED, "AE")}
    assert len(ids(lis)) == 2


def test_a_refusal_of_the_content_stops_that_report_and_no_other(gateway, lis, ready):
    ready(1)
    ready(2)
    lis.behave(Manner.ERROR)
    gateway.send()
    gateway.send()
    final = told(gateway)[2:]
    assert final == [("report-1", REJECTED, "AE", "lis_rejected"), ("report-2", ACKNOWLEDGED, "AA", "")]
    assert gateway.waiting() == 0


def test_a_rejection_tells_a_person_the_table_code_and_no_text_of_the_lis(gateway, lis, ready):
    ready()
    lis.behave(Manner.ERROR)
    gateway.send()
    text = gateway.deliveries()[-1].reason.text
    assert "AE (103)" in text
    assert "Table value" not in text


def test_a_fault_of_the_header_stops_at_once(gateway, lis, ready):
    ready()
    lis.behave(then=Manner.REJECT_HEADER)
    gateway.send()
    assert told(gateway)[-1] == ("report-1", REJECTED, "AR", "lis_rejected")


def attempts(gateway, clock, seconds):
    """The seconds at which a message was sent."""
    sent = []
    for second in range(seconds):
        if gateway.send():
            sent.append(second)
        clock.advance(1.0)
    return sent


def test_a_lis_in_maintenance_that_answers_ar_gets_the_report_once_it_is_back(gateway, lis, ready, clock):
    ready()
    lis.behave(then=Manner.REJECT)
    sent = attempts(gateway, clock, 1200)
    assert sent[:7] == [0, 1, 3, 7, 15, 31, 63]
    assert {after - before for before, after in pairwise(sent[6:])} == {60}
    assert gateway.waiting() == 1
    assert told(gateway)[-1] == ("report-1", SENDING, "", "lis_postponed")
    assert gateway.counted("frottis_acknowledgements_total", code="AR") == len(sent)
    lis.behave(then=Manner.ACCEPT)
    gateway.send_all()
    assert told(gateway)[-1] == ("report-1", ACKNOWLEDGED, "AA", "")
    first, *again = lis.record.reports
    assert {(report.control_id, report.content) for report in again} == {(first.control_id, first.content)}
    assert lis.record.effective() == {"P1": 1}


def test_an_unexplained_ar_is_not_sent_again_for_ever(gateway, lis, ready, clock):
    # Its deadline is in 25 minutes.
    ready()
    lis.behave(then=Manner.REJECT)
    sent = attempts(gateway, clock, 3600)
    assert 25 * 60 <= sent[-1] < 26 * 60
    assert told(gateway)[-1] == ("report-1", REJECTED, "AR", "lis_rejected")
    assert gateway.waiting() == 0
    assert gateway.counted("frottis_deadlines_missed_total", priority="routine") == 1


def test_an_ar_after_the_deadline_is_sent_again_for_some_minutes_too(open_gateway, lis, place, make_report, clock):
    gateway = open_gateway(lis.address, clock, refused_s=120.0)
    gateway.handle(make_report(place(gateway), deadline=clock.now() - timedelta(minutes=5)))
    lis.behave(then=Manner.REJECT)
    assert attempts(gateway, clock, 600) == [0, 1, 3, 7, 15, 31, 63, 123]
    last = gateway.deliveries()[-1]
    assert (last.state, last.reason.code) == (REJECTED, "lis_rejected")
    assert "AR to the report, 8 times in 2 min" in last.reason.text


def test_a_restart_does_not_begin_the_minutes_of_an_ar_anew(open_gateway, lis, place, make_report, clock):
    first = open_gateway(lis.address, clock)
    first.handle(make_report(place(first), deadline=clock.now()))
    lis.behave(then=Manner.REJECT)
    first.send()
    first.close()
    clock.advance(601.0)
    second = open_gateway(lis.address, clock)
    second.send()
    assert told(second)[-1] == ("report-1", REJECTED, "AR", "lis_rejected")


def test_what_keeps_a_report_is_told_anew_when_it_changes(gateway, lis, ready, clock):
    ready()
    lis.behave(then=Manner.REJECT)
    gateway.send()
    with lis.away():
        attempts(gateway, clock, 5)
    assert told(gateway)[-1] == ("report-1", SENDING, "", "lis_refused")


def test_an_ar_holds_up_no_other_report(gateway, lis, ready, clock):
    ready(1)
    ready(2)
    lis.behave(Manner.REJECT)
    assert [gateway.send() for _ in range(3)] == [True, True, False]
    clock.advance(1.0)
    assert gateway.send()
    assert {report for report, state, _, _ in told(gateway) if state == ACKNOWLEDGED} == {"report-1", "report-2"}


@pytest.mark.parametrize("manner", [Manner.COMMIT_THEN_ACCEPT, Manner.ACCEPT_TWICE, Manner.BYTE_BY_BYTE])
def test_more_answers_than_one_or_in_pieces_are_understood(gateway, lis, ready, manner):
    ready(1)
    ready(2)
    lis.behave(then=manner)
    gateway.send_all()
    gateway.send()
    assert lis.record.effective() == {"P1": 1, "P2": 1}
    assert not lis.record.duplicates()
    assert {state for report, state, _, _ in told(gateway)[2:]} == {ACKNOWLEDGED}


def test_an_error_after_a_commit_acknowledgement_rejects_after_all(gateway, lis, ready):
    ready(1)
    lis.behave(Manner.COMMIT_THEN_ERROR)
    gateway.send()
    ready(2)
    gateway.send()
    final = {report: (state, code) for report, state, code, _ in told(gateway)}
    assert final == {"report-1": (REJECTED, "AE"), "report-2": (ACKNOWLEDGED, "AA")}


def test_the_urgent_go_first_and_then_by_deadline(gateway, lis, ready, clock):
    ready(1, deadline=clock.now() + timedelta(minutes=9))
    ready(2, deadline=clock.now() + timedelta(minutes=5))
    ready(3, deadline=clock.now() + timedelta(minutes=20), priority=Priority.PRIORITY_STAT)
    gateway.send_all()
    assert [report.placer for report in lis.record.reports] == ["P3", "P2", "P1"]


def test_reports_of_one_order_arrive_in_their_order(gateway, lis, place, make_report, clock):
    order_id = place(gateway)
    for number in (1, 2, 3):
        gateway.handle(make_report(order_id, number=number, deadline=clock.now() + timedelta(minutes=20 - number)))
    lis.behave(Manner.SILENT)
    gateway.send_all()
    slides = [report.text.split("Slide ")[1].split(",")[0] for report in lis.record.reports]
    assert slides == ["slide-1", "slide-1", "slide-2", "slide-3"]


def test_a_message_on_which_the_lis_breaks_blocks_no_other(gateway, lis, ready, clock):
    ready(1, complete=clock.now() - timedelta(minutes=20))
    ready(2)
    lis.behave(Manner.CLOSE)
    gateway.send()
    clock.advance(1.0)
    gateway.send()
    assert [report.placer for report in lis.record.reports] == ["P1", "P2"]


def test_a_lis_that_is_away_is_tried_with_growing_pauses_until_it_is_back(gateway, lis, ready, clock):
    ready()
    attempts = []
    with lis.away():
        for second in range(300):
            before = gateway.counted("frottis_acknowledgements_total", code="refused")
            assert not gateway.send()
            if gateway.counted("frottis_acknowledgements_total", code="refused") > before:
                attempts.append(second)
            clock.advance(1.0)
        assert "does not take connections" in gateway.service.readiness["lis"]()
    assert attempts == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]
    assert [reason for _, _, _, reason in told(gateway)] == ["", "lis_refused"]
    gateway.send_all()
    assert told(gateway)[-1] == ("report-1", ACKNOWLEDGED, "AA", "")


def test_an_idle_gateway_finds_out_whether_the_lis_is_there(gateway, lis, clock):
    assert "not been tried" in gateway.service.readiness["lis"]()
    with lis.away():
        gateway.send()
        assert "does not take connections" in gateway.service.readiness["lis"]()
    clock.advance(1.0)
    gateway.send()
    clock.advance(60.0)
    gateway.send()
    assert gateway.sender._line.is_open


def test_a_line_that_the_lis_closed_while_idle_is_opened_anew_without_a_failure(gateway, lis, ready):
    ready(1)
    gateway.send_all()
    with lis.away():
        pass
    ready(2)
    while gateway.waiting():
        gateway.send()
    assert lis.record.effective() == {"P1": 1, "P2": 1}


def test_a_missed_deadline_is_counted_once(gateway, lis, ready, clock):
    ready(1)
    ready(2, priority=Priority.PRIORITY_STAT)
    lis.behave(Manner.SILENT)
    gateway.send()
    clock.advance(3600)
    assert gateway.waiting() == 2
    assert gateway.counted("frottis_deadlines_missed_total", priority="routine") == 1
    gateway.send_all()
    assert gateway.counted("frottis_deadlines_missed_total", priority="routine") == 1
    assert gateway.counted("frottis_deadlines_missed_total", priority="stat") == 1


def test_a_deadline_missed_between_two_looks_is_counted_too(gateway, ready, clock):
    ready()
    clock.advance(3600)
    gateway.send()
    assert gateway.counted("frottis_deadlines_missed_total", priority="routine") == 1
    assert gateway.waiting() == 0
    assert gateway.counted("frottis_deadlines_missed_total", priority="routine") == 1


def test_no_report_goes_out_without_its_order(gateway, make_report):
    (rejection,) = gateway.handle(make_report("order-nobody-placed"))
    assert (rejection.value.state, rejection.value.reason.code) == (REJECTED, "order_unknown")
    assert gateway.handle(make_report("order-nobody-placed")) == [rejection]
    (rejection,) = gateway.handle(make_report(""))
    assert rejection.value.reason.code == "order_unknown"
    assert not gateway.send()


def test_a_slide_without_an_order_is_no_business_of_the_lis(gateway, make_report):
    assert gateway.handle(make_report("", decision=Decision.DECISION_AWAITING_ORDER)) == []
    assert gateway.handle(make_report("", decision=Decision.DECISION_HELD)) == []
    assert gateway.deliveries() == []


def test_a_cancelled_order_is_not_reported_and_what_was_sent_stays_sent(gateway, lis, place, make_report):
    order_id = place(gateway)
    sent = make_report(order_id, number=1)
    gateway.handle(sent)
    gateway.send_all()
    place(gateway, control="CA")
    (rejection,) = gateway.handle(make_report(order_id, number=2))
    assert rejection.value.reason.code == "order_cancelled"
    gateway.deliveries()
    assert gateway.handle(sent) == []
    assert told(gateway) == [("report-1", ACKNOWLEDGED, "AA", "")]


def test_a_reinstated_order_takes_a_report_of_a_new_id_as_a_new_message(gateway, lis, place, make_report):
    order_id = place(gateway)
    first = make_report(order_id, number=1)
    gateway.handle(first)
    gateway.send_all()
    place(gateway, control="CA")
    place(gateway)
    assert gateway.orders()[-1].cancelled is False
    again = make_report(order_id, number=1, report_id="report-1-again")
    assert gateway.handle(again) == []
    gateway.handle(first)
    gateway.send_all()
    assert len(set(ids(lis))) == len(ids(lis)) == 2
    assert lis.record.effective() == {"P100": 2}


def test_a_report_that_a_cancellation_kept_back_goes_out_once_the_order_is_reinstated(gateway, lis, place, make_report):
    order_id = place(gateway)
    place(gateway, control="CA")
    report = make_report(order_id)
    (rejection,) = gateway.handle(report)
    assert rejection.value.reason.code == "order_cancelled"
    place(gateway)
    assert gateway.handle(report) == []
    gateway.send_all()
    assert lis.record.effective() == {"P100": 1}


def test_an_order_for_a_specimen_with_a_report_is_accepted_kept_and_counted(gateway, lis, place, make_report):
    gateway.handle(make_report(place(gateway)))
    gateway.send_all()
    gateway.events()
    place(gateway, placer="P200")
    assert [order.specimen for order in gateway.orders()] == ["S100"]
    assert gateway.counted("frottis_orders_total", answer="AA reported") == 1


def test_a_full_disk_stops_nothing_for_good(gateway, lis, ready, clock, monkeypatch):
    ready()
    with monkeypatch.context() as broken:

        def full(*_):
            raise TransientError("disk full")

        broken.setattr("services.lis.outbox.store.OutboxStore.settle", full)
        assert not gateway.sender._turn(gateway.stop)
    gateway.send_all()
    assert lis.record.effective() == {"P1": 1}
    assert len(ids(lis)) == 2


def test_the_sender_stops_soon_although_the_lis_is_silent(open_gateway, lis, place, make_report):
    gateway = open_gateway(lis.address, SystemClock(), ack_timeout_s=600.0)
    lis.behave(then=Manner.SILENT)
    order_id = place(gateway)
    stop = Stop()
    thread = threading.Thread(target=gateway.sender, args=(stop,))
    thread.start()
    gateway.handle(make_report(order_id))
    assert lis.record.wait_until(lambda reports: len(reports) == 1, 20)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_an_answer_that_is_under_way_at_the_end_is_still_heard(open_gateway, lis, place, make_report, monkeypatch):
    gateway = open_gateway(lis.address, SystemClock(), ack_timeout_s=600.0)
    order_id = place(gateway)
    stop = Stop()
    send = gateway.sender._line.send

    def asked_to_end(content, timeout_s):
        send(content, timeout_s)
        stop.set()

    monkeypatch.setattr(gateway.sender._line, "send", asked_to_end)
    gateway.handle(make_report(order_id))
    gateway.sender(stop)
    assert gateway.deliveries()[-1].state == ACKNOWLEDGED
    assert not gateway.waiting()


def test_a_restart_sends_what_was_not_acknowledged_under_the_same_number(open_gateway, lis, place, make_report, clock):
    first = open_gateway(lis.address, clock)
    first.handle(make_report(place(first)))
    lis.behave(Manner.SILENT)
    first.send()
    first.close()
    second = open_gateway(lis.address, clock)
    assert second.send()
    assert len(set(ids(lis))) == 1
    (*_, last) = second.deliveries()
    assert (last.state, last.attempts) == (ACKNOWLEDGED, 2)
    assert from_timestamp(last.at) == clock.now()


def test_no_patient_reaches_logs_metrics_or_the_other_services(gateway, lis, ready, capsys):
    ready()
    lis.behave(Manner.SILENT, Manner.ERROR)
    gateway.send_all()
    said = "".join(capsys.readouterr()) + "".join(str(d) for d in gateway.deliveries())
    said += "".join(str(metric) for metric in gateway.metrics.registry.collect())
    patient = lis._patients["P1"]
    assert "did not acknowledge" in said
    assert not any(part in said for part in (patient.family, patient.given, patient.identifier, patient.born))
