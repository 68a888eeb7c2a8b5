"""Reports stay small; the cells behind every figure lie in the object store before the report is told."""

import pytest

from services.kit.contracts import Decision
from services.kit.errors import TransientError
from services.reasoning.figures import Note
from services.reasoning.reports import LONGEST_TEXT, reason
from tests.unit.reasoning.smears import PLAIN, evidence, film, film_tiles, order, reading, reports


def decided(outputs):
    found = reports(outputs)
    assert len(found) == 1
    return found[0]


def test_a_report_of_ten_thousand_cells_is_small_and_every_figure_keeps_its_cells(bench):
    report = decided(bench.take(order(), *film({name: 2 * m for name, m in PLAIN.items()}, reds=12_000, tiles=40)))
    assert report.ByteSize() < 100_000
    assert not any(measure.cell_ids for measure in report.measures)
    cells = evidence(bench, report)
    assert set(cells) == {measure.name for measure in report.measures}
    assert all(len(cells[m.name]) == m.numerator for m in report.measures if m.name != "platelets.clumps")
    assert cells["erythrocytes.normal"][0].startswith("s1-")


def test_reports_of_the_same_figures_on_other_cells_are_two_reports(make_bench):
    told = [decided(make_bench().take(order(), *film(prefix=prefix, tiles=1))) for prefix in ("t", "u")]
    assert told[0].measures == told[1].measures
    assert told[0].report_id != told[1].report_id


def test_what_an_earlier_report_counted_stays_when_a_later_one_counts_more(bench):
    first_tiles = film_tiles({"lymphocyte": 150})
    early = decided(bench.take(reading([t.tile_id for t in first_tiles]), *first_tiles, reading([], round_=2)))
    assert early.decision == Decision.DECISION_AWAITING_ORDER
    before = evidence(bench, early)
    late = decided(bench.take(order()))
    assert late.evidence_uri != early.evidence_uri
    assert evidence(bench, early) == before


def test_a_report_whose_cells_cannot_be_written_is_not_told_and_told_later(bench, monkeypatch):
    announced, *tiles = film()
    bench.take(order(), announced, *tiles[:-1])

    def full(key, content):
        raise TransientError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(bench.objects, "put", full)
        with pytest.raises(TransientError):
            bench.take(tiles[-1])
    report = decided(bench.take(tiles[-1]))
    assert evidence(bench, report)["leukocytes.counted"]


def test_a_text_that_others_wrote_is_cut(bench):
    report = decided(bench.take(order(haemogram=[("777-3", 12.0, "furlong" * 1000)]), *film()))
    assert [len(note.text) for note in report.limitations] == [LONGEST_TEXT]
    assert report.limitations[0].text.endswith("…")


@pytest.mark.parametrize("length", [0, LONGEST_TEXT, LONGEST_TEXT + 1])
def test_a_text_is_cut_only_when_it_is_too_long(length):
    assert len(reason(Note("code", "x" * length)).text) == min(length, LONGEST_TEXT)
    assert ("…" in reason(Note("code", "x" * length)).text) == (length > LONGEST_TEXT)
