"""What people and other programs do to a scan's files: take away, exchange, link, rename."""

import os
import shutil
import struct
from pathlib import Path

import numpy as np

from services.simulator.vsi import Stack, StackKind, write_slide
from tests.e2e.damaged_scans import Damage, Kind, Scan

_TIFF_BOMB = struct.pack("<2sHI", b"II", 42, 8) + struct.pack(
    "<HHHIIHHIIHHIIHHIII", 4, 256, 4, 1, 2**32 - 1, 257, 4, 1, 2**32 - 1, 258, 3, 1, 8, 273, 4, 1, 2**32 - 1, 0
)


def without_ets(scan: Scan) -> None:
    scan.ets.unlink()


def without_its_stack(scan: Scan) -> None:
    shutil.rmtree(scan.ets.parent)


def without_pixels(scan: Scan) -> None:
    shutil.rmtree(scan.folder)


def without_label(scan: Scan) -> None:
    shutil.rmtree(scan.folder / "stack1")


def without_vsi(scan: Scan) -> None:
    scan.vsi.unlink()


def two_pixel_files(scan: Scan) -> None:
    shutil.copy(scan.ets, scan.ets.with_name("frame_t_1.ets"))


def ets_of_the_label(scan: Scan) -> None:
    shutil.copy(scan.folder / "stack1" / "frame_t.ets", scan.ets)


def ets_of_another_slide(scan: Scan) -> None:
    other = Stack(10001, "40x_BF", StackKind.MAIN, np.full((700, 900, 3), 200, np.uint8), tile=256)
    vsi = write_slide(scan.share.parent / "elsewhere" / scan.stem, "other", [other], threads=1)
    shutil.copy(vsi.parent / "_other_" / "stack10001" / "frame_t.ets", scan.ets)


def vsi_empty(scan: Scan) -> None:
    os.truncate(scan.vsi, 0)


def ets_empty(scan: Scan) -> None:
    os.truncate(scan.ets, 0)


def all_empty(scan: Scan) -> None:
    os.truncate(scan.vsi, 0)
    os.truncate(scan.ets, 0)


def _foreign(content: bytes) -> Damage:
    def vsi_of_another_format(scan: Scan) -> None:
        scan.vsi.write_bytes(content)

    return vsi_of_another_format


def ets_of_another_format(scan: Scan) -> None:
    scan.ets.write_bytes(b"\x89PNG\r\n\x1a\n" + scan.dice.bytes(5000))


def _only(suffix: str, content: bytes) -> Damage:
    """Another scanner's file by its name only."""

    def foreign_by_name(scan: Scan) -> None:
        scan.vsi.unlink()
        shutil.rmtree(scan.folder)
        (scan.share / f"{scan.stem}{suffix}").write_bytes(content)
        scan.name = f"{scan.stem}{suffix}"

    return foreign_by_name


def vsi_is_a_folder(scan: Scan) -> None:
    scan.vsi.unlink()
    scan.vsi.mkdir()


def ets_is_a_folder(scan: Scan) -> None:
    scan.ets.unlink()
    scan.ets.mkdir()


def stack_is_a_file(scan: Scan) -> None:
    shutil.rmtree(scan.ets.parent)
    scan.ets.parent.write_bytes(b"stack")


def pixels_are_a_file(scan: Scan) -> None:
    shutil.rmtree(scan.folder)
    scan.folder.write_bytes(b"pixels")


def vsi_is_a_pipe(scan: Scan) -> None:
    scan.vsi.unlink()
    os.mkfifo(scan.vsi)


def ets_is_a_pipe(scan: Scan) -> None:
    scan.ets.unlink()
    os.mkfifo(scan.ets)


def vsi_is_a_device(scan: Scan) -> None:
    scan.vsi.unlink()
    scan.vsi.symlink_to("/dev/zero")


def vsi_link_to_nothing(scan: Scan) -> None:
    scan.vsi.unlink()
    scan.vsi.symlink_to(scan.share / "nothing.vsi")


def vsi_link_to_nothing_without_pixels(scan: Scan) -> None:
    vsi_link_to_nothing(scan)
    shutil.rmtree(scan.folder)


def vsi_link_to_itself(scan: Scan) -> None:
    scan.vsi.unlink()
    scan.vsi.symlink_to(scan.vsi)


