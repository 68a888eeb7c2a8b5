"""Hundreds of damaged variants of sound slides: a typed error, or the very pixels of the undamaged slide.

What cannot be held to that, since the format has no redundancy there:

* bits flipped inside a JPEG's coded pixels (JPEG has no checksum): the damage stays within that tile's place;
* the background colour in the pixel header: only background changes, and the slide's identity with it.
"""

import resource
import shutil
import struct
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from services.ingestion import SlideError, open_slide
from services.ingestion.slides.files import file_set, read_barcode
from tests.unit.ingestion.slides.slide_making import make_slide, picture, pixel_file

VARIANTS = 60
BACKGROUND = range(172, 175)
HOSTILE = [0, 1, 0x7F, 0xFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1]


@dataclass
class Sound:
    """The undamaged slide."""

    vsi: bytes
    ets: bytes
    pixels: list[np.ndarray]
    table: int


def read_all(path: Path) -> list[np.ndarray]:
    with open_slide(path) as slide:
        assert slide.identity
        return [slide.read_region(0, 0, level.width, level.height, number) for number, level in enumerate(slide.levels)]


@pytest.fixture(scope="module", params=["jpeg", "jpeg2000", "z", "origin"])
def sound(request, tmp_path_factory):
    fields = {
        "jpeg": {},
        "jpeg2000": {"codec": "jpeg2000"},
        "z": {"planes": [picture(400, 260, seed) for seed in range(2)]},
        "origin": {"origin": (-30, -2)},
    }[request.param]
    path = make_slide(tmp_path_factory.mktemp(request.param), picture(400, 260), **fields)
    ets = pixel_file(path).read_bytes()
    return path, Sound(path.read_bytes(), ets, read_all(path), struct.unpack_from("<Q", ets, 32)[0])


def flipped(content: bytes, rng: np.random.Generator, low: int, high: int) -> bytes:
    out = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        out[int(rng.integers(low, high))] ^= 1 << int(rng.integers(8))
    return bytes(out)


def hostile(content: bytes, rng: np.random.Generator, low: int, high: int) -> bytes:
    out = bytearray(content)
    at = int(rng.integers(low // 4, high // 4 - 1)) * 4
    struct.pack_into("<I", out, at, HOSTILE[int(rng.integers(len(HOSTILE)))])
    return bytes(out)


def zeroed(content: bytes, rng: np.random.Generator, low: int, high: int) -> bytes:
    out = bytearray(content)
    at = int(rng.integers(low, high))
    size = min(int(rng.choice([1, 16, 512, 4096, 65_536])), high - at)
    out[at : at + size] = bytes(size)
    return bytes(out)


def cut(content: bytes, rng: np.random.Generator, low: int, high: int) -> bytes:
    return content[: int(rng.integers(low, high))]


def duplicated(content: bytes, rng: np.random.Generator, low: int, high: int) -> bytes:
    at, size = int(rng.integers(low, high)), int(rng.integers(1, 600))
    return content[:at] + content[at : at + size] + content[at:]


DAMAGES = [flipped, hostile, zeroed, cut, duplicated]


def check_variant(path: Path, sound: Sound, tile_bytes_changed: bool, background_changed: bool) -> bool:
    """Whether the variant was refused. Anything but a typed error or the right pixels fails."""
    started = time.process_time()
    try:
        file_set(path).missing  # noqa: B018 (it must not fail)
        read_barcode(path)
        pixels = read_all(path)
    except SlideError:
        return True
    finally:
        assert time.process_time() - started < 5
    if not tile_bytes_changed and not background_changed:
        assert len(pixels) == len(sound.pixels)
        assert all(np.array_equal(read, right) for read, right in zip(pixels, sound.pixels, strict=True))
    return False


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_outside_the_coded_pixels_is_refused_or_harmless(sound, damage, tmp_path):
    path, whole = sound
    work = tmp_path / "work"
    shutil.copytree(path.parent, work)
    copy = work / path.name
    rng = np.random.default_rng(DAMAGES.index(damage))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = 0
    for number in range(VARIANTS):
        copy.write_bytes(whole.vsi)
        pixel_file(copy).write_bytes(whole.ets)
        if number % 2:
            spoiled = damage(whole.vsi, rng, 0, len(whole.vsi))
            copy.write_bytes(spoiled)
            refused += check_variant(copy, whole, False, False)
            continue
        low, high = [(0, 292), (whole.table, len(whole.ets))][number // 2 % 2]
        spoiled = damage(whole.ets, rng, low, high)
        pixel_file(copy).write_bytes(spoiled)
        background = any(spoiled[at : at + 1] != whole.ets[at : at + 1] for at in BACKGROUND)
        refused += check_variant(copy, whole, damage is duplicated, background)
    assert refused > VARIANTS // 6
    # Kilobytes: one process reads them all.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000


def sectors_zeroed(content: bytes, rng: np.random.Generator, low: int, high: int) -> bytes:
    """What a copy leaves that lost a block: whole sectors of zeros."""
    out = bytearray(content)
    at = int(rng.integers(low // 512, high // 512)) * 512
    size = min(int(rng.choice([512, 4096, 65_536])), high - at)
    out[max(at, low) : at + size] = bytes(at + size - max(at, low))
    return bytes(out)


@pytest.mark.parametrize("damage", [sectors_zeroed, cut, flipped])
def test_lost_sectors_and_cuts_inside_tiles_are_refused_and_flips_go_no_further(sound, damage, tmp_path):
    path, whole = sound
    work = tmp_path / "work"
    shutil.copytree(path.parent, work)
    copy = work / path.name
    rng = np.random.default_rng(77)
    for _ in range(VARIANTS):
        pixel_file(copy).write_bytes(damage(whole.ets, rng, 292, whole.table))
        try:
            pixels = read_all(copy)
        except SlideError:
            continue
        wrong = [np.argwhere((read != right).any(axis=2)) for read, right in zip(pixels, whole.pixels, strict=True)]
        touched = sum(len(places) > 0 for places in wrong)
        assert touched <= (3 if damage is flipped else 0)
