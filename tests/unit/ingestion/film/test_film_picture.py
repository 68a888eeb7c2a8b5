import cv2
import numpy as np
import pytest

from services.ingestion.fields import Question, choose
from services.ingestion.film.picture import QUESTION_STYLES, overview, png
from services.ingestion.film.thumbnail import thumbnail
from services.ingestion.tiles import Region
from tests.unit.ingestion.film.films import field, film, mapped
from tests.unit.ingestion.film.memory_slide import MemorySlide


def test_every_question_has_a_mark_of_its_own():
    assert set(QUESTION_STYLES) == {str(question) for question in Question}
    assert len({style.letter for _, style in QUESTION_STYLES.values()}) == len(Question)


def test_the_overview_shows_the_film_its_fields_and_a_legend():
    choice = choose(mapped(), {Question.LEUKOCYTES: 30, Question.ERYTHROCYTES: 500})
    slide = MemorySlide(film().image)
    picture = overview(slide, mapped(), [(each.core, each.questions) for each in choice.fields])
    without = overview(slide, mapped(), [])
    assert picture.shape[1] == 2000
    assert picture.shape[0] > 1250 + 100
    changed = (picture != without).any(axis=2)
    centre = choice.fields[0].core.centre_um
    scale = 2000 / mapped().width_um
    x, y = (round(place * scale) for place in centre)
    half = round(choice.fields[0].core.width_um * scale / 2)
    assert changed[y, x - half - 2 : x - half + 3].any()
    assert not changed[y, x]
    assert changed[1250:].any()


def test_a_field_that_reaches_over_the_slide_is_drawn_as_far_as_it_goes():
    slide = MemorySlide(film().image)
    corner = Region(mapped().width_um - 50, mapped().height_um - 50, 140.288, 140.288)
    assert overview(slide, mapped(), [(corner, ["leukocytes"])]).shape[1] == 2000


def test_the_picture_is_a_png_of_the_same_pixels():
    picture = np.ascontiguousarray(field().image[:64, :64])
    decoded = cv2.imdecode(np.frombuffer(png(picture), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decoded[..., ::-1], picture)


@pytest.mark.parametrize("levels", [1, 3])
def test_a_thumbnail_needs_no_pyramid(levels):
    slide = MemorySlide(film().image)
    slide.levels = slide.levels[:levels]
    small = thumbnail(slide, 500)
    assert small.shape == (312, 500, 3)
    expected = cv2.resize(film().image, (500, 312), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - expected).mean() < 2


def test_a_small_slide_is_not_enlarged():
    assert thumbnail(MemorySlide(field().image), 2000).shape == (1536, 1536, 3)


def test_strips_that_cannot_be_decoded_are_left_blank():
    slide = MemorySlide(field().image, background=(1, 2, 3), damaged=[(0, 0, 1536, 1536)])
    assert (thumbnail(slide, 200) == (1, 2, 3)).all()
