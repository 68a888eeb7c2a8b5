import pytest

from services.analysis.cells import Kind
from services.analysis.errors import ModelUnusable
from services.analysis.models import ModelRepository

DETECTOR = {
    "kinds": ["erythrocyte", "leukocyte", "platelet"],
    "score_thresholds": {"erythrocyte": 0.3, "leukocyte": 0.4, "platelet": 0.5},
    "origin": {"seed": 1},
}
CLASSIFIER = {"classes": ["a", "b"], "conformal": {"a": 0.1, "b": 0.2}, "confidence": 0.4, "distance": 3.5}


def test_a_detector_is_described_by_its_yaml(model_folder):
    card = ModelRepository(model_folder("detector", 1152, DETECTOR)).detector()
    assert card.version == "1.2.3"
    assert card.score_thresholds[Kind.LEUKOCYTE] == 0.4


def test_a_classifier_is_described_by_its_yaml(model_folder):
    card = ModelRepository(model_folder("leukocytes", 192, CLASSIFIER)).leukocytes()
    assert card.classes == ("a", "b")
    assert card.conformal == {"a": 0.1, "b": 0.2}
    assert card.distance == 3.5


def test_a_graph_that_is_not_the_described_file_is_refused(model_folder):
    folder = model_folder("erythrocytes", 80, CLASSIFIER)
    (folder / "erythrocytes" / "1" / "model.onnx").write_bytes(b"another graph")
    with pytest.raises(ModelUnusable, match="sha256"):
        ModelRepository(folder).erythrocytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"conformal": {"a": 0.1}},
        {"confidence": 1.5},
        {"conformal": {"a": 0.1, "b": 1.5}},
        {"name": "leukocytes"},
        {"um_per_px": 0.25},
        {"input": {"name": "crops", "dtype": "float32", "shape": [80, 80, 3]}},
        {"input": {"name": "crops", "dtype": "uint8", "shape": [96, 96, 3]}},
        {"sha256": None},
    ],
)
def test_a_description_that_breaks_the_contract_is_refused(model_folder, changes):
    with pytest.raises(ModelUnusable, match="erythrocytes"):
        ModelRepository(model_folder("erythrocytes", 80, CLASSIFIER, **changes)).erythrocytes()


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(ModelUnusable, match="detector"):
        ModelRepository(tmp_path).detector()


def test_a_description_without_its_graph_is_refused(model_folder):
    folder = model_folder("detector", 1152, DETECTOR)
    (folder / "detector" / "1" / "model.onnx").unlink()
    with pytest.raises(ModelUnusable, match=r"model\.onnx"):
        ModelRepository(folder).detector()
