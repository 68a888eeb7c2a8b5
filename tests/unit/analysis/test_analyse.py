import json
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import pyvips

from services.analysis.ahead import mapped
from services.analysis.analyse import Analyser, Picture
from services.analysis.cells import Box, Kind
from services.analysis.errors import ImageUnreadable, KindUnclassified, ResolutionInvalid, ResultUnwritable
from services.analysis.grid import ArrayRegion
from services.analysis.images import ImageFile
from services.analysis.lines import write_lines

CELLS = [(Kind.LEUKOCYTE, 300, 100, 40), (Kind.ERYTHROCYTE, 500, 300, 25), (Kind.PLATELET, 50, 420, 8)]


@pytest.fixture
def analyser(reader):
    return Analyser(reader, tiles_per_batch=3, threads=2)


def places(lines):
    return sorted((line.kind, line.x, line.y) for line in lines)


def expected(cells):
    return sorted((str(kind), x + 0.5, y + 0.5) for kind, x, y, _ in cells)


def close(found, wanted, within):
    return len(found) == len(wanted) and all(
        a[0] == b[0] and np.hypot(a[1] - b[1], a[2] - b[2]) <= within for a, b in zip(found, wanted, strict=True)
    )


@pytest.mark.parametrize("um_per_px", [0.137, 0.132, 0.1, 0.055, 0.2])
def test_cells_are_told_in_pixels_of_the_image_at_any_resolution(analyser, spots, um_per_px):
    scale = 0.137 / um_per_px
    cells = [(kind, round(x * scale), round(y * scale), round(r * scale)) for kind, x, y, r in CELLS]
    image = spots(round(640 * scale), round(480 * scale), cells)
    lines = analyser.analyse_image(image, um_per_px)
    assert close(places(lines), expected(cells), within=1.5 * max(scale, 1))
    leukocyte = next(line for line in lines if line.kind == "leukocyte")
    assert leukocyte.w == pytest.approx(81 * scale, abs=4 * scale)


@pytest.mark.parametrize("um_per_px", [0.137, 0.11, 0.25])
def test_a_picture_larger_than_a_tile_is_read_whole_and_each_cell_once(analyser, spots, um_per_px):
    width, height = 3000, 1700
    grid = [(Kind.LEUKOCYTE, x, y, 30) for x in range(50, width - 40, 97) for y in range(50, height - 40, 83)]
    lines = analyser.analyse_image(spots(width, height, grid), um_per_px)
    found = np.array([(line.x, line.y) for line in lines])
    wanted = np.array([(x + 0.5, y + 0.5) for _, x, y, _ in grid])
    assert len(found) == len(wanted)
    distances = np.hypot(*(found[:, None] - wanted[None]).transpose(2, 0, 1))
    assert distances.min(axis=0).max() < 2.5
    assert distances.min(axis=1).max() < 2.5


def test_a_tile_that_touches_a_lost_place_is_not_read_and_the_others_are(analyser, spots):
    image = spots(3000, 1000, [(Kind.LEUKOCYTE, x, 500, 30) for x in (500, 1500, 2500)])
    picture = Picture("slide", ArrayRegion(image), 0.137, [Box(1060, 0, 400, 400)])
    # The second tile holds the place, and the first reads its margin from there.
    assert picture.unread_tiles() == (2, 3)
    assert [round(line.x) for line in analyser.analyse([picture])] == [2500]


def test_a_box_that_leaves_the_image_ends_at_its_edge(analyser, spots, runtime, monkeypatch):
    found = runtime.infer

    def loose(model, inputs):
        return {
            name: array * (1, 1, 4, 4, 1, 1) if name == "cells" else array
            for name, array in found(model, inputs).items()
        }

    monkeypatch.setattr(runtime, "infer", loose)
    (line,) = analyser.analyse_image(spots(640, 480, [(Kind.PLATELET, 20, 470, 8)]), 0.137)
    assert (line.x - line.w / 2, line.y + line.h / 2) == (0, 480)
    assert line.x + line.w / 2 == pytest.approx(20.5 + 2 * 17)


