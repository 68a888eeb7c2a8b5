"""What a .vsi says about its slide and stacks. The order of the fields is the one existing readers insist on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.simulator.vsi import tags
from services.simulator.vsi.stack import Stack
from services.simulator.vsi.tags import Field


@dataclass(frozen=True)
class SlideProperties:
    """What the scanner knows about the slide as a whole."""

    name: str
    created: datetime
    barcode: str | None = None
    slide_number: int = 1
    tray_number: int = 1
    staining: str = "MGG"
    product: str = "OLYMPUS VS200 ASW"
    version: str = "4.1"


def document(slide: SlideProperties, stacks: Sequence[Stack]) -> bytes:
    """The whole tag tree, as it stands at byte 8 of the .vsi."""
    collection = tags.volume(
        2000,
        [
            tags.integer_pair(2035, (3 << 16) | 33, 1),
            *(_stack(slide, stack) for stack in stacks),
            tags.volume(2062, [tags.text(2061, slide.name), tags.text(2059, slide.staining)]),
        ],
        tags.SEQUENCE,
    )
    about = tags.volume(
        2,
        [
            tags.text(11, slide.name),
            tags.timestamp(14, slide.created),
            tags.text(15, "synthetic"),
            tags.integer(21, 28000),
            tags.text(34, slide.product),
            tags.text(35, slide.version),
        ],
    )
    return tags.pack_volume([collection, tags.volume(2109, []), about])


def _stack(slide: SlideProperties, stack: Stack) -> Field:
    sizes = (1,) if stack.depth == 1 else (stack.depth, 1)
    return tags.volume(
        2001,
        [
            tags.integers(2003, sizes),
            _frame(stack),
            _image_properties(slide, stack),
            *_dimensions(stack),
            tags.integer(2034, 0xFFFFFF),
        ],
        tags.SEQUENCE,
        second=stack.stack_id,
    )


def _frame(stack: Stack) -> Field:
    external = tags.volume(
        2018,
        [
            tags.rectangle(2053, 0, 0, *stack.size),
            tags.integer_pair(2410, *stack.origin),
            tags.integer_pair(20004, stack.tile, stack.tile),
            tags.boolean(20005, True),
        ],
    )
    return tags.volume(2002, [external, tags.volume(2006, [])], tags.SEQUENCE, second=0)


def _image_properties(slide: SlideProperties, stack: Stack) -> Field:
    return tags.volume(
        2005,
        [
            tags.timestamp(2015, stack.created or slide.created),
            tags.double_pair(2018, *stack.stage_origin_um),
            tags.double_pair(2019, stack.um_per_px, stack.um_per_px),
            tags.unit(2020, tags.MICROMETRE),
            tags.text(2030, stack.name),
            tags.integer(2074, int(stack.kind)),
            _microscope(slide, stack),
        ],
    )


def _microscope(slide: SlideProperties, stack: Stack) -> Field:
    optics = [tags.integer(100049, 8)]
    if stack.magnification is not None:
        optics = [
            tags.double(120060, stack.magnification),
            tags.double(120061, stack.numerical_aperture),
            tags.quantity(120062, 180.0, tags.MICROMETRE),
            tags.text(120063, stack.objective),
            tags.double(120079, 1.0),
            *optics,
        ]
    objective = [tags.volume(120114, optics), tags.text(120116, stack.objective), tags.integer(120130, 20006)]
    barcode = [] if slide.barcode is None else [tags.text(120635, slide.barcode)]
    loader = [
        tags.integer(120130, 30000),
        *barcode,
        tags.integer(120637, slide.slide_number),
        tags.integer(120638, slide.tray_number),
    ]
    return tags.volume(
        2043, [tags.volume(3, objective, second=0), tags.volume(4, [tags.volume(120114, loader)], second=1)]
    )


def _dimensions(stack: Stack) -> list[Field]:
    # No axis code (2023) on the channel: declaring a channel axis makes readers count channels instead of samples.
    channel = tags.volume(
        2008,
        [
            tags.palette(2004),
            tags.text(2021, "BF"),
            tags.text(2419, "BF"),
            tags.integer(100002, stack.exposure_us),
            tags.quantity(2417, 550.0, tags.NANOMETRE),
        ],
        second=0,
    )
    if stack.depth == 1:
        return [tags.volume(2007, [channel], tags.SEQUENCE, second=0)]
    focus = [
        tags.integer(2023, 1),
        tags.quantity(2012, 0.0, tags.MICROMETRE),
        tags.quantity(2013, stack.z_step_um, tags.MICROMETRE),
    ]
    return [
        tags.volume(2007, [tags.volume(2008, focus, second=0)], tags.SEQUENCE, second=0),
        tags.volume(2007, [channel], tags.SEQUENCE, second=1),
    ]
