import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingestion.fields.grid import core, field_id, grid
from services.ingestion.tiles import CORE_UM


@given(st.integers(1, 400), st.integers(1, 400), st.floats(5.0, 12.0))
def test_every_map_cell_belongs_to_the_field_that_holds_its_centre(rows, columns, cell_um):
    fields = grid((rows, columns), cell_um)
    counts = fields.sums(np.ones((rows, columns), np.uint8))
    assert counts.sum() == rows * columns
    assert counts.min() > 0
    for cells, starts in ((rows, fields.row_starts), (columns, fields.column_starts)):
        for number, start in enumerate(starts):
            assert number == int((start + 0.5) * cell_um / CORE_UM)
            assert start == 0 or int((start - 0.5) * cell_um / CORE_UM) == number - 1
        assert len(starts) == int((cells - 0.5) * cell_um / CORE_UM) + 1


@given(st.integers(0, 9999), st.integers(0, 9999))
def test_the_name_of_a_field_says_where_it_is(row, column):
    region = core(field_id(row, column))
    assert (region.x_um, region.y_um) == (column * CORE_UM, row * CORE_UM)
    assert region.width_um == region.height_um == pytest.approx(140.288)


@pytest.mark.parametrize("name", ["", "12", "a-1", "1-", "-1-2", "1-2-3"])
def test_other_words_are_no_fields(name):
    with pytest.raises(ValueError, match="not a field"):
        core(name)


def test_single_things_are_summed_where_they_lie():
    fields = grid((32, 48), CORE_UM / 16)
    totals = fields.totals(np.array([0, 15, 16]), np.array([0, 40, 47]), np.array([1.0, 2.0, 0.5]))
    np.testing.assert_array_equal(totals, [[1.0, 0.0, 2.0], [0.0, 0.0, 0.5]])
