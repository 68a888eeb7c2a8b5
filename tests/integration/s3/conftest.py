import pytest

from services.kit.objects import Objects
from stack.missing import ServerMissing
from stack.s3 import S3Server


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    try:
        server = S3Server(tmp_path_factory.mktemp("s3"))
    except ServerMissing as missing:
        pytest.skip(str(missing))
    with server:
        yield server


@pytest.fixture
def objects(s3):
    return Objects.in_bucket(s3.settings())
