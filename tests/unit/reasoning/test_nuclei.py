from dataclasses import replace

import pytest

from services.reasoning.cells import Box, Kind, Purpose, ReadField
from services.reasoning.nuclei import nuclei, without_nucleus
from tests.unit.reasoning.leukocytes import cell

NEAR_UM = 6.0


def field(places, cells=(), purposes=(Purpose.LEUKOCYTES,), **more):
    return ReadField("f", frozenset(purposes), tuple(cells), nuclei=tuple(places), **more)


def leukocyte(x, y):
    """Centred at (x, y)."""
    return replace(cell("c", "lymphocyte", ("lymphocyte",), {}), box=Box(x - 6, y - 6, 12, 12))


def test_a_nucleus_with_a_leukocyte_near_it_is_found_and_others_are_missed():
    compared = nuclei([field([(10, 10), (40, 10), (90, 90)], [leukocyte(12, 14), leukocyte(45.9, 10)])], NEAR_UM)
    assert (compared.sure, compared.missed) == (3, ((90, 90),))
    assert compared.missed_percent == pytest.approx(100 / 3)
    assert 0 < compared.missed_low < compared.missed_percent


def test_cells_of_another_kind_do_not_stand_for_a_nucleus():
    red = replace(leukocyte(10, 10), kind=Kind.ERYTHROCYTE)
    assert nuclei([field([(10, 10)], [red])], NEAR_UM).missed == ((10, 10),)


def test_the_edge_and_fields_without_pixels_are_not_compared():
    edge = field([(10, 10)], purposes=[Purpose.PLATELET_CLUMPS])
    unread = field([(10, 10)], unreadable=True)
    compared = nuclei([edge, unread], NEAR_UM)
    assert (compared.sure, compared.missed_percent, compared.missed_low) == (0, None, None)


def test_a_leukocyte_of_another_field_does_not_stand_for_a_nucleus():
    assert nuclei([field([(10, 10)]), field([], [leukocyte(10, 10)])], NEAR_UM).missed == ((10, 10),)


@pytest.mark.parametrize(("x", "sure"), [(2, 0), (7.9, 0), (8, 1), (92, 1), (93, 0)])
def test_near_the_border_nothing_must_be_found_as_the_cell_may_lie_in_the_field_beside(x, sure):
    assert nuclei([field([(x, 50)], core=Box(0, 0, 100, 100))], NEAR_UM).sure == sure


def red(x, y):
    return replace(leukocyte(x, y), cell_id=f"r{x}", kind=Kind.ERYTHROCYTE)


def test_a_red_cell_with_a_nucleus_in_it_is_none():
    read = field([(10, 10), (50, 50)], [red(10, 10), red(30, 10), leukocyte(50, 50)])
    assert [one.cell_id for one in without_nucleus(read)] == ["r30"]
