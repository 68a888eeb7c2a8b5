"""What orders do to the reading of a specimen, before and after its scan is admitted."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.ingestion.orders import OrderStore
from services.ingestion.tables import METADATA
from services.kit.contracts import Order, Question, Reading, ReadingRequest, Tile
from services.kit.database import Database
from services.kit.local_log import LocalLog
from tests.unit.ingestion.at_work import NOON, ROUTINE, STAT, deadline, write

LATE, SOON = NOON + timedelta(minutes=30), NOON + timedelta(minutes=15)


def urgency(ingestion):
    return ingestion.stores.orders.urgency("A1234")


def test_an_older_word_on_an_order_is_passed_over(ingestion):
    ingestion.order(priority=STAT, revision=2, leukocytes_wanted=400)
    ingestion.order(priority=ROUTINE, revision=1, cancelled=True)
    assert urgency(ingestion) == STAT
    assert ingestion.stores.orders.leukocytes("A1234") == 400
    ingestion.order(priority=ROUTINE, revision=3)
    assert urgency(ingestion) == ROUTINE


def test_the_most_urgent_order_that_is_not_cancelled_counts(ingestion):
    ingestion.order("O1", priority=STAT, leukocytes_wanted=400)
    ingestion.order("O2", priority=ROUTINE, leukocytes_wanted=100)
    assert urgency(ingestion) == STAT
    ingestion.order("O2", priority=ROUTINE, revision=2, cancelled=True)
    assert urgency(ingestion) == STAT, "the cancelled one was not the urgent one"
    ingestion.order("O1", priority=STAT, revision=2, cancelled=True)
    assert urgency(ingestion) == ROUTINE
    assert ingestion.stores.orders.leukocytes("A1234") == 0


def test_an_order_that_names_another_specimen_now_counts_there_alone(ingestion):
    ingestion.order(priority=STAT)
    ingestion.order(specimen="B5678", priority=STAT, revision=2)
    assert urgency(ingestion) == ROUTINE
    assert ingestion.stores.orders.urgency("B5678") == STAT


WORDS = st.tuples(st.sampled_from("abc"), st.integers(1, 4), st.sampled_from([ROUTINE, STAT]), st.booleans())


@given(st.lists(WORDS, max_size=12), st.randoms())
def test_every_order_of_arrival_ends_the_same(tmp_path_factory, words, dice):
    last = {(order, revision): rest for order, revision, *rest in words}
    said = [Order(order_id=o, specimen="A1", revision=r, priority=p, cancelled=c) for (o, r), (p, c) in last.items()]
    dice.shuffle(said)
    database = Database.in_file(tmp_path_factory.mktemp("orders") / "i.db", METADATA)
    store = OrderStore(database)
    for order in [*said, *said[:2]]:
        store.put(order)
    newest = {o: last[o, r] for o, r in sorted(last)}
    assert (store.urgency("A1") == STAT) == any(p == STAT and not c for p, c in newest.values())
    database.close()


def test_an_order_for_more_leukocytes_makes_the_first_round_look_for_them(small):
    scan = small.settled()[-1]
    few, _ = small.read(scan)
    small.order(leukocytes_wanted=120)
    small.stores.rounds.answered = lambda word: False
    small.stores.rounds.of = lambda slide_id: {}
    many, _ = small.read(scan)
    leukocytes = [sum(Question.QUESTION_LEUKOCYTES in tile.questions for tile in tiles) for tiles in (few, many)]
    assert leukocytes[1] > 2 * leukocytes[0]


def test_a_stat_order_that_comes_before_the_reading_gives_it_the_earlier_deadline(small):
    scan = small.settled()[-1]
    small.clock.advance(60)
    small.order(priority=STAT)
    assert small.outputs(scan) == [], "the word was overtaken"
    [urgent] = small.announced()
    assert (deadline(scan.slide), deadline(urgent.slide), urgent.slide.priority) == (LATE, SOON, STAT)
    tiles, reading = small.read(urgent)
    assert {deadline(tile.slide) for tile in tiles} | {deadline(reading.slide)} == {SOON}
    assert small.announced() == []


def test_a_stat_order_that_comes_after_the_reading_sends_its_tiles_again_to_overtake(small, tmp_path):
    scan = small.settled()[-1]
    tiles, reading = small.read(scan)
    small.order(priority=STAT)
    [urgent] = small.announced()
    outputs = list(small.handlers.scans(urgent))
    assert {output.deadline for output in outputs} == {SOON}
    *again, read = (output.value for output in outputs)
    assert [tile.tile_id for tile in again] == [tile.tile_id for tile in reversed(tiles)]
    assert all(deadline(tile.slide) == SOON and tile.slide.priority == STAT for tile in again)
    assert [(tile.uri, tile.region, tile.core) for tile in again] == [
        (t.uri, t.region, t.core) for t in reversed(tiles)
    ]
    assert (read.tile_ids, read.fields, deadline(read.slide)) == (reading.tile_ids, reading.fields, SOON)
    assert small.outputs(urgent)[:1] == again[:1], "delivered again, the same is said"
    log = LocalLog(tmp_path / "messages.db")
    log.send(small.handlers.scans(scan))
    log.send(small.handlers.scans(urgent))
    first = log.consumer("analysis", ["tiles"]).poll(1, 0)[0]
    assert first.value == again[0]
    log.close()


def test_only_the_round_under_way_is_sent_again(small):
    scan = small.settled()[-1]
    small.read(scan)
    asked = ReadingRequest(slide=scan.slide, round=2, question=Question.QUESTION_LEUKOCYTES, cells=10)
    *second, _ = small.request(asked)
    small.order(priority=STAT)
    [urgent] = small.announced()
    again = [value.tile_id for value in small.outputs(urgent) if isinstance(value, Tile)]
    assert sorted(again) == sorted(tile.tile_id for tile in second)


def test_what_is_not_more_urgent_changes_nothing(small):
    small.order(priority=ROUTINE)
    scan = small.settled()[-1]
    small.read(scan)
    small.order("O2", priority=ROUTINE, leukocytes_wanted=400)
    small.order("O3", specimen="B5678", priority=STAT)
    small.order("O4", priority=STAT, cancelled=True)
    assert small.announced() == []
    small.order("O5", priority=STAT)
    [urgent] = small.announced()
    small.order("O5", priority=STAT, revision=2)
    small.order("O5", priority=STAT, revision=3, cancelled=True)
    assert small.announced() == [], "a deadline does not move back"
    assert deadline(urgent.slide) == SOON


def test_a_slide_whose_deadline_has_passed_is_not_sent_again(small):
    scan = small.settled()[-1]
    small.read(scan)
    small.clock.advance(1800)
    small.order(priority=STAT)
    assert small.announced() == []


def test_a_specimen_without_a_number_is_hurried_by_no_order(ingestion):
    write(ingestion.share, barcode=None)
    ingestion.settled()
    ingestion.order(specimen="", priority=STAT)
    assert ingestion.announced() == []


def test_a_stat_order_while_the_slide_is_read_overtakes_with_what_was_read(small):
    scan = small.settled()[-1]
    outputs = small.handlers.scans(scan)
    values = [next(outputs).value]
    small.order(priority=STAT)
    values += [output.value for output in outputs]
    assert isinstance(values[-1], Reading)
    [urgent] = small.announced()
    assert {deadline(value.slide) for value in small.outputs(urgent)} == {SOON}
