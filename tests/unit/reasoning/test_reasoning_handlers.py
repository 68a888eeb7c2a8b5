"""What the service says for what it is told."""

import json
from datetime import timedelta

import pytest
from google.protobuf.json_format import Parse

from services.kit.contracts import (
    Cell,
    Decision,
    Kind,
    Morphometry,
    Place,
    Priority,
    Question,
    ScanState,
    Stage,
    TileCells,
)
from services.kit.errors import PoisonError
from services.kit.stages import reached
from tests.unit.reasoning.smears import (
    NOON,
    PLAIN,
    erythrocyte,
    evidence,
    film,
    film_tiles,
    leukocyte,
    measures,
    order,
    reading,
    reports,
    scan,
    slide,
    tile,
)


def decided(outputs):
    found = reports(outputs)
    assert len(found) == 1
    return found[0]


def test_a_plain_slide_with_an_order_is_released_as_preliminary(bench):
    report = decided(bench.take(scan(), order(), *film()))
    assert report.decision == Decision.DECISION_RELEASED
    assert not report.final
    assert [reason.code for reason in report.reasons] == ["nothing_holds"]
    assert report.order_id == "o1"
    assert report.rules_version == bench.knowledge.rules.version
    assert {model.name for model in report.models} == {"detector", "leukocytes", "erythrocytes"}
    assert list(report.limitations) == []


@pytest.mark.parametrize(
    ("nucleus_od", "decision", "rule"),
    [(0.21, Decision.DECISION_HELD, "pale_nuclei"), (0.27, Decision.DECISION_RELEASED, "faint_nuclei")],
)
def test_a_film_whose_nuclei_are_hardly_stained_is_not_released_without_a_word(bench, nucleus_od, decision, rule):
    first, *tiles = film()
    first.film.hematoxylin_od = nucleus_od
    report = decided(bench.take(scan(), order(), first, *tiles))
    assert report.decision == decision
    assert rule in [finding.rule_id for finding in report.findings]


@pytest.mark.parametrize(
    ("missed", "decision", "rules"),
    [
        (0, Decision.DECISION_RELEASED, []),
        (3, Decision.DECISION_RELEASED, []),
        (5, Decision.DECISION_RELEASED, ["some_missed_nuclei"]),
        (20, Decision.DECISION_HELD, ["many_missed_nuclei", "some_missed_nuclei"]),
    ],
)
def test_nuclei_that_were_not_detected_are_told_and_many_hold_the_slide(bench, missed, decision, rules):
    first, *tiles = film()
    box = next(cell.box for cell in tiles[0].cells if cell.kind == Kind.KIND_LEUKOCYTE)
    found = Place(x_um=box.x_um + box.width_um / 2, y_um=box.y_um + 8)
    lost = [Place(x_um=5000 + 20 * n, y_um=5000) for n in range(missed)]
    tiles[0].nuclei.extend([*lost, *[found] * 196])
    report = decided(bench.take(scan(), order(), first, *tiles))
    assert report.decision == decision
    assert sorted(finding.rule_id for finding in report.findings if "nuclei" in finding.rule_id) == rules
    assert list(report.missed_nuclei) == lost
    told = [note.text for note in report.limitations if note.code == "missed_nuclei"]
    expected = f"{missed} of {196 + missed} nuclei that the film map is sure of were not detected as cells."
    assert told == ([expected] if missed else [])


@pytest.mark.parametrize(("diameter_um", "held"), [(3.7, True), (5.9, False), (7.4, False), (14.8, True)])
def test_red_cells_of_an_impossible_size_hold_the_slide_and_a_report_tells_their_sizes(bench, diameter_um, held):
    first, *tiles = film()
    for one in tiles:
        for cell in one.cells:
            if cell.kind == Kind.KIND_ERYTHROCYTE:
                cell.measured.CopyFrom(Morphometry(diameter_um=diameter_um, circularity=0.97, elongation=1.1))
    report = decided(bench.take(scan(), order(), first, *tiles))
    assert ("implausible_size" in [finding.rule_id for finding in report.findings]) == held
    (diameter,) = [one for one in report.distributions if one.name == "erythrocytes.diameter_um"]
    assert (diameter.cells, diameter.unit) == (1200, "um")
    assert diameter.median == pytest.approx(diameter_um, rel=1e-6)


