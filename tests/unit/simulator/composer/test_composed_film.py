from collections import Counter

import numpy as np
import pytest
from scipy.spatial import cKDTree

from services.simulator.composer import (
    CellLibrary,
    Defect,
    DefectKind,
    FieldRecipe,
    Recipe,
    Rect,
    Region,
    compose_field,
    compose_film,
)  # fmt: skip
from services.simulator.errors import LibraryError

SMALL = Recipe(
    width_px=3600, height_px=2000, seed=5, platelets=40, clumps=3, differential={"lymphocyte": 9, "monocyte": 7}
)


@pytest.fixture(scope="module")
def film(demonstration):
    return compose_film(SMALL, demonstration)


def cells_of(film, kind, region=None):
    return [cell for cell in film.truth.cells if cell.kind == kind and region in (None, cell.region)]


def test_a_film_has_the_size_and_resolution_asked_for(film):
    assert film.image.shape == (2000, 3600, 3)
    assert film.image.dtype == np.uint8
    assert film.um_per_px == SMALL.um_per_px
    assert film.truth.width_um == pytest.approx(3600 * 0.137)


def test_a_film_holds_exactly_the_differential_asked_for(film):
    assert film.truth.count("leukocyte") == Counter(SMALL.differential)


def test_a_film_holds_the_platelets_asked_for_and_those_of_its_clumps(film):
    single = [cell for cell in cells_of(film, "platelet") if cell.clump is None]
    assert len(single) == SMALL.platelets
    assert len(film.truth.clumps) == 3
    members = Counter(cell.clump for cell in film.truth.cells if cell.clump is not None)
    assert members == {clump.number: clump.platelets for clump in film.truth.clumps}
    assert all(6 <= clump.platelets <= 22 for clump in film.truth.clumps)


def test_platelets_of_a_clump_touch_one_another(film):
    for clump in film.truth.clumps:
        at = np.array([(cell.x_um, cell.y_um) for cell in film.truth.cells if cell.clump == clump.number])
        nearest = cKDTree(at).query(at, k=2)[0][:, 1]
        assert np.median(nearest) < 4.0


def test_the_same_recipe_gives_the_same_film_and_another_seed_another(film, demonstration):
    again = compose_film(SMALL, demonstration)
    assert np.array_equal(again.image, film.image)
    assert again.truth == film.truth
    other = compose_film(Recipe(**{**vars(SMALL), "seed": 6}), demonstration)
    assert other.truth.cells != film.truth.cells


def test_a_film_on_disk_is_the_film_in_memory(film, demonstration, tmp_path):
    stored = compose_film(SMALL, demonstration, tmp_path / "film.npy")
    assert isinstance(stored.image, np.memmap)
    assert np.array_equal(stored.image, film.image)


def test_every_region_lies_in_its_order_along_the_film(film):
    middle = [
        np.mean([cell.x_um for cell in cells_of(film, "erythrocyte", region)])
        for region in (Region.THICK, Region.MONOLAYER, Region.FEATHERED)
    ]
    assert middle == sorted(middle)
    assert {region.name for region in film.truth.regions} == {"thick", "monolayer", "feathered"}


def test_cells_lie_inside_the_polygon_of_their_region(film):
    cv2 = pytest.importorskip("cv2")
    polygons = {region.name: np.array(region.polygon, np.float32) for region in film.truth.regions}
    cells = [cell for cell in film.truth.cells if cell.region != Region.EMPTY]
    inside = [cv2.pointPolygonTest(polygons[cell.region], (cell.x_um, cell.y_um), True) > -4.0 for cell in cells]
    assert np.mean(inside) > 0.99


def test_red_cells_overlap_in_the_thick_end_and_lie_apart_in_the_monolayer(film):
    def overlapping(region):
        at = np.array([(cell.x_um, cell.y_um) for cell in cells_of(film, "erythrocyte", region)])
        return np.mean(cKDTree(at).query(at, k=2)[0][:, 1] < 5.0)

    assert overlapping(Region.MONOLAYER) < 0.06
    assert overlapping(Region.THICK) > 0.5


def test_the_monolayer_is_as_dense_as_a_smear(demonstration):
    field = compose_field(FieldRecipe(width_px=2048, height_px=2048, seed=2), demonstration)
    squares = (2048 * 0.137 / 140) ** 2
    assert 150 <= field.truth.count("erythrocyte").total() / squares <= 260


def test_glass_around_the_film_is_empty_and_bright(film):
    border = np.concatenate([film.image[:40].ravel(), film.image[-40:].ravel(), film.image[:, :60].ravel()])
    assert border.min() > 215
    assert all(cell.x_um > 8 for cell in film.truth.cells)


