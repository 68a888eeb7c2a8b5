"""Kinds of scan by the suffixes of their files: those that are read, and those that are told to be none of them."""

from pathlib import Path

from services.ingestion.slides.errors import SlideUnsupported

# Checked by their directories, whatever reads their pixels.
TIFF_SUFFIXES = frozenset(
    {".svs", ".tif", ".tiff", ".btf", ".tf2", ".tf8", ".qptiff", ".lsm", ".scn", ".bif", ".svslide", ".ndpi"}
)
# OpenSlide 4.0 (Hamamatsu, MIRAX and Zeiss beside TIFFs) and libvips; the .vsi is read here.
READ_SUFFIXES = TIFF_SUFFIXES | {".vsi", ".vms", ".vmu", ".mrxs", ".czi"}
# Microscope and slide formats that nothing here reads. What lies on the share as one of them is told, not passed over.
_OTHERS = frozenset(
    {".ims", ".isyntax", ".i2syntax", ".kfb", ".lif", ".mds", ".mdsx", ".nd2", ".oib", ".oif", ".oir", ".sdpc", ".tmap"}
    | {".xlef", ".zvi"}
)
DICOM_SUFFIX, _PIXELS_SUFFIX = ".dcm", ".ets"
SCAN_SUFFIXES = READ_SUFFIXES | _OTHERS | {DICOM_SUFFIX, _PIXELS_SUFFIX}

EXPORT = (
    "Export it as OME-TIFF, or copy the .vsi. "
    "Read are .vsi, OME-TIFF, SVS, NDPI, VMS, VMU, SCN, MRXS, BIF, SVSLIDE, CZI and tiled TIFF."
)


def refuse_unread(path: Path) -> None:
    """Refuse by its suffix what no reader here takes. Raises SlideUnsupported."""
    suffix = path.suffix.lower()
    if suffix == _PIXELS_SUFFIX:
        problem, advice = "is only the pixel file of a scan", "Name the .vsi beside the folder that this file lies in"
        raise SlideUnsupported(path.name, problem, f"{advice}; where it is missing, copy the scan again.")
    if suffix == DICOM_SUFFIX:
        problem = "is one of the files of a DICOM slide, of which nothing tells whether all are there"
        raise SlideUnsupported(path.name, problem, EXPORT)
    if suffix in _OTHERS:
        raise SlideUnsupported(path.name, f"is a {suffix} file, a format that is not read", EXPORT)
