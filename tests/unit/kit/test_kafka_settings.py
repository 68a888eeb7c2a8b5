import ssl

import pytest

from services.kit.errors import SettingsError
from services.kit.kafka import KafkaSettings
from services.kit.kafka.cluster import wanted_topics
from services.kit.kafka.connection import client_arguments
from services.kit.topics import topics


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "password"
    path.write_text("correct horse battery\n")
    return path


def load(**given):
    return KafkaSettings.load(bootstrap_servers="kafka-1:9093,kafka-2:9093", **given)


def test_the_wire_is_encrypted_and_the_user_proves_itself_unless_told_otherwise(password_file):
    settings = load(user="frottis", password_file=password_file)
    arguments = client_arguments(settings)
    assert arguments["bootstrap_servers"] == ["kafka-1:9093", "kafka-2:9093"]
    assert (arguments["security_protocol"], arguments["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (arguments["sasl_plain_username"], arguments["sasl_plain_password"]) == ("frottis", "correct horse battery")


def test_the_password_is_read_when_it_is_used_so_that_it_can_change(password_file):
    settings = load(user="frottis", password_file=password_file)
    password_file.write_text("another one")
    assert client_arguments(settings)["sasl_plain_password"] == "another one"


@pytest.mark.parametrize(
    "word", ["", "  \n", "changeme", "CHANGE-ME", "password", "<password>", "${PASSWORD}", "{{ x }}"]
)
def test_a_placeholder_is_no_password(password_file, word):
    password_file.write_text(word)
    with pytest.raises(SettingsError, match="holds no secret"):
        load(user="frottis", password_file=password_file)


def test_a_missing_password_file_is_told(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load(user="frottis", password_file=tmp_path / "none")


def test_sasl_without_a_user_is_refused(password_file):
    with pytest.raises(SettingsError, match="needs user and password_file"):
        load(password_file=password_file)


def test_a_certificate_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SettingsError, match="is no file"):
        load(security_protocol="SSL", ca_file=tmp_path / "ca.pem")


def test_over_tls_the_broker_is_verified_by_name():
    context = client_arguments(load(security_protocol="SSL"))["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_certificate_that_is_none_is_told_by_its_setting(tmp_path):
    damaged = tmp_path / "ca.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n")
    with pytest.raises(SettingsError, match="FROTTIS_KAFKA_CA_FILE"):
        client_arguments(load(security_protocol="SSL", ca_file=damaged))


def test_a_drain_longer_than_a_rebalance_waits_is_refused():
    with pytest.raises(SettingsError, match="drain_s must be below"):
        load(security_protocol="PLAINTEXT", drain_s=60, poll_interval_s=60)


def test_a_prefix_that_no_topic_may_have_is_refused():
    with pytest.raises(SettingsError, match="FROTTIS_KAFKA_PREFIX"):
        load(security_protocol="PLAINTEXT", prefix="frottis/")


def test_every_topic_of_the_registry_is_wanted_with_one_for_its_dead_letters():
    wanted = {topic.name: topic for topic in wanted_topics(load(security_protocol="PLAINTEXT", prefix="a."), topics())}
    assert wanted.keys() == {f"a.{name}{end}" for name in topics() for end in ("", ".dead")}
    tiles = wanted["a.tiles"]
    assert (tiles.partitions, tiles.replication) == (24, 3)
    assert tiles.configuration["retention.ms"] == str(168 * 3600 * 1000)
    assert tiles.configuration["min.insync.replicas"] == "2"
    assert wanted["a.tiles.dead"].configuration["cleanup.policy"] == "compact,delete"
