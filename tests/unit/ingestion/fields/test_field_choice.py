import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingestion.fields import Question, choose, core
from services.ingestion.fields.rejection import EXAMPLES
from services.ingestion.film import Part
from services.ingestion.tiles import CORE_UM
from tests.unit.ingestion.film.films import CELL_UM, drawn, film, mapped

ROUND = {Question.LEUKOCYTES: 60, Question.ERYTHROCYTES: 800, Question.PLATELETS: 0, Question.PLATELET_CLUMPS: 2}


def cells(fields):
    """A map of one `Part` per field (rows x columns)."""
    return np.kron(np.asarray(fields, np.uint8), np.ones((16, 16), np.uint8))


def centre(row, column, dx=0.0):
    return (column + 0.5) * CORE_UM + dx, (row + 0.5) * CORE_UM


def names(choice, question=None):
    return [field.field_id for field in choice.fields if question in (None, *field.questions)]


def asked(question, count):
    return {question: count}


def large_film(rows=12, columns=20):
    """More than a hundred readable fields of monolayer, with one nucleus in every third."""
    places = [(row, column) for row in range(rows) for column in range(columns) if (row + column) % 3 == 0]
    return drawn(cells(np.full((rows, columns), Part.MONOLAYER)), nuclei=[(*centre(*place), 1.0) for place in places])


def test_the_fields_with_most_nuclei_are_read_first():
    nuclei = [(*centre(0, 1), 1.0), *((*centre(1, 2, dx), 0.9) for dx in (-30, 0, 30))]
    choice = choose(drawn(cells(np.full((2, 4), Part.MONOLAYER)), nuclei=nuclei), asked(Question.LEUKOCYTES, 3))
    assert names(choice)[:2] == ["0001-0002", "0000-0001"]
    assert choice.expected[Question.LEUKOCYTES] == pytest.approx(3.7)


def test_the_monolayer_comes_before_the_feathered_edge_and_that_before_thick_parts():
    parts = [[Part.THICK, Part.FEATHERED, Part.MONOLAYER]]
    nuclei = [(*centre(0, 0, dx), 1.0) for dx in (-20, 0, 20)]
    nuclei += [(*centre(0, 1, dx), 1.0) for dx in (-20, 20)]
    nuclei.append((*centre(0, 2), 1.0))
    choice = choose(drawn(cells(parts), nuclei=nuclei), asked(Question.LEUKOCYTES, 6))
    assert names(choice) == ["0000-0002", "0000-0001", "0000-0000"]


def test_reading_stops_when_enough_is_expected():
    choice = choose(large_film(), asked(Question.LEUKOCYTES, 10))
    assert len(choice.fields) == 10
    assert choice.exhausted == ()


def test_the_next_round_goes_on_where_the_last_one_stopped():
    film_map = large_film()
    both = choose(film_map, asked(Question.LEUKOCYTES, 20))
    first = choose(film_map, asked(Question.LEUKOCYTES, 12))
    second = choose(film_map, asked(Question.LEUKOCYTES, 8), names(first))
    assert names(first) + names(second) == names(both)


def test_a_film_with_few_nuclei_is_read_to_its_last_one_and_then_exhausted():
    choice = choose(large_film(), asked(Question.LEUKOCYTES, 200))
    assert choice.exhausted == (Question.LEUKOCYTES,)
    assert choice.expected[Question.LEUKOCYTES] == pytest.approx(80)
    assert len(choice.fields) == 80


def test_a_small_film_is_read_whole():
    film_map = drawn(cells(np.full((3, 4), Part.MONOLAYER)), nuclei=[(*centre(1, 1), 1.0)])
    choice = choose(film_map, asked(Question.LEUKOCYTES, 200))
    assert len(choice.fields) == 12
    assert choice.exhausted == (Question.LEUKOCYTES,)
    assert names(choice)[0] == "0001-0001"


