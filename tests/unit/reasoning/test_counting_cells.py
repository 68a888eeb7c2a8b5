"""Differential, morphology and platelets, on composed fields."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reasoning.cells import Box, Kind, Purpose, ReadField, SmearCell
from services.reasoning.classes import ClassTable
from services.reasoning.differential import differential as counted_differential
from services.reasoning.differential import leukocytes_counted
from services.reasoning.errors import TablesInvalid
from services.reasoning.morphology import GradingTable, Limits, morphology
from services.reasoning.platelets import ClumpLimits, clumps_of, platelets

CLASSES = ClassTable.load()
GRADING = GradingTable.load()
HERE = Box(0, 0, 10, 10)


def differential(fields, table):
    return counted_differential(fields, table, 0.2)


def cells(kind, **labels):
    return [SmearCell(f"{kind}-{name}-{n}", kind, name, (name,), HERE) for name, m in labels.items() for n in range(m)]


def field(*groups, purposes=(Purpose.LEUKOCYTES, Purpose.ERYTHROCYTES), name="f"):
    return ReadField(name, frozenset(purposes), tuple(cell for group in groups for cell in group))


def figures(counted, minimum=100):
    return {figure.name: figure for figure in counted.for_report(CLASSES, minimum, 10)}


def whites(**labels):
    return cells(Kind.LEUKOCYTE, **labels)


def test_percentages_are_of_the_identified_leukocytes_that_count():
    told = figures(
        differential(
            [field(whites(neutrophil_segmented=60, neutrophil_band=4, lymphocyte=36, unidentified=9))], CLASSES
        )
    )
    assert told["differential.neutrophil_segmented"].value == 60
    assert told["differential.neutrophils"].value == 64
    assert told["differential.lymphocyte"].denominator == 100
    assert told["differential.blast"].value == 0
    assert told["differential.blast"].high == pytest.approx(3.6, abs=0.05)
    assert told["leukocytes.counted"].numerator == 100
    assert (told["leukocytes.unidentified"].numerator, told["leukocytes.unidentified"].denominator) == (9, 109)


@pytest.mark.parametrize("name", ["unidentified", "neutrophil_band"])
def test_a_cell_of_which_only_the_group_is_certain_counts_for_the_group(name):
    between = [
        SmearCell(f"b{n}", Kind.LEUKOCYTE, name, ("neutrophil_segmented", "neutrophil_band"), HERE) for n in range(20)
    ]
    others = [
        SmearCell("x1", Kind.LEUKOCYTE, "unidentified", ("lymphocyte", "blast"), HERE),
        SmearCell("x2", Kind.LEUKOCYTE, "unidentified", (), HERE),
        SmearCell("x3", Kind.LEUKOCYTE, "unidentified", ("lymphocyte",), HERE),
    ]
    told = figures(differential([field(whites(neutrophil_segmented=40, lymphocyte=40), between, others)], CLASSES))
    assert told["differential.neutrophils"].value == 60
    assert told["differential.neutrophil_segmented"].value is None
    assert told["differential.neutrophil_segmented"].withheld.code == "group_undecided"
    assert told["differential.neutrophil_band"].withheld.code == "group_undecided"
    assert told["differential.lymphocyte"].value == 40
    assert told["leukocytes.counted"].numerator == 100
    assert told["leukocytes.unidentified"].numerator == 3


def test_erythroblasts_platelets_smudges_and_artefacts_stay_outside_the_denominator():
    told = figures(
        differential([field(whites(lymphocyte=200, erythroblast=5, platelet=7, smudge=3, artefact=2))], CLASSES)
    )
    assert told["differential.lymphocyte"].value == 100
    assert told["leukocytes.counted"].numerator == 200
    nrbc = told["erythroblasts.per_100_leukocytes"]
    assert (nrbc.value, nrbc.numerator, nrbc.denominator, nrbc.unit) == (2.5, 5, 200, "/100{WBCs}")


def test_no_percentage_is_given_under_100_leukocytes():
    told = figures(differential([field(whites(lymphocyte=99))], CLASSES))
    figure = told["differential.lymphocyte"]
    assert (figure.value, figure.low, figure.high) == (None, None, None)
    assert (figure.numerator, figure.denominator) == (99, 99)
    assert figure.withheld is not None
    assert figure.withheld.code == "too_few_leukocytes"
    assert told["erythroblasts.per_100_leukocytes"].withheld is not None
    assert figures(differential([field(whites(lymphocyte=100))], CLASSES))["differential.lymphocyte"].value == 100


def test_the_feathered_edge_is_no_part_of_the_differential():
    edge = field(whites(monocyte=30, blast=2), purposes=[Purpose.PLATELET_CLUMPS], name="edge")
    counted = differential([field(whites(lymphocyte=100)), edge], CLASSES)
    assert len(counted.counted) == 100
    assert [cell.label for cell in counted.at_edge].count("blast") == 2
    assert not any(figure.numerator for figure in counted.possible)
    assert leukocytes_counted(edge, CLASSES) == 0


def test_every_figure_keeps_the_ids_of_its_cells():
    told = figures(differential([field(whites(lymphocyte=98, blast=2))], CLASSES))
    assert told["differential.blast"].cell_ids == ("leukocyte-blast-0", "leukocyte-blast-1")
    assert len(told["leukocytes.counted"].cell_ids) == 100


def test_a_class_that_the_table_lacks_is_refused():
    with pytest.raises(TablesInvalid, match="hairy_cell"):
        differential([field(whites(hairy_cell=1))], CLASSES)


@given(st.dictionaries(st.sampled_from(CLASSES.differential), st.integers(0, 80), min_size=1))
def test_the_classes_of_a_differential_sum_to_the_whole(labels):
    counted = differential([field(whites(**labels))], CLASSES)
    assert sum(figure.numerator for figure in counted.classes) == sum(labels.values())
    if sum(labels.values()):
        assert sum(figure.value or 0 for figure in counted.classes) == pytest.approx(100)


def reds(**labels):
    return cells(Kind.ERYTHROCYTE, **labels)


def test_red_cell_classes_are_given_per_100_red_cells_with_their_grade():
    told = {
        f.name: f
        for f in morphology([field(reds(normal=934, target=66, unidentified=200))], CLASSES, GRADING).for_report(
            1000, 30
        )
    }
    assert told["erythrocytes.target"].value == 5.5
    assert told["erythrocytes.target"].grade == 2
    assert told["erythrocytes.normal"].grade is None
    assert told["erythrocytes.schistocyte"].grade == 0
    assert told["erythrocytes.counted"].numerator == 1200
    assert told["erythrocytes.unidentified"].numerator == 200


def test_red_cells_that_no_classifier_was_asked_for_do_not_count():
    whole = field(reds(normal=1000), name="a")
    passing = field([SmearCell("x", Kind.ERYTHROCYTE, "", (), HERE)], purposes=[Purpose.LEUKOCYTES], name="b")
    assert len(morphology([whole, passing], CLASSES, GRADING).classified) == 1000


def test_no_red_cell_share_or_grade_is_given_under_1000():
    told = {f.name: f for f in morphology([field(reds(normal=899, target=100))], CLASSES, GRADING).for_report(1000, 30)}
    assert told["erythrocytes.target"].value is None
    assert told["erythrocytes.target"].grade is None


@pytest.mark.parametrize(
    ("name", "percent", "grade"),
    [
        ("target", 0, 0),
        ("target", 2.4, 0),
        ("target", 2.5, 1),
        ("target", 5, 2),
        ("target", 20, 2),
        ("target", 20.1, 3),
        ("macrocyte", 10.9, 1),
        ("macrocyte", 11, 2),
        ("schistocyte", 0, 0),
        ("schistocyte", 0.2, 1),
        ("schistocyte", 1, 2),
        ("schistocyte", 2.1, 3),
    ],
)
def test_grades_begin_where_icsh_says(name, percent, grade):
    assert GRADING.grades[name].grade(percent) == grade


@given(st.floats(0, 100), st.floats(0, 100))
def test_a_larger_share_has_no_smaller_grade(one, other):
    limits = Limits(one=2.5, two=5, three=20)
    low, high = sorted((one, other))
    assert limits.grade(low) <= limits.grade(high)


LIMITS = ClumpLimits(gap_um=1.0, smallest=5, heap_um=8.0, heap_probability=0.2)


def at(*places):
    return [
        SmearCell(f"p{n}", Kind.PLATELET, "platelet", ("platelet",), Box(x, y, 2.5, 2.5))
        for n, (x, y) in enumerate(places)
    ]


def test_no_red_cell_share_is_given_when_most_red_cells_have_no_name():
    counted = morphology([field(reds(normal=1000, unidentified=500))], CLASSES, GRADING)
    told = {f.name: f for f in counted.for_report(1000, 30)}
    assert told["erythrocytes.normal"].value is None
    assert told["erythrocytes.normal"].withheld.code == "unidentified_erythrocytes"
    assert told["erythrocytes.unidentified"].numerator == 500


def test_platelets_are_given_per_100_red_cells():
    read = field(reds(normal=2000), at(*((100.0 * n, 0.0) for n in range(140))))
    named = field([replace(cell, box=Box(100.0 * n, 90, 5, 5)) for n, cell in enumerate(whites(platelet=10))], name="g")
    told = {f.name: f for f in platelets([read, named], CLASSES, LIMITS).for_report()}
    ratio = told["platelets.per_100_erythrocytes"]
    assert (ratio.value, ratio.numerator, ratio.denominator) == (7.5, 150, 2000)
    assert ratio.low is not None
    assert ratio.high is not None
    assert ratio.low < 7.5 < ratio.high


def test_no_estimate_is_given_when_clumps_are_seen_and_the_clump_names_its_cells():
    clump = at(*((3.0 * n, 0.0) for n in range(6)), (500.0, 500.0))
    edge = field(clump, purposes=[Purpose.PLATELET_CLUMPS], name="edge")
    told = {f.name: f for f in platelets([field(reds(normal=1000)), edge], CLASSES, LIMITS).for_report()}
    assert told["platelets.clumps"].numerator == 1
    assert told["platelets.clumps"].cell_ids == tuple(f"p{n}" for n in range(6))
    assert told["platelets.per_100_erythrocytes"].value is None
    assert told["platelets.per_100_erythrocytes"].withheld is not None
    assert told["platelets.counted"].numerator == 0


def test_platelets_are_told_with_the_fields_that_they_were_counted_on():
    edge = field(at((0.0, 0.0)), purposes=[Purpose.PLATELET_CLUMPS], name="edge")
    read = [field(at((0.0, 0.0)), name="a"), field(reds(normal=9), name="b"), edge]
    told = platelets([*read, replace(read[0], unreadable=True, cells=())], CLASSES, LIMITS).for_report()
    counted = next(figure for figure in told if figure.name == "platelets.counted")
    assert (counted.numerator, counted.denominator, counted.denominator_unit) == (1, 2, "{fields}")


def clumps_told(*fields):
    told = {f.name: f for f in platelets(fields, CLASSES, LIMITS).for_report()}
    return told["platelets.clumps"]


def test_clumps_are_counted_of_the_fields_that_were_searched():
    clump = at(*((3.0 * n, 0.0) for n in range(6)))
    edges = [field(clump, purposes=[Purpose.PLATELET_CLUMPS], name="a"), field(purposes=[Purpose.PLATELET_CLUMPS])]
    unread = ReadField("b", frozenset({Purpose.PLATELET_CLUMPS}), (), unreadable=True)
    told = clumps_told(field(reds(normal=1000)), *edges, unread, field(purposes=[Purpose.LEUKOCYTES]))
    assert (told.numerator, told.denominator, told.denominator_unit, told.withheld) == (1, 3, "{fields}", None)


@pytest.mark.parametrize("unreadable", [False, True])
def test_that_no_clump_was_seen_is_told_only_when_the_feathered_edge_was_read(unreadable):
    edge = ReadField("edge", frozenset({Purpose.PLATELET_CLUMPS}), (), unreadable)
    assert (clumps_told(field(reds(normal=1000)), edge).withheld is not None) == unreadable
    assert clumps_told(field(reds(normal=1000))).withheld.code == "clumps_not_searched"


def test_a_clump_in_the_monolayer_is_told_without_the_feathered_edge():
    told = clumps_told(field(reds(normal=1000), at(*((3.0 * n, 0.0) for n in range(6)))))
    assert (told.numerator, told.withheld) == (1, None)


@pytest.mark.parametrize(
    ("label", "probability", "side", "clumps"),
    [
        ("unidentified", 0.2, 8.0, 1),
        ("platelet", 0.9, 12.0, 1),
        ("unidentified", 0.19, 12.0, 0),
        ("unidentified", 0.9, 7.9, 0),
        ("basophil", 0.3, 12.0, 0),
    ],
)
def test_a_heap_that_is_drawn_as_one_cell_is_a_clump(label, probability, side, clumps):
    seen = SmearCell("h", Kind.LEUKOCYTE, label, (), Box(0, 0, side, side), {"platelet": probability})
    edge = field([seen], purposes=[Purpose.PLATELET_CLUMPS], name="edge")
    told = {f.name: f for f in platelets([field(reds(normal=1000)), edge], CLASSES, LIMITS).for_report()}
    assert told["platelets.clumps"].numerator == clumps
    assert told["platelets.clumps"].cell_ids == ("h",) * clumps
    assert (told["platelets.per_100_erythrocytes"].value is None) == bool(clumps)


def test_what_looks_like_a_heap_outside_the_edge_is_none():
    seen = SmearCell("h", Kind.LEUKOCYTE, "unidentified", (), Box(0, 0, 12, 12), {"platelet": 0.9})
    assert clumps_told(field(reds(normal=1000), [seen]), field(purposes=[Purpose.PLATELET_CLUMPS])).numerator == 0


def test_without_red_cells_there_is_no_ratio():
    told = {f.name: f for f in platelets([field(at((0.0, 0.0)))], CLASSES, LIMITS).for_report()}
    assert told["platelets.per_100_erythrocytes"].withheld is not None


@pytest.mark.parametrize(
    ("places", "clumps"),
    [
        ([(0, 0), (3, 0), (6, 0), (9, 0), (12, 0)], 1),
        ([(0, 0), (3, 0), (6, 0), (9, 0), (13.6, 0)], 0),
        ([(0, 0), (0, 3), (0, 6), (3, 6), (6, 6)], 1),
        ([(0, 0), (2.5, 3.1), (5.0, 6.2), (7.5, 9.3), (10.0, 12.4)], 1),
        ([(0, 0)] * 4, 0),
    ],
)
def test_clumps_are_groups_connected_by_their_gaps(places, clumps):
    assert len(list(clumps_of(at(*places), 1.0, 5))) == clumps


place = st.tuples(st.floats(0, 60), st.floats(0, 60))


@given(st.lists(place, min_size=1, max_size=40), st.randoms())
def test_clumps_do_not_depend_on_the_order_of_cells_and_agree_with_a_plain_search(places, random):
    found = at(*places)
    shuffled = list(found)
    random.shuffle(shuffled)
    assert groups(clumps_of(found, 1.0, 3)) == groups(clumps_of(shuffled, 1.0, 3)) == plain_groups(found, 1.0, 3)


def groups(clumps):
    return sorted(sorted(cell.cell_id for cell in clump) for clump in clumps)


def plain_groups(found, gap, smallest):
    """Breadth-first search over every pair."""
    left, out = set(range(len(found))), []
    while left:
        edge = [left.pop()]
        group = list(edge)
        while edge:
            one = edge.pop()
            near = [n for n in left if apart(found[one].box, found[n].box) <= gap]
            left.difference_update(near)
            edge += near
            group += near
        if len(group) >= smallest:
            out.append(sorted(found[n].cell_id for n in group))
    return sorted(out)


def apart(a, b):
    across = max(a.x - b.x - b.width, b.x - a.x - a.width, 0)
    down = max(a.y - b.y - b.height, b.y - a.y - a.height, 0)
    return (across**2 + down**2) ** 0.5