def test_a_line_is_a_json_object_of_the_promised_fields(analyser, spots):
    lines = analyser.analyse_image(spots(640, 480, CELLS), 0.137, "field.png")
    by_kind = {value["kind"]: value for value in (json.loads(line.to_json()) for line in lines)}
    leukocyte = by_kind["leukocyte"]
    assert list(leukocyte) == [
        "image", "kind", "x", "y", "w", "h", "score", "label", "probabilities", "candidates", "findings", "measured",
        "attributes",
    ]  # fmt: skip
    assert leukocyte["image"] == "field.png"
    assert list(leukocyte["probabilities"]) == ["dark", "middling", "light"]
    assert sum(leukocyte["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert leukocyte["label"] in {*leukocyte["candidates"], "unidentified"}
    assert leukocyte["findings"] == {}
    assert leukocyte["measured"] == {}
    assert list(by_kind["erythrocyte"]["measured"]) == [
        "diameter_um", "area_um2", "circularity", "elongation", "central_pallor",
    ]  # fmt: skip
    assert (by_kind["platelet"]["label"], by_kind["platelet"]["probabilities"]) == (
        "platelet",
        {"platelet": by_kind["platelet"]["score"]},
    )


@pytest.mark.parametrize(("kind", "side"), [(Kind.LEUKOCYTE, 192), (Kind.ERYTHROCYTE, 80)])
def test_a_picture_of_one_cell_gives_one_line(analyser, spots, runtime, kind, side):
    line = analyser.analyse_crop(spots(256, 250, [(kind, 128, 125, 40)]), 0.1, kind, "cell.png")
    assert (line.image, line.kind, line.x, line.y, line.w, line.h) == ("cell.png", str(kind), 128, 125, 256, 250)
    assert line.score == 1
    assert set(line.probabilities) == {"dark", "middling", "light"}
    searched = [("plasmodium", 1)] if kind == "erythrocyte" else []
    assert runtime.batches == [(f"{kind}s", 1), *searched]
    assert ("plasmodium" in line.findings) == (kind == "erythrocyte")


def test_platelets_cannot_be_asked_for_alone(analyser):
    with pytest.raises(KindUnclassified, match="leukocyte"):
        analyser.analyse_crops([], Kind.PLATELET)


@pytest.fixture
def folder(tmp_path, spots):
    """Four formats, in folders, each with one cell more than the one before."""
    for count, name in enumerate(["a.png", "b/c.jpg", "b/d.webp", "e.tif"], start=1):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = spots(640, 480, [(Kind.ERYTHROCYTE, 100 * i, 100, 25) for i in range(1, count + 1)])
        options = {} if name.endswith(("png", "tif")) else {"Q": 95}
        pyvips.Image.new_from_array(image).copy(interpretation="srgb").write_to_file(str(path), **options)
    (tmp_path / "images" / "notes.txt").write_text("no image")
    return tmp_path / "images"


def test_folders_are_read_with_their_folders_in_order(analyser, folder):
    lines = list(analyser.analyse_files([folder], 0.137))
    names = [str(folder / name) for name in ("a.png", "b/c.jpg", "b/d.webp", "e.tif")]
    assert [line.image for line in lines] == [name for n, name in enumerate(names, 1) for _ in range(n)]


def test_crops_of_a_folder_give_one_line_each(analyser, folder):
    lines = list(analyser.analyse_files([folder], 0.137, Kind.ERYTHROCYTE))
    assert [line.image.rpartition("/")[2] for line in lines] == ["a.png", "c.jpg", "d.webp", "e.tif"]


def test_lines_do_not_depend_on_how_images_are_batched(reader, folder):
    one, many = (Analyser(reader, tiles_per_batch=size, threads=2) for size in (1, 8))
    assert list(one.analyse_files([folder], 0.11)) == list(many.analyse_files([folder], 0.11))


def test_images_are_read_only_a_little_ahead(analyser, spots):
    asked = []

    def pictures():
        for number in range(100):
            asked.append(number)
            yield Picture(str(number), ArrayRegion(spots(64, 64, [(Kind.ERYTHROCYTE, 32, 32, 20)])), 0.137)

    lines = analyser.analyse(pictures())
    assert next(lines).image == "0"
    assert len(asked) <= 12
    lines.close()


def test_progress_tells_how_much_of_a_picture_is_read(analyser, spots):
    told = []
    picture = Picture("wide", ArrayRegion(spots(2048, 1024, [])), 0.137)
    assert list(analyser.analyse([picture], lambda name, share: told.append((name, share)))) == []
    assert told == [("wide", 0.5), ("wide", 1.0)]


@pytest.mark.parametrize("name", ["cut.jpg", "cut.png", "text.png"])
def test_an_image_that_is_not_whole_is_an_error_that_names_it(analyser, tmp_path, spots, name):
    path = tmp_path / name
    noise = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)
    content = b"text" if name == "text.png" else cv2.imencode(path.suffix, noise)[1].tobytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ImageUnreadable, match=name):
        list(analyser.analyse_files([path], 0.137))


