import numpy as np
import pytest

from services.training import manifest
from services.training.errors import DataSetError
from services.training.manifest import Manifest
from services.training.sources import ALL_SOURCES
from services.training.splits import Part, near_duplicate_groups, part_of, sketch


def picture(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((8, 8, 1), np.uint8))


def test_near_duplicates_share_a_group_and_others_do_not():
    first, other = picture(1), picture(2)
    paler = np.clip(first.astype(int) // 2 + 90, 0, 255).astype(np.uint8)
    noisy = np.clip(first + np.random.default_rng(3).normal(0, 4, first.shape), 0, 255).astype(np.uint8)
    assert near_duplicate_groups([sketch(p) for p in (other, first, paler, noisy)]) == [0, 1, 1, 1]


def test_near_duplicates_join_across_a_picture_between_them():
    drawn = [sketch(picture(5)), sketch(picture(6)), sketch(picture(5))]
    assert near_duplicate_groups([*drawn, drawn[0]])[3] == 0


def test_pictures_that_show_the_same_cells_share_a_group_however_they_look():
    drawn = [sketch(picture(seed)) for seed in (1, 2, 3, 4)]
    assert near_duplicate_groups(drawn) == [0, 1, 2, 3]
    assert near_duplicate_groups(drawn, {(1, 3), (2, 3)}) == [0, 1, 1, 1]


def test_a_part_depends_on_the_group_alone():
    assert [part_of(f"{n:04d}") for n in range(50)] == [part_of(f"{n:04d}") for n in range(50)]


def test_the_parts_have_about_the_shares_intended():
    parts = [part_of(f"{n:05d}") for n in range(4000)]
    assert parts.count(Part.TEST) / 4000 == pytest.approx(0.15, abs=0.02)
    assert parts.count(Part.VALIDATION) / 4000 == pytest.approx(0.10, abs=0.02)


@pytest.mark.parametrize("source", ALL_SOURCES)
def test_no_group_of_a_committed_manifest_lies_in_two_parts(source):
    parts_of_group: dict[str, set[Part]] = {}
    for group, part in manifest.load(source).parts.values():
        parts_of_group.setdefault(group, set()).add(part)
    assert parts_of_group
    assert all(len(parts) == 1 for parts in parts_of_group.values())
    assert all(parts == {part_of(group)} for group, parts in parts_of_group.items())


def test_a_manifest_reads_back_as_written(tmp_path):
    known = Manifest("pbc", "ab" * 32, {"0" * 12: ("0" * 12, Part.TEST), "1" * 12: ("0" * 12, Part.TEST)})
    manifest.write(known, tmp_path)
    assert manifest.load("pbc", tmp_path) == known


def test_a_picture_the_manifest_does_not_know_is_refused(tmp_path):
    path = tmp_path / "new.webp"
    path.write_bytes(b"something else")
    with pytest.raises(DataSetError, match=r"new\.webp is not in the split manifest"):
        Manifest("pbc", "", {}).part(path)


def test_a_file_that_is_no_manifest_is_refused(tmp_path):
    (tmp_path / "pbc.txt").write_text("# other\n# sha256 00\n", "ascii")
    with pytest.raises(DataSetError, match="wrong heading"):
        manifest.load("pbc", tmp_path)