def test_a_report_carries_counts_intervals_units_and_cells(bench):
    report = decided(bench.take(order(), *film()))
    told, cells = measures(report), evidence(bench, report)
    segmented = told["differential.neutrophil_segmented"]
    assert (segmented.numerator, segmented.denominator, segmented.value, segmented.unit) == (112, 200, 56.0, "%")
    assert segmented.low == pytest.approx(48.8, abs=0.1)
    assert segmented.high == pytest.approx(63.0, abs=0.1)
    assert len(cells["differential.neutrophil_segmented"]) == 112
    assert told["differential.neutrophils"].value == 60
    assert told["platelets.per_100_erythrocytes"].value == 10
    assert told["erythrocytes.normal"].value == 100
    assert not told["erythrocytes.normal"].HasField("grade")
    assert told["erythrocytes.target"].grade == 0
    assert told["leukocytes.counted"].numerator == 200
    for name, measure in told.items():
        assert name == "platelets.clumps" or len(cells[name]) == measure.numerator


def test_the_measures_that_the_lis_codes_are_there(bench):
    names = set(measures(decided(bench.take(order(), *film()))))
    assert {f"differential.{name}" for name in bench.knowledge.classes.differential} <= names
    assert {
        "erythroblasts.per_100_leukocytes",
        "platelets.clumps",
        "leukocytes.unidentified",
        "erythrocytes.counted",
    } <= names


def test_every_cell_is_written_as_protobuf_json(bench):
    tiles = film_tiles()
    report = decided(bench.take(order(), reading([t.tile_id for t in tiles]), *tiles))
    assert report.cells_uri == "object:///slides/s1/cells.jsonl"
    lines = bench.objects.get(report.cells_uri).decode().splitlines()
    written = {line.tile_id: line for line in (Parse(text, TileCells()) for text in lines)}
    assert set(written) == {t.tile_id for t in tiles}
    for one in tiles:
        back = written[one.tile_id]
        assert [cell.cell_id for cell in back.cells] == [cell.cell_id for cell in one.cells]
        assert [cell.label for cell in back.cells] == [cell.label for cell in one.cells]
        assert back.cells[0].probabilities == pytest.approx(list(one.cells[0].probabilities), rel=1e-5)
        assert back.cells[0].box == one.cells[0].box
        assert back.cells[0].crop_uri == one.cells[0].crop_uri
    cell = json.loads(lines[0])["cells"][0]
    assert {"label", "probabilities", "box", "crop_uri", "candidates"} <= set(cell)


def test_milestones_and_the_deadline_are_passed_on(bench):
    outputs = bench.take(order(), *film())
    report = decided(outputs)
    stages = [m.stage for m in report.slide.milestones]
    assert stages == [Stage.STAGE_SCAN_COMPLETE, Stage.STAGE_CELLS_READ, Stage.STAGE_DECIDED]
    assert reached(report.slide, Stage.STAGE_DECIDED) == bench.clock.now()
    assert outputs[-1].deadline == NOON + timedelta(minutes=30)
    assert outputs[-1].key == "s1"
    assert bench.metrics.registry.get_sample_value("frottis_stage_seconds_count", {"stage": "decided"}) == 1


def test_blasts_hold_the_slide_and_a_single_one_does_not(bench, make_bench):
    report = decided(bench.take(order(), *film({**PLAIN, "lymphocyte": 57, "blast": 3})))
    assert report.decision == Decision.DECISION_HELD
    assert report.reasons[0].code == "blasts"
    finding = next(f for f in report.findings if f.rule_id == "blasts")
    assert (finding.effect, list(finding.measures)) == ("critical", ["differential.blast"])
    assert "suggests" in finding.text
    one = decided(make_bench().take(order(), *film({**PLAIN, "lymphocyte": 59, "blast": 1})))
    assert one.decision == Decision.DECISION_RELEASED
    assert [f.rule_id for f in one.findings] == ["blast_seen"]