def test_a_missing_image_and_a_folder_without_images_are_errors(analyser, tmp_path):
    with pytest.raises(ImageUnreadable, match=r"gone\.png"):
        list(analyser.analyse_files([tmp_path / "gone.png"], 0.137))
    with pytest.raises(ImageUnreadable, match="no image"):
        list(analyser.analyse_files([tmp_path], 0.137))


def test_a_missing_resolution_says_how_to_give_it(analyser):
    with pytest.raises(ResolutionInvalid, match="--um-per-px"):
        analyser.analyse_files([], None)


@pytest.mark.parametrize("um_per_px", [0, -0.1, float("nan"), float("inf"), 40, 0.001])
def test_an_impossible_resolution_is_refused(analyser, um_per_px):
    with pytest.raises(ResolutionInvalid, match="µm"):
        analyser.analyse_files([], um_per_px)


def test_transparent_and_16_bit_images_and_grey_ones_in_three_channels_are_read_as_8_bit_colour(tmp_path):
    grey = np.full((30, 40), 100, np.uint8)
    cv2.imwrite(str(tmp_path / "grey.png"), np.dstack([grey, grey, grey]))
    cv2.imwrite(str(tmp_path / "alpha.png"), np.dstack([grey, grey, grey, np.zeros_like(grey)]))
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((30, 40, 3), 100 * 257, np.uint16))
    images = {name: ImageFile(tmp_path / f"{name}.png") for name in ("grey", "alpha", "deep")}
    for image in images.values():
        image.check()
    values = {name: image.read_region(0, 0, 40, 30) for name, image in images.items()}
    assert all(value.shape == (30, 40, 3) for value in values.values())
    assert {name: int(value.mean()) for name, value in values.items()} == {"grey": 100, "alpha": 255, "deep": 100}


COLOUR = np.random.default_rng(1).integers(100, 230, (30, 40, 3), np.uint8)


@pytest.mark.parametrize(
    ("name", "pixels", "problem"),
    [
        pytest.param("grey.png", COLOUR[..., 0], "grey.*in colour", id="grey"),
        pytest.param("grey.tif", COLOUR[..., 0].astype(np.uint16) * 257, "grey.*in colour", id="grey in 16 bits"),
        pytest.param("dark.tif", COLOUR.astype(np.uint16) * 16, "of 65535.*12 bits.*RGB with 8", id="12 bits in 16"),
        pytest.param("dark.png", COLOUR.astype(np.uint16) * 64, "of 65535.*14 bits.*RGB with 8", id="14 bits in 16"),
        pytest.param("float.tif", COLOUR.astype(np.float32) / 255, "values are float.*RGB with 8", id="float"),
    ],
)
def test_an_image_whose_colours_can_only_be_guessed_is_an_error(analyser, tmp_path, name, pixels, problem):
    cv2.imwrite(str(tmp_path / name), pixels)
    with pytest.raises(ImageUnreadable, match=f"{name}: .*{problem}"):
        list(analyser.analyse_files([tmp_path / name], 0.137))


