"""Servers of the composition are where those who use them look."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from services.kit.migrate import OWNER, with_migrations
from stack.composition import DEPLOY, OF_THE_SITE, Composition
from stack.frottis import SERVICES
from stack.images import Image

COMPOSITION = Composition.read()
ALL = COMPOSITION.services


@pytest.mark.parametrize("name", [*SERVICES, "topics", "tables"])
def test_a_service_can_reach_every_server_that_it_is_told_of(name):
    told = {
        host
        for value in COMPOSITION.environment(name).values()
        for host in re.findall(rf"\b({'|'.join(map(re.escape, sorted(COMPOSITION.hosts)))}):\d+", value)
    }
    for host in told:
        servers = [s for s in ALL if s == host or s.startswith(f"{host}-")]
        assert all(COMPOSITION.networks(server) & COMPOSITION.networks(name) for server in servers)
    assert told


@pytest.mark.parametrize("name", with_migrations())
def test_each_service_comes_to_the_database_as_its_own_role(name):
    assert COMPOSITION.secrets(name)["/run/secrets/database-password"] == f"database-{name}-password"
    assert f"frottis_{name}" in (DEPLOY / "postgres" / "pg_hba.conf").read_text("utf-8")


def test_tables_are_made_by_their_owner_who_is_nobody_else():
    url = urlsplit(COMPOSITION.environment("tables")["FROTTIS_DATABASE_URL"])
    assert url.username == OWNER
    assert [name for name in ALL if "database-owner-password" in COMPOSITION.secrets(name).values()] == [
        "tables",
        "postgres",
    ]


def test_every_role_gets_a_password_of_a_mounted_file():
    text = (DEPLOY / "postgres" / "passwords.sql").read_text("utf-8")
    roles = dict(re.findall(r"ALTER ROLE (\w+) PASSWORD :'(\w+)'", text))
    files = dict(re.findall(r"\\set (\w+) `cat (\S+)`", text))
    assert set(roles) == {OWNER, *(f"frottis_{name}" for name in with_migrations())}
    assert {files[variable] for variable in roles.values()} <= set(COMPOSITION.secrets("postgres"))


def test_the_gateway_listens_on_the_port_that_is_published():
    assert COMPOSITION.environment("lis")["FROTTIS_LIS_LISTEN_PORT"] == "2575"
    assert "2575" in Image.read("lis").kept_as("EXPOSE").split()


def test_kafka_listens_where_services_look_for_it_and_proves_itself_there():
    lines = (DEPLOY / "kafka" / "server.properties").read_text("utf-8").splitlines()
    settings = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    servers = COMPOSITION.environment("topics")["FROTTIS_KAFKA_BOOTSTRAP_SERVERS"]
    advertised = settings["advertised.listeners"].split(",")
    assert f"SASL_SSL://{servers}" in advertised
    assert all("://127.0.0.1:" in listener for listener in advertised if not listener.startswith("SASL_SSL"))
    assert settings["auto.create.topics.enable"] == "false"
    assert settings["log.dirs"].startswith("/var/lib/kafka/data/")


def test_prometheus_scrapes_services_of_the_composition():
    jobs = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text("utf-8"))["scrape_configs"]
    asked = {
        (name, entry["port"]) for job in jobs for entry in job.get("dns_sd_configs", ()) for name in entry["names"]
    }
    assert asked == {(name, int(Image.read(name).environment["FROTTIS_PROCESS_OPERATIONS_PORT"])) for name in SERVICES}
    fixed = [target for job in jobs for entry in job.get("static_configs", ()) for target in entry["targets"]]
    listening = {"triton:8002": "--metrics-port=8002", "prometheus:9090": ":9090", "alertmanager:9093": ":9093"}
    assert set(fixed) == set(listening)
    for target, option in listening.items():
        host = target.split(":")[0]
        servers = [name for name in ALL if name in {host, f"{host}-cpu", f"{host}-gpu"}]
        assert all(any(option in part for part in ALL[server]["command"]) for server in servers)
        assert all("telemetry" in COMPOSITION.networks(server) for server in servers)


def test_alertmanagers_keys_are_mounted_where_it_reads_them():
    read = re.findall(r"_file: (\S+)", (DEPLOY / "alertmanager" / "alertmanager.yaml").read_text("utf-8"))
    assert set(read) == set(COMPOSITION.secrets("alertmanager"))
    assert {Path(path).name for path in read} == set(OF_THE_SITE)


def test_grafana_finds_its_dashboards_and_prometheus():
    provisioning = DEPLOY / "grafana" / "provisioning"
    boards = yaml.safe_load((provisioning / "dashboards" / "frottis.yaml").read_text("utf-8"))["providers"]
    assert {board["options"]["path"] for board in boards} <= {target for _, target, _ in COMPOSITION.mounts("grafana")}
    sources = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text("utf-8"))["datasources"]
    assert [source["url"] for source in sources] == ["http://prometheus:9090"]


def test_traces_go_where_the_collector_takes_them():
    taken = yaml.safe_load((DEPLOY / "otel" / "collector.yaml").read_text("utf-8"))["receivers"]["otlp"]["protocols"]
    port = taken["http"]["endpoint"].rpartition(":")[2]
    assert all(
        COMPOSITION.environment(name)["FROTTIS_TRACING_ENDPOINT"] == f"http://otel-collector:{port}"
        for name in SERVICES
    )
    for way in ("log", "forward"):
        chosen = Composition.read({"FROTTIS_TRACES": way}).services["otel-collector"]["command"]
        assert all((DEPLOY / "otel" / Path(option.partition("=")[2]).name).exists() for option in chosen)


def test_triton_is_asked_over_tls_and_managed_from_within_alone():
    for name in ("triton-cpu", "triton-gpu"):
        assert {"--grpc-use-ssl=true", "--grpc-port=8001", "--http-address=127.0.0.1"} <= set(ALL[name]["command"])
    assert COMPOSITION.environment("analysis")["FROTTIS_ANALYSIS_TRITON"] == "triton:8001"


def test_the_bucket_and_its_user_are_those_that_services_use():
    script = (DEPLOY / "s3" / "make-bucket").read_text("utf-8")
    used = COMPOSITION.environment("analysis")
    assert f"s3/{used['FROTTIS_OBJECTS_BUCKET']}\n" in script
    assert f"user add s3 {used['FROTTIS_OBJECTS_ACCESS_KEY_ID']} " in script
    assert used["FROTTIS_OBJECTS_ENDPOINT"] in script
    policy = (DEPLOY / "s3" / "policy.json").read_text("utf-8")
    assert f":::{used['FROTTIS_OBJECTS_BUCKET']}/*" in policy
