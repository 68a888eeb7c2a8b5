"""The film, its fields and tiles as messages."""

from collections.abc import Iterable

from services.ingestion.fields import ChosenField, Question, Rejection, core
from services.ingestion.film import FilmSummary
from services.ingestion.slides.errors import SlideError
from services.ingestion.tiles import Region, TileImage
from services.kit import contracts
from services.kit.contracts import Field, Film, Place, Reason, Tile

_CODES = {
    Question.LEUKOCYTES: contracts.Question.QUESTION_LEUKOCYTES,
    Question.ERYTHROCYTES: contracts.Question.QUESTION_ERYTHROCYTES,
    Question.PLATELETS: contracts.Question.QUESTION_PLATELETS,
    Question.PLATELET_CLUMPS: contracts.Question.QUESTION_PLATELET_CLUMPS,
}
_QUESTIONS = {code: question for question, code in _CODES.items()}


def question_code(question: Question) -> contracts.Question.ValueType:
    """The contract's value of a question."""
    return _CODES[question]


def question_of(code: contracts.Question.ValueType) -> Question:
    """The question that a contract's value means. Raises KeyError for none."""
    return _QUESTIONS[code]


def film_message(summary: FilmSummary) -> Film:
    """The film in figures."""
    return Film(
        covered_mm2=summary.covered_mm2,
        thick_mm2=summary.thick_mm2,
        monolayer_mm2=summary.monolayer_mm2,
        feathered_mm2=summary.feathered_mm2,
        in_focus=summary.in_focus,
        nuclei=summary.nuclei,
        missing_tiles=summary.missing_tiles,
        hematoxylin_od=summary.hematoxylin_od,
        eosin_od=summary.eosin_od,
        pale=summary.pale,
    )


def field_message(field: ChosenField) -> Field:
    """A field that is read."""
    questions = map(question_code, field.questions)
    return Field(field_id=field.field_id, core=region_message(field.core), questions=questions)


def unread_field(field: ChosenField, error: SlideError) -> Field:
    """A field that was chosen and whose pixels cannot be decoded."""
    message = field_message(field)
    message.rejected.CopyFrom(Reason(code="unreadable", text=str(error)))
    return message


def rejected_field(name: str, why: Rejection) -> Field:
    """One of the fields that were looked at and not chosen; the reason tells how many there are of its kind."""
    reason = Reason(code=why.code, text=f"{why.text} ({why.count} such fields)")
    return Field(field_id=name, core=region_message(core(name)), rejected=reason)


def tile_message(field: ChosenField, tile: TileImage, nuclei: Iterable[tuple[float, float]]) -> Tile:
    """A tile, where it lies, and where nuclei are; the reader adds slide, round, id and URI."""
    return Tile(
        um_per_px=tile.um_per_px,
        region=region_message(tile.region),
        core=region_message(tile.core),
        questions=map(question_code, field.questions),
        nuclei=[Place(x_um=x, y_um=y) for x, y in nuclei],
    )


def region_message(region: Region) -> contracts.Region:
    """A rectangle on the slide."""
    return contracts.Region(x_um=region.x_um, y_um=region.y_um, width_um=region.width_um, height_um=region.height_um)