def test_red_cells_are_read_all_over_the_film_and_in_fields_already_chosen_where_possible():
    film_map = large_film()
    choice = choose(film_map, {Question.LEUKOCYTES: 30, Question.ERYTHROCYTES: 5000})
    red = names(choice, Question.ERYTHROCYTES)
    assert choice.expected[Question.ERYTHROCYTES] >= 5000
    assert len(red) == pytest.approx(5000 / (0.45 * CORE_UM**2 / 50), abs=2)
    assert len({(int(name[:4]) // 4, int(name[5:]) // 5) for name in red}) >= 10
    assert len(set(red) & set(names(choice, Question.LEUKOCYTES))) >= 5


def test_platelets_are_read_wherever_red_cells_are():
    choice = choose(large_film(), ROUND)
    assert names(choice, Question.PLATELETS) == names(choice, Question.ERYTHROCYTES)
    assert choice.expected[Question.PLATELETS] == pytest.approx(0.05 * choice.expected[Question.ERYTHROCYTES])


def test_an_anaemic_film_without_monolayer_gives_its_red_cells_from_where_they_are_sparse():
    choice = choose(drawn(cells(np.full((4, 4), Part.FEATHERED)), cover=0.2), asked(Question.ERYTHROCYTES, 500))
    assert choice.expected[Question.ERYTHROCYTES] >= 500


def test_clumps_are_sought_at_the_feathered_edge_and_first_where_heaps_lie():
    parts = np.full((6, 8), Part.MONOLAYER)
    parts[:, 6:] = Part.FEATHERED
    choice = choose(drawn(cells(parts), nuclei=[(*centre(4, 7), 0.3)]), asked(Question.PLATELET_CLUMPS, 4))
    assert len(choice.fields) == 4
    assert names(choice)[0] == "0004-0007"
    assert all(name.endswith(("0006", "0007")) for name in names(choice))


def test_a_question_that_the_film_cannot_answer_is_exhausted():
    choice = choose(drawn(cells(np.full((2, 2), Part.MONOLAYER))), asked(Question.PLATELET_CLUMPS, 4))
    assert choice.fields == ()
    assert choice.exhausted == (Question.PLATELET_CLUMPS,)


def test_fields_that_are_not_readable_are_told_with_the_reason_and_never_read():
    parts = np.full((2, 5), Part.MONOLAYER)
    parts[:, 1] = Part.THICK
    kinds = {}
    for number, name in enumerate(("unfocused", "pale", "missing", "grains")):
        faulty = np.zeros((2, 5), bool)
        faulty[0, number if number < 1 else number + 1] = True
        kinds[name] = cells(faulty) > 0
    choice = choose(drawn(cells(parts), **kinds), asked(Question.ERYTHROCYTES, 10000))
    found = {rejection.code: rejection for rejection in choice.rejected}
    assert found["out_of_focus"].examples == ("0000-0000",)
    assert found["pale"].examples == ("0000-0002",)
    assert found["missing_tiles"].examples == ("0000-0003",)
    assert found["precipitate"].examples == ("0000-0004",)
    assert found["too_thick"].examples == ("0000-0001", "0001-0001")
    rejected = {name for rejection in choice.rejected for name in rejection.examples}
    assert not rejected & set(names(choice))


def test_a_field_whose_tile_touches_a_lost_one_by_a_hair_is_told_and_never_read():
    film = drawn(cells(np.full((3, 3), Part.MONOLAYER)))
    per_field = round(CORE_UM / CELL_UM)
    film.absent[per_field + 5, per_field + 5] = 1
    (rejection,) = choose(film, asked(Question.ERYTHROCYTES, 10000)).rejected
    assert (rejection.code, rejection.examples) == ("missing_tiles", ("0001-0001",))
    # In the last cell of a field: the tile beside it is read with a margin, which reaches into it.
    film.absent[per_field + 5, 2 * per_field - 1] = 1
    choice = choose(film, asked(Question.ERYTHROCYTES, 10000))
    assert choice.rejected[0].examples == ("0001-0001", "0001-0002")
    assert len(choice.fields) == 7


def test_the_reasons_stay_small_on_a_large_film():
    choice = choose(drawn(cells(np.full((60, 60), Part.THICK))), asked(Question.ERYTHROCYTES, 10))
    (rejection,) = choice.rejected
    assert (rejection.code, rejection.count, len(rejection.examples)) == ("too_thick", 3600, EXAMPLES)


def test_a_field_of_another_slide_is_refused():
    with pytest.raises(ValueError, match="not a field of this film of 12 x 20 fields"):
        choose(large_film(), ROUND, ["0012-0000"])


def test_fields_are_told_with_their_place():
    for field in choose(large_film(), ROUND).fields:
        assert field.core == core(field.field_id)


@settings(max_examples=25)
@given(st.lists(st.lists(st.sampled_from(Part), min_size=5, max_size=5), min_size=1, max_size=5), st.randoms())
def test_rounds_never_read_a_field_twice_and_end(parts, random):
    height, width = len(parts), 5
    spots = [(random.uniform(0, width), random.uniform(0, height), random.random()) for _ in range(40)]
    film_map = drawn(cells(parts), nuclei=[(x * CORE_UM, y * CORE_UM, score) for x, y, score in spots])
    read = []
    for _ in range(40):
        choice = choose(film_map, {Question.LEUKOCYTES: 5, Question.ERYTHROCYTES: 300}, read)
        assert not set(names(choice)) & set(read)
        read += names(choice)
        if len(choice.exhausted) == 2:
            break
    assert len(choice.exhausted) == 2


def test_a_composed_film_holds_what_its_map_promised():
    choice = choose(mapped(), ROUND)
    assert choice == choose(mapped(), ROUND)
    for question, kind in ((Question.LEUKOCYTES, "leukocyte"), (Question.ERYTHROCYTES, "erythrocyte")):
        cores = [field.core for field in choice.fields if question in field.questions]
        there = sum(
            any(0 <= cell.x_um - at.x_um < CORE_UM and 0 <= cell.y_um - at.y_um < CORE_UM for at in cores)
            for cell in film().truth.cells
            if cell.kind == kind
        )
        assert there >= ROUND[question]
        assert there == pytest.approx(choice.expected[question], rel=0.25)
