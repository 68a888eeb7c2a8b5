"""What OME-XML (the description of an OME-TIFF) says of its pictures. Schema: openmicroscopy.org, 2016-06."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from services.ingestion.slides.errors import ONE_SCAN, OTHER_SCENE, SlideDamaged, SlideUnsupported

# Micrometres in each unit that the schema names and that a microscope would use.
_UNITS = {"m": 1e6, "cm": 1e4, "mm": 1e3, "µm": 1.0, "nm": 1e-3, "in": 25_400.0}
_NEVER_SCANS = ("label", "macro", "overview", "thumbnail")


@dataclass(frozen=True)
class OmeImage:
    """One picture: its first TIFF page, and its pixel size in µm where that is stated."""

    name: str
    page: int
    size: tuple[int, int]
    um_per_px: tuple[float, float] | None
    brightfield: bool
    acquired: str | None


def ome_image(name: str, xml: str, scene: str | None) -> OmeImage:
    """The scan that the OME-XML of the file called `name` describes, or the one called `scene`.

    Raises:
        SlideDamaged: this is no OME-XML.
        SlideUnsupported: no scan, several to choose from, or fluorescence.
    """
    images = list(_images(name, xml))
    offered = [image for image in images if not image.name.lower().startswith(_NEVER_SCANS)]
    found = [image for image in offered if scene in (None, image.name)]
    if len(found) != 1:
        raise _no_choice(name, [repr(image.name) for image in offered], scene)
    if not found[0].brightfield:
        problem = f"picture {found[0].name!r} is fluorescence, monochrome or a stack"
        raise SlideUnsupported(name, problem, "Export the brightfield scan as one plane, RGB with 8 bits.")
    return found[0]


def _no_choice(name: str, offered: list[str], scene: str | None) -> SlideUnsupported:
    listed = ", ".join(offered)
    if not offered:
        return SlideUnsupported(name, "holds no scan, only label or overview", "Export the scan itself.")
    if scene is None:
        return SlideUnsupported(name, f"holds several scans: {listed}", ONE_SCAN)
    return SlideUnsupported(name, f"no scan, or more than one, of {listed} is called {scene!r}", OTHER_SCENE)


def _images(name: str, xml: str) -> Iterator[OmeImage]:
    # A document type could define entities that expand without end; OME-XML has none.
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise SlideDamaged(
            name, "its OME-XML defines entities", "Export it again as OME-TIFF, without a document type."
        )
    try:
        root = ET.fromstring(xml)  # noqa: S314 (no entities: see above)
        for element in root.iterfind("{*}Image"):
            yield from (_image(element, pixels) for pixels in element.iterfind("{*}Pixels"))
    except (ET.ParseError, ValueError, KeyError) as error:
        raise SlideDamaged(name, f"its OME-XML cannot be read ({error})") from error


def _image(element: ET.Element, pixels: ET.Element) -> OmeImage:
    data = pixels.find("{*}TiffData")
    channel = pixels.find("{*}Channel")
    samples = "1" if channel is None else channel.get("SamplesPerPixel", "1")
    shape = tuple(pixels.get(axis) for axis in ("SizeC", "SizeZ", "SizeT"))
    return OmeImage(
        name=element.get("Name", ""),
        page=0 if data is None else int(data.get("IFD", "0")),
        size=(int(pixels.attrib["SizeX"]), int(pixels.attrib["SizeY"])),
        um_per_px=_pixel_size(pixels),
        brightfield=pixels.get("Type") == "uint8" and samples == "3" and shape == ("3", "1", "1"),
        acquired=element.findtext("{*}AcquisitionDate"),
    )


def _pixel_size(pixels: ET.Element) -> tuple[float, float] | None:
    """None where size or unit is missing; a unit left out is µm by the schema."""
    sizes = [pixels.get(f"PhysicalSize{axis}") for axis in "XY"]
    units = [_UNITS.get(pixels.get(f"PhysicalSize{axis}Unit", "µm").replace("μ", "µ")) for axis in "XY"]
    if sizes[0] is None or sizes[1] is None or units[0] is None or units[1] is None:
        return None
    return float(sizes[0]) * units[0], float(sizes[1]) * units[1]
