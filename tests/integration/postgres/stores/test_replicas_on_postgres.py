from tests.unit.lis.conftest import *  # noqa: F403 - the fixtures of the tests below
from tests.unit.lis.test_replicas import *  # noqa: F403
