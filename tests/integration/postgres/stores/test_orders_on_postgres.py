from tests.unit.reasoning.conftest import *  # noqa: F403 - the fixtures of the tests below
from tests.unit.reasoning.test_message_order import *  # noqa: F403
from tests.unit.reasoning.test_orders_that_change import *  # noqa: F403
