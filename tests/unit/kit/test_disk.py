"""What operations are told of the disk of the state folder."""

import shutil

import pytest

from services.kit.disk import LEAST_FREE, short_of_room


@pytest.mark.parametrize(("free", "said"), [(LEAST_FREE, None), (LEAST_FREE - 1, "63 MiB left"), (0, "0 MiB left")])
def test_a_disk_with_less_room_than_a_slide_needs_is_told(tmp_path, monkeypatch, free, said):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 40, 0, free))
    told = short_of_room(tmp_path)
    assert told is None if said is None else said in told


def test_a_disk_that_is_away_is_told(tmp_path):
    assert "cannot be asked" in short_of_room(tmp_path / "gone")
