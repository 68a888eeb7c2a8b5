from tests.unit.review.test_worklist import *  # noqa: F403 - its tests and fixtures