def test_uncertain_blasts_do_not_hold_by_themselves(bench):
    cells = [leukocyte(f"b{n}", "blast", probability=0.6) for n in range(3)]
    tiles = [*film_tiles({**PLAIN, "lymphocyte": 57}), tile("tb", cells)]
    report = decided(bench.take(order(), reading([t.tile_id for t in tiles]), *tiles))
    assert report.decision == Decision.DECISION_RELEASED
    assert "blast_seen" in [f.rule_id for f in report.findings]


def test_blasts_on_the_feathered_edge_hold_the_slide(bench):
    edge = tile("edge", [leukocyte(f"b{n}", "blast") for n in range(2)], questions=[Question.QUESTION_PLATELET_CLUMPS])
    tiles = [*film_tiles(), edge]
    report = decided(bench.take(order(), reading([t.tile_id for t in tiles]), *tiles))
    assert report.reasons[0].code == "blasts_at_edge"
    assert measures(report)["differential.blast"].numerator == 0


def test_a_critical_haemogram_holds_the_slide(bench):
    report = decided(bench.take(order(haemogram=[("777-3", 12.0, "10*3/uL")]), *film()))
    assert (report.decision, report.reasons[0].code) == (Decision.DECISION_HELD, "critical_plt")


@pytest.mark.parametrize("unit", ["G/L", "10^9/L", "x10E9/L", "K/uL"])
def test_a_critical_haemogram_is_seen_in_the_units_that_laboratories_write(bench, unit):
    report = decided(bench.take(order(haemogram=[("777-3", 12.0, unit)]), *film()))
    assert (report.decision, report.reasons[0].code) == (Decision.DECISION_HELD, "critical_plt")


def test_a_haemogram_in_an_unknown_unit_holds_the_slide(bench):
    report = decided(bench.take(order(haemogram=[("777-3", 12.0, "furlong")]), *film()))
    assert (report.decision, report.reasons[0].code) == (Decision.DECISION_HELD, "haemogram_unusable")
    assert [note.code for note in report.limitations] == ["haemogram_unit"]


def test_a_result_that_could_not_be_read_holds_the_slide_where_its_code_is_known(bench):
    unread = order(haemogram=[("26464-8", 7.0, "10*9/L")])
    unread.haemogram_unread.extend(["777-3", "2345-7"])
    report = decided(bench.take(unread, *film()))
    assert (report.decision, report.reasons[0].code) == (Decision.DECISION_HELD, "haemogram_unusable")
    assert [note.code for note in report.limitations] == ["haemogram_unread"]


def test_a_result_that_no_rule_knows_may_be_unreadable(bench):
    unread = order()
    unread.haemogram_unread.append("2345-7")
    assert decided(bench.take(unread, *film())).decision == Decision.DECISION_RELEASED


def test_more_is_asked_for_until_the_target_is_reached(bench):
    few = {"lymphocyte": 90, "neutrophil_segmented": 60}
    outputs = bench.take(order(), *film(few))
    assert reports(outputs) == []
    request = outputs[0].value
    assert (outputs[0].topic, request.round, request.cells) == ("requests", 2, 50)
    assert request.question == Question.QUESTION_LEUKOCYTES
    more = film_tiles({"lymphocyte": 60}, reds=0, round_=2, prefix="u", tiles=2)
    report = decided(bench.take(reading([t.tile_id for t in more], round_=2), *more))
    assert measures(report)["leukocytes.counted"].numerator == 210
    assert [(t.wanted, t.reached) for t in report.targets] == [(200, 210), (1000, 1200)]


def test_red_cells_are_asked_for_when_the_leukocytes_are_reached(bench):
    outputs = bench.take(order(), *film(reds=400))
    assert (outputs[0].value.question, outputs[0].value.cells) == (Question.QUESTION_ERYTHROCYTES, 600)


