"""Kafka over TLS, with a user that proves itself."""

import pytest

from services.kit.contracts import Tile
from services.kit.errors import TransientError
from services.kit.kafka import KafkaTransport
from services.kit.transport import Outgoing


@pytest.fixture
def secure(cluster, tmp_path):
    password = tmp_path / "password"
    password.write_text(f"{cluster.server.user.password}\n")
    return {
        "bootstrap_servers": cluster.server.secure_servers,
        "security_protocol": "SASL_SSL",
        "user": cluster.server.user.name,
        "password_file": password,
        "ca_file": cluster.server.certificate_file,
        "delivery_timeout_s": 2.0,
    }


def send(transport):
    transport.producer().send([Outgoing("tiles", "k", Tile(tile_id="a"))])


def test_messages_pass_for_a_user_with_its_password(cluster, secure):
    transport = cluster.open(**secure)
    send(transport)
    consumer = transport.consumer("analysis", ["tiles"])
    batch = []
    while not batch:
        batch = consumer.poll(1, 1.0)
    consumer.commit(batch)
    assert transport.waiting() == {}
    assert transport.dead_letters().list() == []


@pytest.mark.parametrize("wrong", ["password", "ca"])
def test_a_wrong_password_and_an_unknown_authority_let_nothing_pass_and_tell_no_secret(
    cluster, secure, tmp_path, wrong
):
    if wrong == "password":
        secure["password_file"].write_text("incorrect horse battery")
    else:
        del secure["ca_file"]
    transport = KafkaTransport(cluster.settings(**secure), cluster.registry)
    with pytest.raises(TransientError) as refused:
        send(transport)
    assert "horse" not in str(refused.value)
    assert transport.waits_for() is not None
    transport.close()