def test_every_cell_of_the_truth_can_be_seen_where_the_truth_says(film):
    glass = np.array(SMALL.glass_rgb)
    for cell in film.truth.cells:
        left, top = (cell.x_um - cell.w_um / 2) / 0.137, (cell.y_um - cell.h_um / 2) / 0.137
        right, bottom = left + cell.w_um / 0.137, top + cell.h_um / 0.137
        patch = film.image[max(0, int(top)) : int(bottom) + 1, max(0, int(left)) : int(right) + 1]
        assert (patch.min(axis=2) < glass.min() * 0.93).mean() > 0.3, cell


def test_boxes_of_the_truth_are_tight(disc):
    library = CellLibrary((disc("leukocyte", "lymphocyte", 12.0),))
    recipe = FieldRecipe(
        width_px=600, height_px=600, differential={"lymphocyte": 1}, platelets=0, region=Region.MONOLAYER,
        erythrocytes={"normal": 1.0}, red_cells_per_field=0.0, seed=9,
    )  # fmt: skip
    field = compose_field(recipe, library)
    (cell,) = field.truth.cells
    y, x = np.nonzero(field.image.min(axis=2) < 150)
    found = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1]) * 0.137
    told = [cell.x_um - cell.w_um / 2, cell.y_um - cell.h_um / 2, cell.x_um + cell.w_um / 2, cell.y_um + cell.h_um / 2]
    assert found == pytest.approx(told, abs=0.35)


def test_light_of_overlapping_cells_multiplies(disc):
    library = CellLibrary((disc("erythrocyte", "normal", 30.0, (200, 150, 180)),))
    recipe = FieldRecipe(
        width_px=800, height_px=800, differential={}, platelets=0, region=Region.THICK, rouleaux=0.0, seed=3,
        erythrocytes={"normal": 1.0}, red_cells_per_field=20.0, glass_rgb=(255, 255, 255),
    )  # fmt: skip
    green = compose_field(recipe, library).image[..., 1].astype(int)
    counts = np.bincount(green.ravel(), minlength=256)
    share = 150 / 255 * 0.96
    assert counts[int(255 * share) - 8 : int(255 * share) + 14].sum() > 10_000
    assert counts[int(255 * share * 150 / 255) - 8 : int(255 * share * 150 / 255) + 10].sum() > 5_000


def test_large_leukocytes_drift_to_the_feathered_edge(demonstration):
    recipe = Recipe(width_px=4000, height_px=2400, red_cells_per_field=20, platelets=0, clumps=0, seed=1,
                    differential={"lymphocyte": 150, "monocyte": 150})  # fmt: skip
    truth = compose_film(recipe, demonstration).truth
    feathered = truth.count("leukocyte", Region.FEATHERED)
    assert feathered["monocyte"] > feathered["lymphocyte"]


def test_a_film_can_be_composed_at_another_resolution(demonstration):
    coarse = Recipe(**{**vars(SMALL), "width_px": 900, "height_px": 500, "um_per_px": 0.548})
    film = compose_film(coarse, demonstration)
    assert film.image.shape == (500, 900, 3)
    assert film.truth.width_um == pytest.approx(900 * 0.548)
    sizes = [cell.w_um for cell in cells_of(film, "erythrocyte", Region.MONOLAYER)]
    assert 6.8 <= np.median(sizes) <= 8.5


def test_cells_of_another_folder_make_films_too(demonstration, disc):
    library = demonstration + CellLibrary((disc("leukocyte", "blast", 15.0),))
    recipe = FieldRecipe(width_px=900, height_px=900, differential={"blast": 4})
    assert compose_field(recipe, library).truth.count("leukocyte") == {"blast": 4}


def test_a_label_that_the_library_lacks_is_refused(demonstration):
    with pytest.raises(LibraryError, match="blast"):
        compose_field(FieldRecipe(differential={"blast": 1}), demonstration)


def test_a_field_of_bare_glass_holds_nothing(demonstration):
    field = compose_field(FieldRecipe(width_px=512, height_px=512, region=Region.EMPTY), demonstration)
    assert field.truth.cells == ()
    assert field.image.min() > 215


def test_a_wholly_empty_film_holds_nothing(demonstration):
    recipe = Recipe(width_px=1200, height_px=800, defects=(Defect(DefectKind.EMPTY, Rect()),))
    film = compose_film(recipe, demonstration)
    assert film.truth.cells == ()
    assert film.truth.clumps == ()
    assert film.image.min() > 215