def test_what_the_order_wants_counts_over_the_setting(bench):
    outputs = bench.take(order(wanted=400), *film())
    assert (outputs[0].topic, outputs[0].value.cells) == ("requests", 200)


def test_an_exhausted_film_is_reported_with_what_it_gave(bench):
    tiles = film_tiles({"lymphocyte": 120})
    report = decided(
        bench.take(order(), reading([t.tile_id for t in tiles], exhausted=[Question.QUESTION_LEUKOCYTES]), *tiles)
    )
    assert report.decision == Decision.DECISION_RELEASED
    assert [note.code for note in report.limitations] == ["target_not_reached"]
    assert measures(report)["differential.lymphocyte"].value == 100
    assert "leukocytes_not_reached" in [f.rule_id for f in report.findings]


def test_too_few_leukocytes_give_counts_without_percentages_and_hold(bench):
    tiles = film_tiles({"lymphocyte": 60})
    report = decided(
        bench.take(order(), reading([t.tile_id for t in tiles], exhausted=[Question.QUESTION_LEUKOCYTES]), *tiles)
    )
    lymphocytes = measures(report)["differential.lymphocyte"]
    assert (lymphocytes.numerator, lymphocytes.denominator) == (60, 60)
    assert not lymphocytes.HasField("value")
    assert lymphocytes.withheld.code == "too_few_leukocytes"
    assert report.reasons[0].code == "too_few_leukocytes"


def test_what_kept_leukocytes_from_being_read_is_told_with_their_lack(bench):
    tiles = film_tiles({"lymphocyte": 60})
    names = [t.tile_id for t in tiles]
    rejected = ["bare", "out_of_focus", "out_of_focus", "too_thick"]
    read = reading(names, exhausted=[Question.QUESTION_LEUKOCYTES], rejected=rejected)
    report = decided(bench.take(order(), read, *tiles))
    assert report.reasons[0].text.endswith("Fields were not read: out_of_focus; too_thick.")
    assert [note.code for note in report.limitations] == ["target_not_reached", "fields_rejected"]


def test_an_empty_further_round_ends_the_asking(bench):
    outputs = bench.take(order(), *film({"lymphocyte": 150}))
    assert outputs[0].topic == "requests"
    assert decided(bench.take(reading([], round_=2))).decision == Decision.DECISION_RELEASED


def test_rounds_come_to_an_end(make_bench):
    bench = make_bench(most_rounds=1)
    assert decided(bench.take(order(), *film({"lymphocyte": 150}))).limitations[0].code == "target_not_reached"


def test_a_round_without_a_tile_that_was_announced_waits(bench):
    announced, *tiles = film()
    assert bench.take(order(), announced, *tiles[:-1]) == []
    assert reports(bench.take(tiles[-1]))


def test_a_tile_named_in_two_rounds_is_counted_once(bench):
    tiles = film_tiles({"lymphocyte": 150})
    names = [t.tile_id for t in tiles]
    bench.take(order(), reading(names), *tiles)
    more = film_tiles({"lymphocyte": 60}, reds=0, round_=2, prefix="u")
    report = decided(bench.take(reading([*names, *(t.tile_id for t in more)], round_=2), tiles[0], *more))
    assert measures(report)["leukocytes.counted"].numerator == 210


def test_unreadable_fields_are_told_and_many_hold(bench, make_bench):
    tiles = [*film_tiles(tiles=19), tile("bad", unreadable="not a JPEG")]
    report = decided(bench.take(order(), reading([t.tile_id for t in tiles], rejected=["out_of_focus"]), *tiles))
    assert report.decision == Decision.DECISION_RELEASED
    assert [f.rule_id for f in report.findings] == ["unreadable_fields"]
    assert report.limitations[0].text == "1 of 20 fields could not be read."
    tiles = [*film_tiles(tiles=4), tile("bad", unreadable="not a JPEG")]
    report = decided(make_bench().take(order(), reading([t.tile_id for t in tiles], rejected=["unreadable"]), *tiles))
    assert report.reasons[0].code == "many_unreadable_fields"


