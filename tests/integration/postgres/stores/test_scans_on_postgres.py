from tests.unit.ingestion.conftest import ingestion  # noqa: F401 - the fixture of both
from tests.unit.ingestion.test_urgent_orders import (  # noqa: F401 - collected here too
    test_an_older_word_on_an_order_is_passed_over,
    test_an_order_that_names_another_specimen_now_counts_there_alone,
    test_every_order_of_arrival_ends_the_same,
    test_the_most_urgent_order_that_is_not_cancelled_counts,
)
from tests.unit.ingestion.test_watcher import *  # noqa: F403 - its tests and fixtures
