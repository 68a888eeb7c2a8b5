import re

import pytest

from services.kit.classes import FILE, ClassesInvalid, Role, cell_classes
from services.lis.reports.codes import of_classes
from services.reasoning.classes import ClassTable
from services.reasoning.errors import TablesInvalid

TABLE = FILE.read_text("utf-8")
PLASMA_CELL = "  plasma_cell: {counts: differential, text: Plasma cells}\n"


@pytest.fixture
def classes(tmp_path):
    def read(text):
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.yaml"
        file.write_text(text, "utf-8")
        return cell_classes(file)

    return read


def without(name):
    return re.sub(rf"  {name}: .*\n", "", TABLE)


def counted(cells):
    return ClassTable(version="1", reported=("neutrophils",), watched={}, cells=cells)


def test_a_class_that_is_taken_out_is_gone_everywhere_and_back_with_its_line(classes):
    whole, less, back = cell_classes(), classes(without("basophil")), classes(TABLE)
    assert [name for name in whole.trained_leukocytes if name != "basophil"] == list(less.trained_leukocytes)
    assert "basophil" not in counted(less).differential
    with pytest.raises(TablesInvalid, match="a model names leukocytes 'basophil', which"):
        counted(less).role("basophil")
    assert of_classes(whole).keys() - of_classes(less).keys() == {"differential.basophil"}
    assert back == whole


def test_a_new_class_is_one_line(classes):
    more = classes(TABLE.replace("  erythroblast:", f"{PLASMA_CELL}  erythroblast:"))
    assert more.trained_leukocytes.index("plasma_cell") == more.trained_leukocytes.index("basophil") + 1
    assert counted(more).role("plasma_cell") is Role.DIFFERENTIAL
    told = of_classes(more)["differential.plasma_cell"]
    assert (told.code, told.text) == ("WBC-PLASMA-CELL", "Plasma cells/100 leukocytes in Blood")


def test_a_class_that_no_model_gives_yet_is_known_but_no_output():
    known = cell_classes()
    assert "smudge" in known.leukocytes
    assert "smudge" not in known.trained_leukocytes
    assert counted(known).role("smudge") is Role.OUTSIDE


def test_groups_are_sums_of_the_classes_whose_lines_name_them():
    assert cell_classes().groups == {
        "neutrophils": ("neutrophil_segmented", "neutrophil_band"),
        "early_granulocytes": ("myelocyte", "promyelocyte"),
    }


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (TABLE.replace("counts: erythroblast", "counts: somewhere"), "erythroblast"),
        (TABLE.replace("group: neutrophils", "group: lymphocyte"), "a group may not have a class's name: lymphocyte"),
        (TABLE.replace("smudge: {", "smudge: {group: debris, "), "in a group, but not in the differential: smudge"),
        (TABLE.replace(", presence: Macrocytes}", "}"), "loinc and presence belong together"),
        (TABLE.replace("  erythroblast:", "  basophil:"), "written twice: .*basophil"),
        ("leukocytes: [", "cannot be read as YAML"),
    ],
)
def test_a_table_that_says_something_impossible_is_refused(classes, wrong, why):
    with pytest.raises(ClassesInvalid, match=why):
        classes(wrong)


def test_a_table_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ClassesInvalid, match=r"gone\.yaml cannot be read"):
        cell_classes(tmp_path / "gone.yaml")