def test_a_slide_without_an_order_waits_and_goes_on_when_the_order_comes(bench):
    report = decided(bench.take(scan(), *film()))
    assert (report.decision, report.order_id) == (Decision.DECISION_AWAITING_ORDER, "")
    assert report.reasons[0].code == "awaiting_order"
    after = decided(bench.take(order()))
    assert (after.decision, after.order_id) == (Decision.DECISION_RELEASED, "o1")
    assert after.report_id != report.report_id


def test_an_order_that_wants_more_than_was_read_has_more_read(bench):
    bench.take(*film())
    outputs = bench.take(order(wanted=400))
    assert (outputs[0].topic, outputs[0].value.cells) == ("requests", 200)


def test_an_order_of_another_specimen_changes_nothing(bench):
    bench.take(*film())
    assert bench.take(order(specimen="24-0002")) == []


def test_a_slide_without_a_specimen_number_matches_no_order(bench):
    bench.take(*film(of=slide(specimen="")))
    assert bench.take(order(specimen="")) == []


def test_a_cancelled_order_is_no_order(bench):
    report = decided(bench.take(order(), order(cancelled=True), *film()))
    assert report.decision == Decision.DECISION_AWAITING_ORDER
    assert decided(bench.take(order("o2"))).order_id == "o2"


def test_a_second_order_for_a_reported_slide_is_held_for_a_person(bench):
    bench.take(order(), *film())
    report = decided(bench.take(order("o2", minute=5)))
    assert (report.decision, report.order_id) == (Decision.DECISION_HELD, "o2")
    assert report.reasons[0].code == "already_reported"
    assert "Another order of this specimen" in report.reasons[0].text
    assert "o1" not in report.reasons[0].text
    assert list(report.measures) == []


def test_an_order_that_takes_a_cancelled_ones_place_gets_the_figures(bench):
    bench.take(order(), *film())
    assert reports(bench.take(order(cancelled=True))) == []
    report = decided(bench.take(order("o2", minute=5)))
    assert (report.decision, report.order_id) == (Decision.DECISION_RELEASED, "o2")


def test_two_orders_waiting_get_one_report_and_one_notice(bench):
    found = reports(bench.take(order("o2", minute=5), order("o1"), *film()))
    assert [(r.order_id, r.decision) for r in found] == [
        ("o1", Decision.DECISION_RELEASED),
        ("o2", Decision.DECISION_HELD),
    ]


@pytest.mark.parametrize(
    ("state", "decision"),
    [
        (ScanState.SCAN_STATE_HELD, Decision.DECISION_HELD),
        (ScanState.SCAN_STATE_REFUSED, Decision.DECISION_REFUSED),
    ],
)
def test_a_scan_that_is_not_read_is_told_once_its_order_is_known(bench, state, decision):
    assert bench.take(scan(state=state, code="damaged", text="tile 7 is cut short")) == []
    report = decided(bench.take(order()))
    assert (report.decision, report.order_id) == (decision, "o1")
    assert (report.reasons[0].code, report.reasons[0].text) == ("damaged", "tile 7 is cut short")
    assert report.scan.name == "s1.vsi"


def test_the_reason_of_a_held_scan_is_told_at_once_when_the_order_is_there(bench):
    held = scan(state=ScanState.SCAN_STATE_HELD, code="unstained", text="no stain")
    assert decided(bench.take(order(), held)).reasons[0].code == "unstained"


def test_a_held_scan_that_becomes_whole_is_read_and_reported(bench):
    bench.take(order(), scan(state=ScanState.SCAN_STATE_HELD, code="incomplete", text="files are missing"))
    report = decided(bench.take(scan(), *film()))
    assert report.decision == Decision.DECISION_RELEASED


