import hashlib

import cv2
import numpy as np
import pytest

from services.simulator.composer import CellLibrary
from services.simulator.curation.cutting import Prepared, cut_out
from services.simulator.curation.glass import transmittance
from services.simulator.curation.parts import Parts
from services.simulator.curation.segment import foreground, is_clean, outline
from services.simulator.curation.selection import select
from services.simulator.curation.sheets import write_sheets
from services.simulator.curation.sources import Candidate, Source, centred_cells, picture, pointed_cells
from services.simulator.errors import SourceError

SOURCE = Source("made", 0.1, light_order=2)


def field(*discs: tuple[int, int, float], side: int = 400) -> np.ndarray:
    """Purple discs (x, y, diameter in µm) on glass that is darker towards the corners."""
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    light = (220 - 60 * (x**2 + y**2))[..., None] * (1.0, 0.95, 0.85)
    for cx, cy, diameter in discs:
        mask = np.zeros((side, side), np.uint8)
        cv2.circle(mask, (cx, cy), round(diameter / 0.1 / 2), 1, cv2.FILLED)
        light[mask > 0] *= (0.5, 0.3, 0.6)
    return light.round().astype(np.uint8)


def prepared(pixels: np.ndarray) -> Prepared:
    light = transmittance(pixels, 2)
    return Prepared(light, foreground(light, 0.1))


def at(x: float, y: float, label: str = "lymphocyte", kind: str = "leukocyte") -> Candidate:
    return Candidate(SOURCE, "a.webp", kind, label, x, y)


def test_uneven_glass_becomes_even():
    light = transmittance(field((200, 200, 10.0)), 2)
    glass = light[foreground(light, 0.1) == 0]
    assert glass.mean() > 0.98
    assert glass.std() < 0.012


def test_a_lone_cell_is_outlined_at_its_size():
    ready = prepared(field((200, 200, 10.0)))
    found = outline(ready.mask, 203, 198, 0.1, "leukocyte")
    assert found is not None
    assert found.diameter_um == pytest.approx(10.0, abs=0.4)
    assert is_clean(found, "leukocyte", "lymphocyte")


@pytest.mark.parametrize(
    ("discs", "why"),
    [
        ([(200, 200, 10.0), (290, 200, 9.0)], "touching its neighbour"),
        ([(8, 200, 10.0)], "cut off by the border"),
        ([(200, 200, 4.0)], "too small for a leukocyte"),
        ([(200, 200, 30.0)], "too large for a leukocyte"),
        ([], "not there"),
    ],
)
def test_a_cell_that_is_not_clean_is_not_cut_out(discs, why):
    assert cut_out(prepared(field(*discs)), at(*(discs[0][:2] if discs else (200, 200))), []) is None, why


def test_an_outline_around_two_labelled_cells_is_not_cut_out():
    ready = prepared(field((200, 200, 10.0)))
    assert cut_out(ready, at(200, 200), [at(200, 200)]) is not None
    assert cut_out(ready, at(200, 200), [at(200, 200), at(230, 200)]) is None


def test_a_cut_out_comes_at_the_canonical_resolution_on_white_glass():
    rgba = cut_out(prepared(field((200, 200, 10.0))), at(200, 200), [])
    assert rgba is not None
    assert (rgba[..., 3] > 127).any(axis=0).sum() * 0.137 == pytest.approx(10.6, abs=0.6)
    middle = rgba[rgba.shape[0] // 2, rgba.shape[1] // 2]
    assert middle.tolist() == pytest.approx([127, 76, 153, 255], abs=6)
    assert rgba[0, 0].tolist() == [255, 255, 255, 0]


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "made"
    (folder / "images").mkdir(parents=True)
    rows = ["file,label"]
    for number in range(6):
        pixels = field((200, 200, 9.0 + 0.2 * number))
        cv2.imwrite(str(folder / f"images/{number}.png"), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        rows.append(f"images/{number}.png,{'lymphocyte' if number < 5 else 'neutrophil'}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "points.csv").write_text("file,x,y,label\nimages/0.png,200,200,macrocyte\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def manifests(data, tmp_path):
    folder = tmp_path / "manifests"
    folder.mkdir()
    digests = {n: hashlib.sha256((data / f"made/images/{n}.png").read_bytes()).hexdigest()[:12] for n in range(6)}
    lines = [f"{digest} {'train' if number == 2 else 'test'}" for number, digest in digests.items()]
    (folder / "made.txt").write_text("# made\n" + "\n".join(lines) + "\n", encoding="ascii")
    return folder


def test_cells_are_chosen_from_test_pictures_up_to_the_quota(data, manifests):
    candidates = list(centred_cells(data, SOURCE, frozenset({"lymphocyte"})))
    chosen = select(data, candidates, {"lymphocyte": 10}, Parts(data, manifests))
    assert {one.candidate.file for one in chosen} == {f"images/{n}.png" for n in (0, 1, 3, 4)}
    fewer = select(data, reversed(candidates), {"lymphocyte": 2}, Parts(data, manifests))
    assert [one.candidate.file for one in fewer] == [one.candidate.file for one in chosen[:2]]


def test_chosen_cells_can_be_loaded_from_the_sheets_written(data, manifests, tmp_path):
    candidates = centred_cells(data, SOURCE, frozenset({"lymphocyte"}))
    chosen = select(data, candidates, {"lymphocyte": 4}, Parts(data, manifests))
    size = write_sheets(tmp_path / "cells", chosen)
    library = CellLibrary.load(tmp_path / "cells")
    assert size == sum(path.stat().st_size for path in (tmp_path / "cells").iterdir())
    assert [cell.name for cell in library.cells] == [f"lymphocyte-{n:03d}" for n in range(4)]
    assert all(9.0 <= cell.size_um[0] <= 11.0 for cell in library.cells)


def test_pointed_cells_under_a_scale_bar_are_left_out(data):
    assert len(list(pointed_cells(data, SOURCE))) == 1
    assert not list(pointed_cells(data, Source("made", 0.1, 2, bar_corner=(150, 150))))


def test_missing_sources_are_named(data, tmp_path):
    with pytest.raises(SourceError, match=r"made/images/9\.png"):
        picture(data, SOURCE, "images/9.png")
    with pytest.raises(SourceError, match=r"labels\.csv"):
        list(centred_cells(data, Source("none", 0.1, 1), frozenset()))
    with pytest.raises(SourceError, match="made"):
        Parts(data, tmp_path / "nowhere").holds(("made", "images/0.png"))
