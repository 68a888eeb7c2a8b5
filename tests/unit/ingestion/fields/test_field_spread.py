from hypothesis import given
from hypothesis import strategies as st

from services.ingestion.fields.spread import stratified

PLACES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), unique=True, max_size=120)


@given(PLACES, st.floats(0, 200))
def test_the_places_give_what_is_wanted_or_all_are_taken(places, wanted):
    chosen = stratified(places, (), wanted, lambda place: 1.0 + place[0] % 3)
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= set(places)
    assert sum(1.0 + row % 3 for row, _ in chosen) >= wanted or set(chosen) == set(places)


@given(PLACES, st.floats(1, 50), st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order_given(places, wanted, random):
    shuffled = random.sample(places, len(places))
    assert stratified(places, (), wanted, lambda _: 2.0) == stratified(shuffled, (), wanted, lambda _: 2.0)


def test_few_places_lie_in_all_parts_of_the_film():
    places = [(row, column) for row in range(40) for column in range(40)]
    chosen = stratified(places, (), 16, lambda _: 1.0)
    assert len(chosen) == 16
    assert len({(row // 10, column // 10) for row, column in chosen}) >= 10


def test_a_preferred_place_stands_for_its_neighbours():
    places = [(0, column) for column in range(32)]
    preferred = {(0, 1), (0, 9), (0, 17), (0, 25)}
    assert set(stratified(places, preferred, 4, lambda _: 1.0)) == preferred