def test_a_slide_whose_scan_went_on_growing_is_told_to_no_order(bench):
    held = ScanState.SCAN_STATE_HELD
    bench.take(scan(slide("u1"), held, "incomplete", "half of it is here", name="a.vsi", revision=1))
    bench.take(scan(slide("s1"), name="a.vsi", revision=2))
    assert reports(bench.take(scan(slide("u1"), held, "incomplete", "half", name="a.vsi", revision=1))) == []
    assert reports(bench.take(order())) == [], "only the whole scan counts, and it is not read yet"
    bench.clock.advance(3600)
    assert {report.slide.slide_id for report in reports(bench.guard())} == {"s1"}


def test_a_slide_that_another_scan_still_is_stays_told(bench):
    held = ScanState.SCAN_STATE_HELD
    bench.take(scan(slide("u1"), held, "incomplete", "half of it is here", name="a.vsi", revision=1))
    bench.take(scan(slide("u1"), held, copy_of="a.vsi", name="b.vsi", revision=1))
    bench.take(scan(slide("s1"), name="a.vsi", revision=2))
    assert [report.slide.slide_id for report in reports(bench.take(order()))] == ["u1"]


def test_what_becomes_of_the_scan_after_the_report_changes_nothing(bench):
    bench.take(order(), scan(), *film())
    assert bench.take(scan(state=ScanState.SCAN_STATE_HELD, code="removed", text="gone")) == []


@pytest.mark.parametrize(
    "ignored",
    [scan(copy_of="b.vsi"), scan(state=ScanState.SCAN_STATE_WAITING), scan(of=slide(slide_id=""))],
    ids=["copy", "waiting", "nameless"],
)
def test_scans_that_say_nothing_of_a_slide_are_ignored(bench, ignored):
    assert bench.take(order(), ignored) == []


def test_a_second_scan_of_a_reported_specimen_is_held_and_names_the_first(bench):
    bench.take(order(), *film())
    report = decided(bench.take(scan(slide("s2"))))
    assert (report.decision, report.slide.slide_id) == (Decision.DECISION_HELD, "s2")
    assert report.reasons[0].code == "second_scan"
    assert "s1" in report.reasons[0].text
    assert bench.take(*film(of=slide("s2"))) == []


def test_two_scans_of_one_specimen_give_one_report(bench):
    bench.take(scan(), scan(slide("s2")), *film(), *film(of=slide("s2")))
    found = reports(bench.take(order()))
    assert [r.decision for r in found] == [Decision.DECISION_RELEASED, Decision.DECISION_HELD]
    assert found[1].reasons[0].code == "second_scan"


def test_a_rescan_after_an_unreadable_scan_is_reported(bench):
    bench.take(order(), scan(state=ScanState.SCAN_STATE_HELD, code="unfocused", text="out of focus"))
    assert decided(bench.take(scan(slide("s2")), *film(of=slide("s2")))).decision == Decision.DECISION_RELEASED


def test_near_the_deadline_the_slide_is_decided_with_what_is_there(bench):
    announced, *tiles = film({**PLAIN, "lymphocyte": 80}, tiles=5)
    bench.take(scan(), order(), announced, *tiles[:-1])
    bench.clock.advance(25 * 60)
    assert bench.guard() == []
    bench.clock.advance(60)
    report = decided(bench.guard())
    assert report.decision == Decision.DECISION_RELEASED
    assert "cut_short" in [note.code for note in report.limitations]
    assert "cut_short" in [f.rule_id for f in report.findings]
    assert measures(report)["leukocytes.counted"].numerator == 176
    assert bench.take(tiles[-1]) == []
    assert bench.guard() == []


def test_a_stat_order_brings_the_deadline_forward(bench):
    announced, *tiles = film()
    bench.take(announced, *tiles[:-1], order(stat=True))
    bench.clock.advance(11 * 60 + 1)
    outputs = bench.guard()
    report = decided(outputs)
    assert report.slide.priority == Priority.PRIORITY_STAT
    assert outputs[0].deadline == NOON + timedelta(minutes=15)


def test_no_further_round_is_asked_for_when_the_deadline_is_near(bench):
    announced, *tiles = film({"lymphocyte": 150})
    bench.take(order(), announced, *tiles[:-1])
    bench.clock.advance(23 * 60 + 30)
    report = decided(bench.take(tiles[-1]))
    assert [note.code for note in report.limitations] == ["target_not_reached"]


