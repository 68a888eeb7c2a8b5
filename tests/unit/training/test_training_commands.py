import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from services.training import description, manifest, sources
from services.training.__main__ import main
from services.training.cards import write_card
from services.training.errors import DataSetError

MODELS = Path(__file__).parents[3] / description.MODELS


def store(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_WEBP_QUALITY, 101])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A small DeepBioNet-like set: three pictures, one of them twice."""
    for number, seed in enumerate([1, 2, 3, 3]):
        store(tmp_path / "deepbionet" / "images" / f"{number}.webp", seed)
    table = {
        "images": [{"id": n, "file_name": f"images/{n}.webp", "width": 64, "height": 48} for n in range(4)],
        "categories": [{"id": 1, "name": "platelet"}, {"id": 2, "name": "rbc"}, {"id": 3, "name": "wbc"}],
        "annotations": [{"image_id": 2, "category_id": 3, "bbox": [1, 2, 30, 40]}],
    }
    (tmp_path / "deepbionet" / "labels.json").write_text(json.dumps(table), "utf-8")
    return tmp_path


def test_a_set_is_divided_the_same_way_each_time_and_copies_together(data):
    first, second = manifest.make(data, "deepbionet"), manifest.make(data, "deepbionet")
    assert first == second
    assert len(first.parts) == 3
    paths = sources.image_paths(data, "deepbionet")
    assert first.part(paths[2]) is first.part(paths[3])
    assert sum(len(first.select(paths, part)) for part in manifest.Part) == 4


def test_a_changed_label_changes_the_hash_of_the_set(data):
    before = manifest.source_sha256(data, "deepbionet")
    labels = data / "deepbionet" / "labels.json"
    labels.write_text(labels.read_text("utf-8").replace("30", "31"), "utf-8")
    assert manifest.source_sha256(data, "deepbionet") != before


def test_other_data_than_those_of_the_manifest_are_refused(data):
    with pytest.raises(DataSetError, match="not those of the split manifest"):
        manifest.verified(data, "deepbionet")
    with pytest.raises(DataSetError, match="not those of the split manifest"):
        write_card("detector", data, MODELS / "detector")


def test_fields_carry_their_resolution_and_boxes(data):
    fields = sources.detection_fields(data, "deepbionet")
    assert [field.um_per_px for field in fields] == [0.132] * 4
    assert fields[2].boxes == (sources.Box(1, 2, 30, 40, "leukocyte", "wbc"),)
    assert sources.read_image(fields[0].path).shape == (48, 64, 3)


def test_a_damaged_picture_is_named(tmp_path):
    path = tmp_path / "torn.webp"
    path.write_bytes(b"RIFF\x00\x00")
    with pytest.raises(DataSetError, match=r"torn\.webp: not a picture"):
        sources.read_image(path)


def test_missing_data_are_told_on_one_line_with_status_1(tmp_path, capsys):
    assert main(["evaluate", "detector", "--data", str(tmp_path), "--models", str(MODELS)]) == 1
    assert capsys.readouterr().err == (
        "evaluate: deepbionet: no pictures under the data folder; give the folder of the sets with --data\n"
    )


def test_a_missing_model_is_told_with_status_1(tmp_path, capsys):
    assert main(["evaluate", "erythrocytes", "--data", str(tmp_path), "--models", str(tmp_path)]) == 1
    assert "train and export the model first" in capsys.readouterr().err


def test_an_unknown_model_is_a_wrong_argument(tmp_path):
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "thrombocytes", "--data", str(tmp_path)])
    assert ended.value.code == 2
