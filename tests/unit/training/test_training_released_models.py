from pathlib import Path

import numpy as np
import pytest

from services.analysis.pixels import CANONICAL_UM_PER_PX, ERYTHROCYTE_CROP, LEUKOCYTE_CROP, PLASMODIUM_CROP, TILE
from services.training import description, manifest
from services.training.classes import ERYTHROCYTES, KINDS, LEUKOCYTES, PLASMODIUM
from services.training.classifier.answers import Answers
from services.training.classifier.attributes import width
from services.training.classifier.figures import have_name
from services.training.errors import ModelFileError
from services.training.runtime import Model
from services.training.sources import MODEL_SOURCES

MODELS = Path(__file__).parents[3] / description.MODELS
SHAPES = {
    "detector": (TILE, TILE, 3),
    "leukocytes": (LEUKOCYTE_CROP, LEUKOCYTE_CROP, 3),
    "erythrocytes": (ERYTHROCYTE_CROP, ERYTHROCYTE_CROP, 3),
    "plasmodium": (PLASMODIUM_CROP, PLASMODIUM_CROP, 3),
}
CLASSES = {"leukocytes": LEUKOCYTES, "erythrocytes": ERYTHROCYTES, "plasmodium": PLASMODIUM}


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    return {name: Model(MODELS / name / description.MODEL_FILE) for name in SHAPES}


def smooth(count: int, side: int) -> np.ndarray:
    """Pictures with some structure: coarse random colours, enlarged."""
    coarse = np.random.default_rng(3).integers(60, 256, (count, side // 8, side // 8, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


@pytest.mark.parametrize("name", SHAPES)
def test_the_description_is_of_the_file_beside_it(name, models):
    described = description.read(MODELS / name)
    assert described["name"] == name
    assert described["um_per_px"] == CANONICAL_UM_PER_PX
    assert described["input"] == {"name": models[name].input.name, "dtype": "uint8", "shape": list(SHAPES[name])}
    assert models[name].input.type == "tensor(uint8)"
    assert [(o["name"], o["shape"]) for o in described["outputs"]] == [
        (o.name, o.shape[1:]) for o in models[name].outputs
    ]


@pytest.mark.parametrize("name", SHAPES)
def test_models_were_made_of_the_data_of_the_committed_manifests(name):
    digests = {source: manifest.load(source).content_sha256 for source in MODEL_SOURCES[name]}
    assert description.read(MODELS / name)["origin"]["data"] == digests


@pytest.mark.parametrize("name", SHAPES)
def test_a_card_lies_beside_each_model(name):
    card = (MODELS / name / "card.md").read_text("utf-8")
    assert description.read(MODELS / name)["sha256"] in card
    assert "## Limits" in card


@pytest.mark.parametrize("name", SHAPES)
def test_the_same_pictures_give_the_same_answer(name, models):
    images = smooth(2, SHAPES[name][0])
    for first, second in zip(models[name](images), models[name](images), strict=True):
        assert np.array_equal(first, second)


@pytest.mark.parametrize("name", SHAPES)
def test_the_answer_does_not_depend_on_the_batch(name, models):
    images = smooth(3, SHAPES[name][0])
    together = models[name](images)
    for index in range(3):
        for whole, single in zip(together, models[name](images[index : index + 1]), strict=True):
            assert whole[index] == pytest.approx(single[0], rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("name", CLASSES)
def test_probabilities_are_of_the_described_classes_and_add_up(name, models):
    described = description.read(MODELS / name)
    assert tuple(described["classes"]) == CLASSES[name]
    assert set(described["conformal"]) == set(CLASSES[name])
    assert all(0 <= threshold <= 1 for threshold in described["conformal"].values())
    probabilities, distance, *values = models[name](smooth(4, SHAPES[name][0]))
    assert [told.shape[1] for told in values] == [width(described["attributes"])] * bool(described["attributes"])
    for told in values:
        assert (told >= 0).all()
        assert told.sum(axis=1) == pytest.approx(np.full(4, len(described["attributes"])), abs=1e-3)
    assert probabilities.shape == (4, len(CLASSES[name]))
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-4)
    assert distance.shape == (4,)
    assert (distance > 0).all()


def test_what_is_no_cell_is_strange_to_the_search_for_parasites(models):
    noise = np.random.default_rng(0).integers(0, 256, (8, *SHAPES["plasmodium"]), dtype=np.uint8)
    _, distance = models["plasmodium"](noise)
    assert (distance > description.read(MODELS / "plasmodium")["distance"]).all()


def named(name, pictures, models):
    probabilities, distance = models[name](np.ascontiguousarray(pictures))[:2]
    many = len(pictures)
    found = Answers(probabilities, distance, np.zeros(many), np.zeros(probabilities.shape, bool), np.array([""] * many))
    return have_name(found, CLASSES[name], description.read(MODELS / name))


@pytest.mark.parametrize(("name", "many", "strange"), [("erythrocytes", 8, 0.6), ("leukocytes", 64, 1)])
def test_noise_gets_no_name_and_is_mostly_strange(name, many, strange, models):
    noise = np.random.default_rng(0).integers(0, 256, (many, *SHAPES[name]), dtype=np.uint8)
    assert not named(name, noise, models).any()
    assert (models[name](noise)[1] > description.read(MODELS / name)["distance"]).mean() >= strange


def test_what_is_no_leukocyte_gets_no_name(models):
    plain = np.broadcast_to(np.arange(0, 256, 4, dtype=np.uint8)[:, None, None, None], (64, *SHAPES["leukocytes"]))
    assert not named("leukocytes", plain, models).any()


def test_cells_come_by_falling_score_in_known_kinds_within_the_tile(models):
    cells = models["detector"](smooth(1, TILE))[0]
    assert cells.shape == (1, 1024, 6)
    assert (np.diff(cells[0, :, 4]) <= 0).all()
    assert set(np.unique(cells[0, :, 5])) <= set(range(len(KINDS)))
    scored = cells[0][cells[0, :, 4] > 0]
    assert ((scored[:, 2:4] > 0) & (scored[:, 2:4] < 2 * TILE)).all()


def test_an_empty_tile_holds_no_cell(models):
    thresholds = description.read(MODELS / "detector")["score_thresholds"]
    for grey in (0, 128, 235, 255):
        cells = models["detector"](np.full((1, TILE, TILE, 3), grey, np.uint8))[0][0]
        assert all(cells[cells[:, 5] == i, 4].max(initial=0) < thresholds[kind] for i, kind in enumerate(KINDS))


def test_another_file_than_the_described_one_is_refused(tmp_path):
    folder = tmp_path / "detector"
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.onnx").write_bytes(b"another file")
    (folder / "model.yaml").write_text("sha256: 00\n", "utf-8")
    with pytest.raises(ModelFileError, match="is not the file"):
        description.read(folder)