def test_a_slide_of_which_nothing_is_read_by_the_deadline_is_told_and_reported_later(bench):
    bench.take(scan(), order())
    bench.clock.advance(27 * 60)
    early = decided(bench.guard())
    assert (early.decision, early.reasons[0].code) == (Decision.DECISION_HELD, "too_late")
    announced, *tiles = film()
    assert bench.take(announced, *tiles[:-1]) == []
    assert decided(bench.take(tiles[-1])).decision == Decision.DECISION_RELEASED


def test_without_an_order_the_deadline_leaves_a_visible_report(bench):
    announced, *tiles = film()
    bench.take(scan(), announced, *tiles[:-1])
    bench.clock.advance(27 * 60)
    report = decided(bench.guard())
    assert report.decision == Decision.DECISION_AWAITING_ORDER
    assert "cut_short" in [note.code for note in report.limitations]
    assert bench.take(tiles[-1]) == []
    late = decided(bench.take(order()))
    assert late.decision == Decision.DECISION_RELEASED
    assert list(late.limitations) == []


def test_a_report_that_time_brought_is_sent_again_until_it_is_durable(bench):
    bench.take(scan(), order())
    bench.clock.advance(27 * 60)
    first = decided(bench.guard(sent=False))
    bench.open()
    bench.clock.advance(2)
    assert decided(bench.guard()) == first
    assert bench.guard() == []


def test_a_repeated_message_is_answered_as_the_first_time(bench):
    messages = [scan(), order(), *film()]
    first = decided(bench.take(*messages))
    bench.clock.advance(60)
    bench.open()
    assert [reports(bench.take(message)) for message in messages] == [[]] * (len(messages) - 1) + [[first]]


def test_a_repeated_message_asks_again_for_the_same_round(bench):
    announced, *tiles = film({"lymphocyte": 150})
    first = bench.take(order(), announced, *tiles)
    assert bench.take(tiles[0]) == []
    assert bench.take(tiles[-1]) == first


def test_a_different_slide_of_the_same_content_is_a_different_report(bench, make_bench):
    one = decided(bench.take(order(), *film()))
    other = make_bench()
    other.clock.advance(300)
    same = decided(other.take(order(), *film()))
    assert same.report_id == one.report_id
    assert same.decided_at != one.decided_at
    elsewhere = decided(make_bench().take(order(), *film(of=slide("s9"))))
    assert elsewhere.report_id != one.report_id


def test_cells_of_decided_slides_are_thrown_away_in_time_and_their_report_stays_known(bench):
    bench.take(order(), *film())
    bench.clock.advance(9 * 24 * 3600)
    assert list(bench.handlers.forget()) == []
    with bench.database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM tiles").scalar_one() == 0
    report = decided(bench.take(scan(slide("s2"))))
    assert report.reasons[0].code == "second_scan"


def test_an_order_for_a_slide_whose_cells_were_thrown_away_is_told_so(bench):
    bench.take(*film())
    bench.clock.advance(9 * 24 * 3600)
    list(bench.handlers.forget())
    assert decided(bench.take(order())).reasons[0].code == "expired"


def test_cells_whose_probabilities_fit_no_model_are_refused(bench):
    with pytest.raises(PoisonError, match="fit no model"):
        bench.take(tile("t", [Cell(cell_id="c", kind=Kind.KIND_LEUKOCYTE, label="blast", probabilities=[0.5, 0.5])]))


def test_cells_of_no_kind_are_refused(bench):
    with pytest.raises(PoisonError, match="kind 0"):
        bench.take(tile("t", [Cell(cell_id="c")]))


def test_cells_of_a_class_that_the_table_lacks_are_refused(bench):
    strange = erythrocyte("e")
    strange.label = "no_such_shape"
    strange.ClearField("candidates")
    strange.ClearField("probabilities")
    with pytest.raises(PoisonError, match="no_such_shape"):
        bench.take(order(), reading(["t"]), tile("t", [strange]))
