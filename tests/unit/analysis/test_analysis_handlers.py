from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import simplejpeg

from services.analysis.ahead import Batches
from services.analysis.cells import Kind
from services.analysis.errors import TileUnreadable
from services.analysis.handlers import AnalysisHandlers
from services.analysis.pixels import LEUKOCYTE_CROP, TILE
from services.analysis.readers import LocalReaders
from services.analysis.tile_store import TileStore
from services.kit.clock import ManualClock, to_timestamp
from services.kit.contracts import Kind as KindCode
from services.kit.contracts import Question, Region, Slide, Stage, Tile
from services.kit.objects import Objects
from services.kit.telemetry import Metrics
from services.kit.transport import Received

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
UM = 0.137
LEFT_UM, TOP_UM = 5000.0, 3000.0
CELLS = [(Kind.LEUKOCYTE, 300, 400, 40), (Kind.ERYTHROCYTE, 700, 700, 25), (Kind.PLATELET, 500, 900, 8)]
BOTH = (Question.QUESTION_LEUKOCYTES, Question.QUESTION_ERYTHROCYTES)


@pytest.fixture
def objects():
    return Objects.in_memory()


@pytest.fixture(params=[(8, 1), (1, 3)], ids=["one batch at a time", "three batches at a time"])
def handlers(request, runtime, reader, objects):
    metrics, batches = Metrics(), Batches(*request.param)
    with closing(batches), ThreadPoolExecutor(2) as pool:
        readers, store = LocalReaders(runtime, reader, metrics), TileStore(objects, 92)
        yield AnalysisHandlers(readers, store, batches, pool, ManualClock(START), metrics)


@pytest.fixture
def jpeg(spots):
    return simplejpeg.encode_jpeg(spots(TILE, TILE, CELLS), quality=95, colorsubsampling="444")


@pytest.fixture
def tile(objects, jpeg):
    def make(name="s1-r1-t1", content=jpeg, questions=BOTH, **changes):
        slide = Slide(slide_id="s1", specimen="26-0001", deadline=to_timestamp(START + timedelta(minutes=30)))
        margin = 64 * UM
        fields = {
            "slide": slide,
            "round": 1,
            "tile_id": name,
            "uri": objects.put(f"slides/s1/tiles/{name}.jpg", content),
            "um_per_px": UM,
            "region": Region(x_um=LEFT_UM, y_um=TOP_UM, width_um=TILE * UM, height_um=TILE * UM),
            "core": Region(x_um=LEFT_UM + margin, y_um=TOP_UM + margin, width_um=1024 * UM, height_um=1024 * UM),
            "questions": questions,
        }
        return Received("tiles", f"s1-{name}", Tile(**{**fields, **changes}), None)

    return make


def test_cells_have_their_place_on_the_slide(handlers, tile):
    (answer,) = handlers.tiles([tile()])
    places = {cell.kind: cell.box for cell in answer.value.cells}
    box = places[KindCode.KIND_LEUKOCYTE]
    assert box.x_um + box.width_um / 2 == pytest.approx(LEFT_UM + 300.5 * UM, abs=UM)
    assert box.y_um + box.height_um / 2 == pytest.approx(TOP_UM + 400.5 * UM, abs=UM)
    assert box.width_um == pytest.approx(81 * UM, abs=3 * UM)
    assert set(places) == {KindCode.KIND_LEUKOCYTE, KindCode.KIND_ERYTHROCYTE, KindCode.KIND_PLATELET}


def test_the_answer_carries_slide_round_questions_core_models_and_deadline(handlers, tile):
    message = tile()
    (answer,) = handlers.tiles([message])
    assert (answer.topic, answer.key, answer.deadline) == ("cells", "s1", START + timedelta(minutes=30))
    assert answer.value.round == 1
    assert answer.value.core == message.value.core
    assert tuple(answer.value.questions) == BOTH
    assert [model.name for model in answer.value.models] == ["detector", "leukocytes", "erythrocytes", "plasmodium"]
    assert list(answer.value.models[1].classes) == ["dark", "middling", "light"]
    assert [m.stage for m in answer.value.slide.milestones] == [Stage.STAGE_CELLS_READ]


