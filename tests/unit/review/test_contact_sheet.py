import cv2
import numpy as np
import pytest

from services.kit.objects import ObjectMissing, Objects
from services.review.contact_sheet import PER_CLASS, THUMBNAIL_PX, ShownCell, contact_sheet
from services.review.crops import Crops, CropUnreadable


@pytest.fixture
def objects():
    store = Objects.in_memory()
    tile = np.zeros((100, 200, 3), np.uint8)
    tile[10:30, 40:90] = (200, 30, 120)
    store.put("slides/S1/tiles/t.png", cv2.imencode(".png", cv2.cvtColor(tile, cv2.COLOR_RGB2BGR))[1].tobytes())
    return store


TILE = "object:///slides/S1/tiles/t.png"


def test_a_cell_is_cut_from_its_tile(objects):
    crop = Crops(objects).show(f"{TILE}#xywh=pixel:40,10,50,20")
    assert crop.shape == (20, 50, 3)
    assert (crop == (200, 30, 120)).all()


def test_the_margin_stops_at_the_edge_of_the_tile(objects):
    assert Crops(objects).show(f"{TILE}#xywh=pixel:0,0,10,10", margin_px=5).shape == (15, 15, 3)


def test_a_crop_outside_its_tile_or_no_picture_or_gone_is_told(objects):
    uri = objects.put("text", b"no picture")
    with pytest.raises(CropUnreadable, match="outside"):
        Crops(objects).show(f"{TILE}#xywh=pixel:400,10,50,20")
    with pytest.raises(CropUnreadable, match="no picture"):
        Crops(objects).show(uri)
    with pytest.raises(ObjectMissing):
        Crops(objects).show("object:///gone.jpg")


def test_the_sheet_shows_each_class_with_its_least_certain_cells(objects):
    crop = f"{TILE}#xywh=pixel:40,10,50,20"
    cells = [ShownCell(f"c{n}", "leukocyte", "monocyte", n / 100, crop) for n in range(1, PER_CLASS + 10)]
    cells.append(ShownCell("p", "platelet", "platelet", 0.0, crop))
    picture = cv2.imdecode(np.frombuffer(contact_sheet(cells, Crops(objects)), np.uint8), cv2.IMREAD_COLOR_RGB)
    shown = (picture == (200, 30, 120)).all(axis=2).sum() / (50 * 20)
    assert picture.shape[1] > 10 * THUMBNAIL_PX
    assert PER_CLASS * 0.8 < shown < PER_CLASS + 2
