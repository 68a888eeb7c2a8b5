import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.simulator.composer import CellTruth, ClumpTruth, FieldRecipe, RegionTruth, Truth, compose_field
from services.simulator.errors import LibraryError

number = st.floats(0, 1e5, allow_nan=False)
cells = st.builds(
    CellTruth, st.just("platelet"), st.just("platelet"), number, number, number, number, st.just("thick"), st.text(),
    st.none() | st.integers(0, 9),
)  # fmt: skip
regions = st.builds(RegionTruth, st.text(), st.lists(st.tuples(number, number)).map(tuple), st.none() | number)
clumps = st.builds(ClumpTruth, st.integers(0), st.integers(0), number, number, number, number, st.just("thick"))
truths = st.builds(
    Truth, number, number, number, st.integers(), st.lists(cells).map(tuple), st.lists(regions).map(tuple),
    st.lists(clumps).map(tuple),
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(truths)
def test_truth_reads_back_as_it_was_written(tmp_path_factory, truth):
    path = tmp_path_factory.mktemp("truth") / "truth.jsonl"
    truth.write(path)
    assert Truth.read(path) == truth


def test_truth_counts_by_kind_and_region(demonstration):
    recipe = FieldRecipe(width_px=700, height_px=700, differential={"basophil": 12, "monocyte": 1})
    truth = compose_field(recipe, demonstration).truth
    assert truth.count("leukocyte") == {"basophil": 12, "monocyte": 1}
    assert truth.count("leukocyte", "thick").total() == 0


@pytest.mark.parametrize("text", ["", "{", "[]\n", '{"type": "cell"}\n', '{"type": "moon"}\n', '{"x": 1}\n'])
def test_what_is_no_truth_is_refused(tmp_path, text):
    path = tmp_path / "truth.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LibraryError, match=r"truth\.jsonl"):
        Truth.read(path)