def test_the_received_message_is_left_as_it_was(handlers, tile):
    message = tile()
    before = message.value.SerializeToString(deterministic=True)
    list(handlers.tiles([message]))
    assert message.value.SerializeToString(deterministic=True) == before


def test_a_leukocyte_keeps_its_crop_and_others_their_place_in_the_tile(handlers, tile, objects):
    message = tile()
    (answer,) = handlers.tiles([message])
    cells = {cell.kind: cell for cell in answer.value.cells}
    leukocyte = cells[KindCode.KIND_LEUKOCYTE]
    assert leukocyte.crop_uri == f"object:///slides/s1/crops/{leukocyte.cell_id}.jpg"
    crop = simplejpeg.decode_jpeg(objects.get(leukocyte.crop_uri))
    assert crop.shape == (LEUKOCYTE_CROP, LEUKOCYTE_CROP, 3)
    assert np.abs(crop[96, 96].astype(int) - (40, 40, 220)).max() < 12
    uri, _, place = cells[KindCode.KIND_ERYTHROCYTE].crop_uri.partition("#xywh=pixel:")
    x, y, width, height = map(int, place.split(","))
    assert uri == message.value.uri
    assert (x + width / 2, y + height / 2) == pytest.approx((700.5, 700.5), abs=1.5)


def test_a_tile_delivered_again_gives_the_same_bytes(handlers, tile, objects):
    messages = [tile("s1-r1-t1"), tile("s1-r1-t2")]
    first = [answer.value.SerializeToString(deterministic=True) for answer in handlers.tiles(messages)]
    crops = {uri: objects.get(uri) for uri in objects.list("slides/s1/crops")}
    again = [answer.value.SerializeToString(deterministic=True) for one in messages for answer in handlers.tiles([one])]
    assert again == first
    assert {uri: objects.get(uri) for uri in objects.list("slides/s1/crops")} == crops
    assert len(crops) == 2


def test_cell_ids_are_unique_over_slides_and_tiles(handlers, tile):
    answers = handlers.tiles([tile("t1"), tile("t2")])
    ids = [cell.cell_id for answer in answers for cell in answer.value.cells]
    assert len(set(ids)) == len(ids) == 6
    assert all(name.startswith("s1-t") for name in ids)


def test_erythrocytes_of_a_tile_not_read_for_them_have_no_label(handlers, tile):
    (answer,) = handlers.tiles([tile(questions=[Question.QUESTION_LEUKOCYTES])])
    (cell,) = [cell for cell in answer.value.cells if cell.kind == KindCode.KIND_ERYTHROCYTE]
    assert (cell.label, list(cell.probabilities), list(cell.candidates)) == ("", [], [])
    assert [model.name for model in answer.value.models] == ["detector", "leukocytes"]


def test_a_tile_cut_short_is_poison_that_names_it(handlers, tile, jpeg):
    with pytest.raises(TileUnreadable, match="s1-bad"):
        list(handlers.tiles([tile(), tile("s1-bad", content=jpeg[: len(jpeg) // 2])]))


@pytest.mark.parametrize("content", [b"", b"no picture", simplejpeg.encode_jpeg(np.zeros((64, 64, 3), np.uint8))])
def test_pixels_that_are_no_tile_are_poison(handlers, tile, content):
    with pytest.raises(TileUnreadable, match="s1-bad"):
        list(handlers.tiles([tile("s1-bad", content=content)]))


def test_a_tile_whose_object_is_gone_is_poison(handlers, tile):
    with pytest.raises(TileUnreadable, match="s1-bad"):
        list(handlers.tiles([tile("s1-bad", uri="object:///slides/s1/tiles/gone.jpg")]))


def test_a_tile_at_another_resolution_is_poison(handlers, tile):
    with pytest.raises(TileUnreadable, match=r"0\.25"):
        list(handlers.tiles([tile("s1-bad", um_per_px=0.25)]))


def test_others_are_told_of_a_tile_that_could_not_be_read(handlers, tile):
    (answer,) = handlers.unreadable(tile("s1-bad"), "tile s1-bad is not a whole JPEG")
    assert answer.value.tile_id == "s1-bad"
    assert answer.value.unreadable.code == "tile_unreadable"
    assert "s1-bad" in answer.value.unreadable.text
    assert not answer.value.cells