@pytest.mark.parametrize("name", ["grey.png", "grey.tif"])
def test_grey_with_transparency_is_grey(tmp_path, name):
    grey = pyvips.Image.black(40, 30).copy(interpretation="b-w")
    grey.bandjoin(255).write_to_file(str(tmp_path / name))
    with pytest.raises(ImageUnreadable, match="a grey picture"):
        ImageFile(tmp_path / name)


def test_a_file_of_several_pictures_is_an_error_and_a_pyramid_is_one_picture(tmp_path):
    image = pyvips.Image.new_from_array(np.tile(COLOUR, (30, 30, 1)))
    pyvips.Image.arrayjoin([image, image], across=1).write_to_file(str(tmp_path / "two.tif"), page_height=image.height)
    with pytest.raises(ImageUnreadable, match=r"two\.tif: holds 2 pictures.*its own file"):
        ImageFile(tmp_path / "two.tif")
    image.copy(interpretation="srgb").tiffsave(str(tmp_path / "pyramid.tif"), tile=True, pyramid=True)
    assert pyvips.Image.new_from_file(str(tmp_path / "pyramid.tif")).get("n-pages") > 1
    assert ImageFile(tmp_path / "pyramid.tif").width == image.width


def test_a_png_of_impossible_size_is_told_by_its_size(tmp_path):
    content = bytearray(cv2.imencode(".png", COLOUR)[1].tobytes())
    content[16:24] = struct.pack(">II", 2**31 - 1, 2**31 - 1)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (tmp_path / "huge.png").write_bytes(content)
    with pytest.raises(ImageUnreadable, match="its header claims 2147483647 x 2147483647 px"):
        ImageFile(tmp_path / "huge.png")


@pytest.mark.parametrize("before", [{}, {"cells.jsonl": "{}\n"}])
def test_a_failure_leaves_what_lay_there_before(analyser, folder, tmp_path, before):
    (folder / "z.png").write_bytes(b"no picture")
    there = tmp_path / "there"
    there.mkdir()
    for name, text in before.items():
        (there / name).write_text(text)
    one_by_one = Analyser(analyser._reader, tiles_per_batch=1, threads=1)
    with pytest.raises(ImageUnreadable, match=r"z\.png"):
        write_lines(one_by_one.analyse_files([folder], 0.137), there / "cells.jsonl")
    assert {path.name: path.read_text() for path in there.iterdir()} == before


def test_lines_may_go_to_a_device_and_through_a_link(analyser, spots, tmp_path):
    lines = analyser.analyse_image(spots(640, 480, CELLS), 0.137, "f")
    assert write_lines(lines, Path("/dev/null")) == 3
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "cells.jsonl")
    assert write_lines(lines, tmp_path / "link.jsonl") == 3
    assert len((tmp_path / "cells.jsonl").read_text("utf-8").splitlines()) == 3
    assert (tmp_path / "link.jsonl").is_symlink()


def test_lines_are_counted_and_a_place_that_cannot_be_written_is_an_error(analyser, spots, tmp_path):
    lines = analyser.analyse_image(spots(640, 480, CELLS), 0.137, "f")
    assert write_lines(lines, tmp_path / "cells.jsonl") == 3
    with pytest.raises(ResultUnwritable, match="nowhere"):
        write_lines(lines, tmp_path / "nowhere" / "cells.jsonl")


def test_work_ahead_keeps_the_order_and_raises_what_the_work_raises():
    with ThreadPoolExecutor(2) as pool:
        assert list(mapped(pool, lambda n: n * n, range(10), 3)) == [(n, n * n) for n in range(10)]
        with pytest.raises(ZeroDivisionError):
            list(mapped(pool, lambda n: 1 // n, [1, 0], 3))
