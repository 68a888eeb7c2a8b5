"""Slides are written as scanners leave them."""

import struct
from datetime import UTC, datetime

import imagecodecs
import numpy as np
import pytest

from services.simulator.vsi import BlockMosaic, Stack, StackKind, write_slide

CREATED = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


def noise(width, height, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


def scan(image, **fields):
    return Stack(
        **{"stack_id": 10001, "name": "40x_BF_01", "kind": StackKind.MAIN, "image": image, "tile": 64, **fields}
    )


def tiles(path, axes=4):
    """The table of a pixel file: {coordinates: (offset, length)}, and the file's bytes."""
    content = path.read_bytes()
    at, count = struct.unpack_from("<QI", content, 32)
    record = struct.Struct(f"<I{axes}iQII")
    rows = [record.unpack_from(content, at + number * record.size) for number in range(count)]
    assert at + count * record.size == len(content)
    assert all(row[0] == axes for row in rows)
    return {row[1 : axes + 1]: row[axes + 1 : axes + 3] for row in rows}, content


def pixels(folder, name="S", stack_id=10001):
    return folder / f"_{name}_" / f"stack{stack_id}" / "frame_t.ets"


def test_a_slide_has_a_vsi_and_one_pixel_file_per_stack(tmp_path):
    label = Stack(1, "Label", StackKind.LABEL, noise(70, 50), um_per_px=20.0, tile=64)
    path = write_slide(tmp_path, "S", [label, scan(noise(200, 100))], barcode="A1", created=CREATED)
    assert path == tmp_path / "S.vsi"
    assert path.read_bytes()[:4] == b"II*\0"
    assert "A1".encode("utf-16-le") in path.read_bytes()
    assert sorted(file.parent.name for file in tmp_path.rglob("frame_t.ets")) == ["stack1", "stack10001"]


def test_each_level_halves_rounding_up_until_one_tile_holds_it(tmp_path):
    write_slide(tmp_path, "S", [scan(noise(300, 130))], created=CREATED)
    table, _ = tiles(pixels(tmp_path))
    grids = [(5, 3), (3, 2), (2, 1), (1, 1)]
    assert set(table) == {(x, y, 0, n) for n, (w, h) in enumerate(grids) for x in range(w) for y in range(h)}


def test_edge_tiles_are_full_size_and_padded_with_background(tmp_path):
    write_slide(
        tmp_path, "S", [scan(noise(70, 64), background=(9, 9, 9), codec="jpeg2000", quality=100)], created=CREATED
    )
    table, content = tiles(pixels(tmp_path))
    offset, length = table[1, 0, 0, 0]
    tile = imagecodecs.jpeg2k_decode(content[offset : offset + length])
    assert tile.shape == (64, 64, 3)
    np.testing.assert_array_equal(tile[:, :6], noise(70, 64)[:, 64:])
    assert (tile[:, 6:] == 9).all()


def test_blank_tiles_are_left_out_only_on_request(tmp_path):
    image = np.full((64, 192, 3), 255, np.uint8)
    image[:, 70:80] = 0
    write_slide(tmp_path, "sparse", [scan(image, skip_blank=True)], created=CREATED)
    write_slide(tmp_path, "full", [scan(image)], created=CREATED)
    sparse, _ = tiles(pixels(tmp_path, "sparse"))
    full, _ = tiles(pixels(tmp_path, "full"))
    assert [place for place in sparse if place[-1] == 0] == [(1, 0, 0, 0)]
    assert len([place for place in full if place[-1] == 0]) == 3


def test_z_planes_take_a_fifth_axis(tmp_path):
    planes = [noise(64, 64, seed) for seed in range(3)]
    write_slide(tmp_path, "S", [scan(planes[0], planes=planes)], created=CREATED)
    table, _ = tiles(pixels(tmp_path), axes=5)
    assert set(table) == {(0, 0, z, 0, 0) for z in range(3)}
    assert len(set(table.values())) == 3


def test_a_mosaic_stores_each_tile_once_and_points_many_places_at_it(tmp_path):
    blocks = [noise(128, 128, seed) for seed in range(2)]
    layout = [[0, 1, 0, 1], [1, 0, 1, -1]]
    mosaic = BlockMosaic(blocks, layout)
    write_slide(tmp_path, "S", [scan(mosaic, codec="jpeg2000", quality=100)], created=CREATED)
    table, content = tiles(pixels(tmp_path))
    finest = [place for place in table if place[-1] == 0]
    assert len(finest) == 8 * 4
    assert len({table[place] for place in finest}) == 2 * 4 + 1
    assert table[0, 0, 0, 0] == table[4, 0, 0, 0] == table[2, 2, 0, 0]
    offset, length = table[2, 0, 0, 0]
    np.testing.assert_array_equal(imagecodecs.jpeg2k_decode(content[offset : offset + length]), blocks[1][:64, :64])


def test_a_mosaic_has_the_levels_that_its_picture_would_have(tmp_path):
    blocks = [noise(64, 64, seed) for seed in range(3)]
    layout = np.random.default_rng(0).integers(0, 3, (3, 5))
    picture = np.concatenate([np.concatenate([blocks[index] for index in row], axis=1) for row in layout], axis=0)
    for name, image in (("mosaic", BlockMosaic(blocks, layout)), ("picture", picture)):
        write_slide(tmp_path, name, [scan(image)], created=CREATED)
    mosaic, mosaic_bytes = tiles(pixels(tmp_path, "mosaic"))
    plain, plain_bytes = tiles(pixels(tmp_path, "picture"))
    assert mosaic.keys() == plain.keys()
    for place, (offset, length) in mosaic.items():
        at, size = plain[place]
        assert mosaic_bytes[offset : offset + length] == plain_bytes[at : at + size]


@pytest.mark.parametrize(
    "fields",
    [
        {"image": np.zeros((10, 10), np.uint8)},
        {"image": np.zeros((0, 10, 3), np.uint8)},
        {"tile": 100},
        {"origin": (1, 0)},
        {"planes": [np.zeros((5, 5, 3), np.uint8)]},
        {"image": BlockMosaic([np.zeros((192, 192, 3), np.uint8)], [[0]])},
        {"image": BlockMosaic([np.zeros((64, 64, 3), np.uint8)], [[0]]), "origin": (-1, 0)},
    ],
)
def test_a_stack_that_cannot_be_written_is_refused(fields):
    with pytest.raises(ValueError, match="stack10001"):
        scan(**{"image": noise(64, 64), **fields})


@pytest.mark.parametrize("layout", [[[2]], [[-2]], []])
def test_a_mosaic_names_only_blocks_it_has(layout):
    with pytest.raises(ValueError, match="layout"):
        BlockMosaic([noise(64, 64), noise(64, 64)], layout)


def test_stacks_need_ids_of_their_own(tmp_path):
    with pytest.raises(ValueError, match="own id"):
        write_slide(tmp_path, "S", [scan(noise(64, 64)), scan(noise(64, 64))], created=CREATED)
