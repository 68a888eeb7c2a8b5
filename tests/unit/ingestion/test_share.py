import os

import pytest

from services.ingestion.share import ShareUnreachable, find_scans


def names(share):
    return [scan.name for scan in find_scans(share)]


def test_scans_are_found_in_every_subfolder_and_other_files_are_left_alone(tmp_path):
    (tmp_path / "today").mkdir()
    for name in ("a.vsi", "today/b.svs", "notes.txt", ".hidden.vsi", "today/c.ome.tiff"):
        (tmp_path / name).write_bytes(b"")
    assert names(tmp_path) == ["a.vsi", "today/b.svs", "today/c.ome.tiff"]


def test_what_openslide_reads_and_what_nothing_reads_is_found_whatever_its_case(tmp_path):
    found = ["a.CZI", "b.vmu", "c.vms", "d.btf", "e.qptiff", "f.mrxs", "g.lif", "h.nd2", "i.ets", "j.dcm"]
    for name in (*found, "k.jpg", "l.xml", "m.ini"):
        (tmp_path / name).write_bytes(b"")
    assert names(tmp_path) == found


def test_files_that_belong_to_a_slide_are_not_told_beside_it(tmp_path):
    for name in ("m.mrxs", "m/Data0001.dat", "m/Slidedat.ini", "_v_/stack1/frame_t.ets", "v.vsi"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    for number in range(3):
        (tmp_path / "m" / f"{number}.dcm").write_bytes(b"")
    assert names(tmp_path) == ["m.mrxs", "m/0.dcm", "v.vsi"]


def test_a_pixel_folder_is_a_scan_before_its_vsi_is_there(tmp_path):
    (tmp_path / "_x1_" / "stack10001").mkdir(parents=True)
    assert names(tmp_path) == ["x1.vsi"]
    (tmp_path / "x1.vsi").write_bytes(b"")
    assert names(tmp_path) == ["x1.vsi"]


def test_a_vsi_in_capitals_is_one_scan_with_its_folder(tmp_path):
    (tmp_path / "_x1_" / "stack10001").mkdir(parents=True)
    (tmp_path / "x1.VSI").write_bytes(b"")
    assert names(tmp_path) == ["x1.VSI"]


def test_what_lies_in_a_pixel_folder_is_no_scan_of_its_own(tmp_path):
    (tmp_path / "_x1_" / "stack10001").mkdir(parents=True)
    (tmp_path / "_x1_" / "stack10001" / "frame_t.tif").write_bytes(b"")
    assert names(tmp_path) == ["x1.vsi"]


def test_folders_in_underscores_without_stacks_are_folders_and_links_are_not_followed(tmp_path):
    (tmp_path / "_2026_").mkdir()
    (tmp_path / "_2026_" / "a.vsi").write_bytes(b"")
    (tmp_path / "_2026_" / "up").symlink_to(tmp_path)
    assert names(tmp_path) == ["_2026_/a.vsi"]


def test_a_folder_with_the_name_of_a_scan_is_told_and_looked_into(tmp_path):
    for name in ("x.vsi", "y.svs", ".hidden.vsi"):
        (tmp_path / name).mkdir()
    (tmp_path / "x.vsi" / "a.vsi").write_bytes(b"")
    assert names(tmp_path) == ["x.vsi", "x.vsi/a.vsi", "y.svs"]


def test_a_name_that_is_no_utf_8_is_told_in_escapes(tmp_path):
    os.close(os.open(os.fsencode(tmp_path) + b"/M\xfcller.vsi", os.O_CREAT))
    assert names(tmp_path) == ["M\\xfcller.vsi"]


def test_a_share_that_is_away_is_told_as_such(tmp_path):
    with pytest.raises(ShareUnreachable, match="mount it"):
        find_scans(tmp_path / "away")
