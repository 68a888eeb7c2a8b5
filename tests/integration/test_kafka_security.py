"""Kafka over TLS, with a user that proves itself by its password, or by a certificate."""

import pytest

from services.kit.contracts import Tile
from services.kit.errors import TransientError
from services.kit.kafka import KafkaTransport
from services.kit.transport import Outgoing
from stack.kafka.server import MAKE_CERTIFICATE
from stack.processes import run


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


@pytest.fixture
def mutual(cluster):
    certificate, key = cluster.server.client_certificate("worker")
    return {
        "bootstrap_servers": cluster.server.mutual_servers,
        "security_protocol": "SSL",
        "ca_file": cluster.server.certificate_file,
        "certificate_file": certificate,
        "key_file": key,
        "delivery_timeout_s": 2.0,
    }


def send(transport):
    transport.producer().send([Outgoing("tiles", "k", Tile(tile_id="a"))])


@pytest.mark.parametrize("proof", ["secure", "mutual"])
def test_messages_pass_for_who_proves_itself(cluster, request, proof):
    transport = cluster.open(**request.getfixturevalue(proof))
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


@pytest.mark.parametrize("proof", ["none", "of another authority"])
def test_without_a_certificate_that_the_broker_knows_nothing_passes(cluster, mutual, tmp_path, proof):
    if proof == "none":
        del mutual["certificate_file"], mutual["key_file"]
    else:
        stranger = ["-subj", "/CN=worker", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "certificate.pem"]
        run([*MAKE_CERTIFICATE, *stranger])
        mutual |= {"certificate_file": tmp_path / "certificate.pem", "key_file": tmp_path / "key.pem"}
    transport = KafkaTransport(cluster.settings(**mutual), cluster.registry)
    with pytest.raises(TransientError):
        send(transport)
    assert transport.waits_for() is not None
    transport.close()
