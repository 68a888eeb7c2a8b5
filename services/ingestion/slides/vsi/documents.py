"""The two kinds of file of a slide, opened and parsed: the .vsi, and the pixel file of a stack."""

from pathlib import Path

from services.ingestion.slides.errors import SlideIncomplete, SlideUnreachable, SlideUnsupported
from services.ingestion.slides.positioned import PositionedFile
from services.ingestion.slides.tiff import check_tiff_complete
from services.ingestion.slides.vsi.declaration import SlideDeclaration, StackDeclaration, barcodes, declared
from services.ingestion.slides.vsi.tagtree import TREE_OFFSET, parse_tree, readable_tree

# A tag tree is a few megabytes at most; the rest of a .vsi is thumbnails.
_TREE_LIMIT = 64 << 20


def pixel_folder(vsi: Path) -> Path:
    """The folder `_<name>_` beside `<name>.vsi`."""
    return vsi.parent / f"_{vsi.stem}_"


def open_vsi(path: Path) -> PositionedFile:
    """The .vsi, open.

    Raises:
        SlideIncomplete: it is not there, but the folder of its pixels is.
        SlideUnreachable: it cannot be opened.
    """
    try:
        return PositionedFile(path, path.name)
    except SlideUnreachable as error:
        if isinstance(error.__cause__, FileNotFoundError) and _is_folder(pixel_folder(path)):
            raise SlideIncomplete(path.name, "is not there, only the folder of its pixels") from error
        raise


def read_declaration(file: PositionedFile) -> SlideDeclaration:
    """What the open .vsi declares, which is whole: behind its tree it holds thumbnails, as ordinary TIFF pages.

    Raises:
        SlideIncomplete: it is not written yet, or its tree or a TIFF page goes on past its end.
        SlideUnsupported: it is not a .vsi.
        SlideDamaged: its tree contradicts itself.
    """
    if file.size < TREE_OFFSET:
        raise SlideIncomplete(file.name, f"holds {file.size} bytes, not even a header")
    header = file.read(0, TREE_OFFSET)
    if not any(header):
        raise SlideIncomplete(file.name, "its header is zeros: nothing has been written yet")
    if header[:4] != b"II*\0":
        problem = f"is not a .vsi: it begins with {header[:4].hex(' ')}, not with 49 49 2a 00"
        raise SlideUnsupported(
            file.name, problem, "Copy the .vsi again from the scanner, or take the file off the share."
        )
    tree = parse_tree(_beginning(file), file.name, file.size)
    check_tiff_complete(file)
    return declared(tree, file.name)


def read_barcodes(file: PositionedFile) -> set[str]:
    """The barcodes of the open .vsi, as far as its tree can be read, whatever else is wrong with it.

    Raises SlideUnreachable.
    """
    return barcodes(readable_tree(_beginning(file), file.name))


def pixel_path(vsi: Path, stack: StackDeclaration) -> Path:
    """The one pixel file of a stack: `_<name>_/stack<ID>/frame_t.ets`, or `frame_t_<k>.ets`.

    Raises:
        SlideIncomplete: it is not there (yet).
        SlideUnsupported: there are several, or the pixels are in a TIFF.
        SlideUnreachable: the folder cannot be listed.
    """
    folder = pixel_folder(vsi) / stack.folder
    try:
        names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise SlideUnreachable.of(stack.name, f"the folder of {stack.folder} cannot be listed", error) from error
    frames = [name for name in names if name.startswith("frame_t") and name.endswith(".ets")]
    if len(frames) > 1:
        problem = f"{stack.folder} has {len(frames)} pixel files ({', '.join(frames[:4])}), one was expected"
        advice = "Copy the scan again into an empty folder; a slide scanned as a series in time is not read."
        raise SlideUnsupported(stack.name, problem, advice)
    if not frames and any(name.startswith("frame_t") and name.endswith((".tif", ".tiff")) for name in names):
        problem = f"{stack.folder} stores its pixels as frame_t.tif, which is not read"
        raise SlideUnsupported(stack.name, problem, "Set the scanner to store .ets files and scan the slide again.")
    if not frames:
        raise SlideIncomplete(stack.name, f"the pixel file {stack.folder}/frame_t.ets is not there")
    return folder / frames[0]


def _beginning(file: PositionedFile) -> bytes:
    return file.read(0, min(file.size, _TREE_LIMIT))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def open_pixels(vsi: Path, stack: StackDeclaration) -> PositionedFile:
    """The pixel file of a stack, open. Raises as `pixel_path` does."""
    path = pixel_path(vsi, stack)
    return PositionedFile(path, path.relative_to(vsi.parent).as_posix())