def vsi_link_to_itself_without_pixels(scan: Scan) -> None:
    vsi_link_to_itself(scan)
    shutil.rmtree(scan.folder)


def ets_link_to_nothing(scan: Scan) -> None:
    scan.ets.unlink()
    scan.ets.symlink_to("nothing.ets")


def ets_link_to_itself(scan: Scan) -> None:
    scan.ets.unlink()
    scan.ets.symlink_to(scan.ets)


def folder_links_to_itself(scan: Scan) -> None:
    (scan.folder / "loop").symlink_to(scan.folder)
    os.truncate(scan.ets, 1000)


def vsi_unreadable(scan: Scan) -> None:
    scan.vsi.chmod(0)


def ets_unreadable(scan: Scan) -> None:
    scan.ets.chmod(0)


def stack_unreadable(scan: Scan) -> None:
    scan.ets.parent.chmod(0)


def pixels_unreadable(scan: Scan) -> None:
    scan.folder.chmod(0)


def pixels_link_to_nothing(scan: Scan) -> None:
    shutil.rmtree(scan.folder)
    scan.folder.symlink_to(scan.share / "_nothing_")


def _named(stem: str | bytes) -> Damage:
    def oddly_named(scan: Scan) -> None:
        scan.rename(stem)

    return oddly_named


def vsi_name_too_long_for_a_file(scan: Scan) -> None:
    """Its pixel folder has a name that `<name>.vsi` would be too long for."""
    stem = "v" * 253
    scan.vsi.unlink()
    scan.folder.rename(scan.share / f"_{stem}_")
    scan.name = f"{stem}.vsi"


def vsi_in_capitals(scan: Scan) -> None:
    scan.vsi.rename(scan.vsi.with_suffix(".VSI"))
    os.truncate(scan.ets, 1000)
    scan.name = f"{scan.stem}.VSI"


def deep_down(scan: Scan) -> None:
    folder = Path(*["d" * 200] * 12)
    (scan.share / folder).mkdir(parents=True)
    scan.folder.rename(scan.share / folder / scan.folder.name)
    scan.vsi.rename(scan.share / folder / scan.vsi.name)
    scan.name = (folder / scan.vsi.name).as_posix()


FILES = tuple(
    Kind(damage)
    for damage in (
        without_ets,
        without_its_stack,
        without_pixels,
        without_label,
        without_vsi,
        two_pixel_files,
        ets_of_the_label,
        ets_of_another_slide,
        vsi_empty,
        ets_empty,
        all_empty,
        ets_of_another_format,
        vsi_is_a_folder,
        ets_is_a_folder,
        stack_is_a_file,
        pixels_are_a_file,
        vsi_is_a_pipe,
        ets_is_a_pipe,
        vsi_is_a_device,
        vsi_link_to_nothing,
        vsi_link_to_nothing_without_pixels,
        vsi_link_to_itself,
        vsi_link_to_itself_without_pixels,
        ets_link_to_nothing,
        ets_link_to_itself,
        folder_links_to_itself,
        pixels_link_to_nothing,
        vsi_name_too_long_for_a_file,
        vsi_in_capitals,
        deep_down,
        _foreign(b"\x89PNG\r\n\x1a\n" + bytes(3000)),
        _foreign(b"PK\x03\x04" + b"zip" * 1000),
        _foreign(b"\x7fELF" + bytes(3000)),
        _foreign(b"Dear colleague, here is the slide.\n"),
        _foreign(_TIFF_BOMB),
        _only(".svs", b"no scan at all"),
        _only(".tif", _TIFF_BOMB),
        _only(".ndpi", bytes(4000)),
        _only(".mrxs", b"[GENERAL]\n"),
        _named("new\nline"),
        _named("bell\a\x1b[31mescape\x7f"),
        _named("n" * 251),
        _named(b"latin-1 \xe9\xff"),
        _named("[red]markup[not closed"),
        _named("--help"),
        _named("per cent %s %d {0}"),
        _named("\u202eright to left\u2028"),
    )
)

# For a process that permissions bind: those of root do not.
UNREADABLE = tuple(Kind(damage) for damage in (vsi_unreadable, ets_unreadable, stack_unreadable, pixels_unreadable))
