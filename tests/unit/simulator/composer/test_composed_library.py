import csv
from collections import Counter

import cv2
import numpy as np
import pytest

from services.simulator.composer import DEMONSTRATION_CELLS, CellLibrary
from services.simulator.composer.library import COLUMNS, TABLE
from services.simulator.errors import LibraryError

LEUKOCYTES = {
    "neutrophil_segmented", "neutrophil_band", "metamyelocyte", "myelocyte", "promyelocyte", "lymphocyte", "monocyte",
    "eosinophil", "basophil", "erythroblast",
}  # fmt: skip
ERYTHROCYTES = {
    "normal", "macrocyte", "microcyte", "spherocyte", "target", "stomatocyte", "ovalocyte", "teardrop", "burr",
    "schistocyte", "hypochromic", "elliptocyte",
}  # fmt: skip


def rows() -> list[dict[str, str]]:
    with (DEMONSTRATION_CELLS / TABLE).open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


def test_the_demonstration_cells_hold_every_class_but_blasts(demonstration):
    kinds = {label: cell.kind for cell in demonstration.cells for label in [cell.label]}
    assert {label for label, kind in kinds.items() if kind == "leukocyte"} == LEUKOCYTES
    assert {label for label, kind in kinds.items() if kind == "erythrocyte"} == ERYTHROCYTES
    assert {label for label, kind in kinds.items() if kind == "platelet"} == {"platelet"}
    counts = Counter(cell.kind for cell in demonstration.cells)
    assert counts["leukocyte"] >= 400
    assert counts["erythrocyte"] >= 300
    assert counts["platelet"] >= 50


def test_the_demonstration_cells_stay_under_8_megabytes():
    assert sum(path.stat().st_size for path in DEMONSTRATION_CELLS.iterdir()) <= 8_000_000


def test_every_demonstration_cell_comes_from_a_set_whose_licence_allows_it():
    assert {row["source"] for row in rows()} <= {"pbc", "txl_pbc", "chula_rbc12"}
    attribution = (DEMONSTRATION_CELLS / "ATTRIBUTION.md").read_text("utf-8")
    assert all(f"`{source}`" in attribution for source in {row["source"] for row in rows()})


def test_no_demonstration_cell_was_cut_out_twice():
    places = [(row["source"], row["file"], row["source_x"], row["source_y"]) for row in rows()]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize(
    ("kind", "least_um", "most_um"), [("leukocyte", 5, 25), ("erythrocyte", 2.5, 13), ("platelet", 1.5, 9)]
)
def test_cells_are_as_large_as_their_kind(demonstration, kind, least_um, most_um):
    sizes = [side for cell in demonstration.cells if cell.kind == kind for side in cell.size_um]
    assert least_um <= min(sizes)
    assert max(sizes) <= most_um


def test_the_median_normal_red_cell_measures_about_7_to_8_micrometres(demonstration):
    diameter = np.median([2 * cell.radius_um for cell in demonstration.of("normal")])
    assert 7.0 <= diameter <= 8.2


def test_the_corners_of_every_cut_out_are_bare_glass(demonstration):
    for cell in demonstration.cells:
        assert cell.light[[0, 0, -1, -1], [0, -1, 0, -1]].min() >= 250, cell.name


def test_libraries_of_several_folders_can_be_joined(demonstration, disc):
    both = demonstration + CellLibrary((disc("leukocyte", "blast", 14.0),))
    assert both.labels == demonstration.labels | {"blast"}
    assert len(both.of("monocyte")) == len(demonstration.of("monocyte"))


def test_a_label_that_no_cell_has_is_named(demonstration):
    with pytest.raises(LibraryError, match="hairy_cell"):
        demonstration.of("hairy_cell")


def write_folder(folder, **changes):
    sheet = np.zeros((40, 40, 4), np.uint8)
    sheet[10:30, 10:30] = (80, 60, 90, 255)
    cv2.imwrite(str(folder / "sheet.png"), sheet)
    row = dict.fromkeys(COLUMNS, "0") | {"cell": "a", "kind": "platelet", "label": "platelet", "sheet": "sheet.png"}
    row |= {"w": "40", "h": "40"} | changes
    (folder / TABLE).write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n", encoding="utf-8")


def test_any_folder_in_the_same_form_is_a_library(tmp_path):
    write_folder(tmp_path)
    (cell,) = CellLibrary.load(tmp_path).cells
    assert cell.size_um == pytest.approx((20 * 0.137, 20 * 0.137))


@pytest.mark.parametrize("changes", [{"x": "30"}, {"x": "-5"}, {"w": "9", "h": "9"}, {"sheet": "other.png"}])
def test_a_table_that_does_not_fit_its_sheets_is_refused(tmp_path, changes):
    write_folder(tmp_path, **changes)
    with pytest.raises(LibraryError):
        CellLibrary.load(tmp_path)


@pytest.mark.parametrize("text", [None, "", "cell,kind\n", "cell,kind\na,platelet\n"])
def test_a_folder_without_a_usable_table_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / TABLE).write_text(text, encoding="utf-8")
    with pytest.raises(LibraryError, match=TABLE):
        CellLibrary.load(tmp_path)
