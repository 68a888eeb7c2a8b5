import pytest

from tests.unit.ingestion.at_work import FEW_CELLS, Ingestion


@pytest.fixture
def ingestion(tmp_path):
    made = Ingestion(tmp_path, **FEW_CELLS)
    yield made
    made.database.close()


@pytest.fixture
def small(ingestion, small_slide):
    ingestion.put(small_slide[0])
    return ingestion
