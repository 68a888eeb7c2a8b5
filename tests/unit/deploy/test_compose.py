"""The composition names only what there is, and runs everything contained."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from services.analysis.settings import AnalysisSettings
from services.ingestion.settings import IngestionSettings
from services.kit.database_settings import DatabaseSettings
from services.kit.kafka import KafkaSettings
from services.kit.migrate import with_migrations
from services.kit.object_settings import ObjectSettings
from services.kit.process import ProcessSettings
from services.kit.settings import Settings
from services.kit.tracing.settings import TracingSettings
from services.lis.settings import LisSettings
from services.reasoning.settings import ReasoningSettings
from stack.composition import DEPLOY, EXAMPLE, FILE, Composition, example
from stack.frottis import SERVICES
from stack.images import FILES, Image
from tests.unit.deploy.promql import ROOT

COMPOSITION = Composition.read()
ALL = COMPOSITION.services
JOBS = {"topics", "tables", "objects-volume", "bucket", "models-cpu", "models-gpu"}
SETTINGS = (
    AnalysisSettings,
    DatabaseSettings,
    IngestionSettings,
    KafkaSettings,
    LisSettings,
    ObjectSettings,
    ProcessSettings,
    ReasoningSettings,
    TracingSettings,
)
OWN = {"ingestion": IngestionSettings, "analysis": AnalysisSettings, "reasoning": ReasoningSettings, "lis": LisSettings}


@pytest.fixture(scope="session")
def docker_compose(tmp_path_factory):
    """Run docker-compose on the file, with some variables; its exit code and what it said."""
    path = shutil.which("docker-compose")
    if path is None:
        pytest.skip("NOT CHECKED: docker-compose is missing (Debian package docker-compose)")

    nothing = tmp_path_factory.mktemp("site") / "empty.env"
    nothing.touch()

    def run_it(variables, *arguments):
        command = [path, "-f", FILE, "--env-file", nothing, *arguments]
        done = subprocess.run(command, env={"PATH": "/usr/bin:/bin", **variables}, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    return run_it


def prefix(settings: type[Settings]) -> str:
    return settings.model_config["env_prefix"]


def known_names():
    return {f"{prefix(settings)}{name}".upper() for settings in SETTINGS for name in settings.model_fields}


@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_docker_compose_takes_the_file(docker_compose, profile):
    code, shown, said = docker_compose(example(), "--profile", profile, "config")
    assert code == 0, said
    shown = yaml.safe_load(shown)["services"]
    assert {*SERVICES, f"triton-{profile}", f"models-{profile}", "kafka", "postgres", "s3"} <= set(shown)


@pytest.mark.parametrize("name", [name for name in example() if f"{name}:?" in FILE.read_text("utf-8")])
def test_nothing_starts_before_the_site_has_said_what_only_it_knows(docker_compose, name):
    without = {key: value for key, value in example().items() if key != name}
    code, _, said = docker_compose(without, "config", "-q")
    assert code != 0
    assert name in said


def test_the_example_sets_every_variable_and_no_other():
    used = set(re.findall(r"\$\{(\w+)", FILE.read_text("utf-8")))
    passed_on = {
        name for service in ALL.values() for name, value in service.get("environment", {}).items() if value is None
    }
    needed = set(re.findall(r"\$\{(\w+):\?", FILE.read_text("utf-8")))
    assert needed <= set(example())
    assert set(example()) - {"COMPOSE_PROJECT_NAME"} <= used | passed_on
    assert subprocess.run(["git", "check-ignore", "-q", EXAMPLE.with_name(".env")], cwd=ROOT).returncode == 0


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_runs_its_own_image(name):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert ALL[name]["image"] == f"frottis/{name}:{version}"
    assert (DEPLOY / ALL[name]["build"]["context"] / ALL[name]["build"]["dockerfile"]).resolve() == (
        FILES / f"{name}.Containerfile"
    )


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_container_is_contained(name):
    service = ALL[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"].split(":")[0] not in {"0", "root"}
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["restart"] == ("on-failure" if name in JOBS else "unless-stopped")
    assert not {"privileged", "cap_add", "pid", "ipc", "devices"} & set(service)
    assert service.get("network_mode", "none") == "none"


@pytest.mark.parametrize("name", sorted(ALL))
def test_only_what_is_its_own_can_be_written(name):
    assert not [target for _, target, writable in COMPOSITION.mounts(name) if writable]


@pytest.mark.parametrize("name", sorted(ALL))
def test_everything_that_is_mounted_is_there(name):
    paths = [source for source, _, _ in COMPOSITION.mounts(name) if source.startswith(".")]
    assert all((DEPLOY / path).exists() for path in paths)
    named = {volume.split(":")[0] for volume in ALL[name].get("volumes", ()) if isinstance(volume, str)}
    assert {volume for volume in named if not volume.startswith(".")} <= set(COMPOSITION.content["volumes"])
    assert set(COMPOSITION.secrets(name).values()) <= set(COMPOSITION.content["secrets"])
    assert COMPOSITION.networks(name) <= set(COMPOSITION.content["networks"])
    assert set(ALL[name].get("depends_on", ())) <= set(ALL)


@pytest.mark.parametrize("name", sorted(ALL))
def test_images_have_a_version_and_no_registry(name):
    repository, _, tag = ALL[name]["image"].partition(":")
    assert "." not in repository.split("/")[0]
    assert re.search(r"\d", tag)


@pytest.mark.parametrize("name", sorted(ALL))
def test_files_that_are_named_are_mounted(name):
    """In environments and on command lines: scripts, settings, secrets."""
    service = ALL[name]
    given = [*COMPOSITION.environment(name).values(), *service.get("command", ()), *service.get("entrypoint", ())]
    given += service.get("healthcheck", {}).get("test", ())
    paths = {path for text in given for path in re.findall(r"(?:/run/secrets|/etc|/certs)/[\w./-]+", text)}
    there = {Path(target): DEPLOY / source for source, target, _ in COMPOSITION.mounts(name)}
    for path in paths:
        folders = [folder for folder in there if Path(path).is_relative_to(folder)]
        assert path in COMPOSITION.secrets(name) or any(
            (there[folder] / Path(path).relative_to(folder)).exists() for folder in folders
        )


@pytest.mark.parametrize("name", [*SERVICES, "topics", "tables"])
def test_every_setting_exists_and_secrets_are_files(name):
    environment = COMPOSITION.environment(name)
    assert {key for key in environment if key.startswith("FROTTIS_")} <= known_names()
    for key, value in environment.items():
        if re.search("PASSWORD|SECRET|KEY$", key):
            assert value in COMPOSITION.secrets(name)


@pytest.mark.parametrize("name", sorted(ALL))
def test_no_secret_stands_in_an_environment(name):
    for key, value in COMPOSITION.environment(name).items():
        if re.search("PASSWORD|SECRET|TOKEN", key):
            assert value.startswith("/run/secrets/")


@pytest.mark.parametrize("name", SERVICES)
def test_a_services_settings_are_taken_with_the_hosts_that_are_named(name, secrets, tmp_path, monkeypatch):
    image = Image.read(name).environment
    environment = {key: value for key, value in image.items() if key.startswith("FROTTIS_")}
    for key, value in COMPOSITION.environment(name).items():
        source = COMPOSITION.secrets(name).get(value)
        environment[key] = str(secrets / source) if source else value
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    for settings in (ProcessSettings, KafkaSettings, TracingSettings, ObjectSettings, DatabaseSettings, OWN.get(name)):
        if settings is not None:
            assert settings.load()


def test_only_the_gateway_reaches_the_lis_and_only_it_and_the_dashboard_are_published():
    assert [name for name in ALL if "lis" in COMPOSITION.networks(name)] == ["lis"]
    assert {name: service["ports"] for name, service in ALL.items() if "ports" in service} == {
        "lis": [f"{example()['FROTTIS_LIS_PUBLISH']}:2575"],
        "grafana": ["127.0.0.1:3000:3000"],
    }
    ways_out = {name for name, network in COMPOSITION.content["networks"].items() if not network.get("internal")}
    assert ways_out == {"lis", "desk", "outside"}
    assert {name for name in ALL if COMPOSITION.networks(name) & ways_out} == {
        "lis",
        "grafana",
        "alertmanager",
        "otel-collector",
    }


def test_the_share_is_read_and_never_written():
    share = next(volume for volume in ALL["ingestion"]["volumes"] if volume["target"] == "/share")
    assert share == {"type": "bind", "source": example()["FROTTIS_SHARE"], "target": "/share", "read_only": True}
    assert COMPOSITION.environment("ingestion")["FROTTIS_INGESTION_SHARE"] == "/share"


def test_a_stop_is_waited_for_longer_than_a_process_takes():
    stop_s = ProcessSettings.model_fields["stop_s"].default
    drain_s = KafkaSettings.model_fields["drain_s"].default
    assert all(int(ALL[name]["stop_grace_period"].removesuffix("s")) >= stop_s + drain_s for name in SERVICES)


def test_a_state_folder_has_the_room_that_readiness_asks_for():
    sizes = [
        int(re.search(r"^/state:size=(\d+)m", "\n".join(ALL[name]["tmpfs"]), re.MULTILINE)[1]) for name in SERVICES
    ]
    assert min(sizes) > 64


def test_services_start_after_topics_tables_and_bucket():
    for name in SERVICES:
        needs = {"topics"} | ({"tables"} if name in with_migrations() else set())
        needs |= {"bucket"} if "FROTTIS_OBJECTS_BUCKET" in COMPOSITION.environment(name) else set()
        assert ALL[name]["depends_on"] == {need: {"condition": "service_completed_successfully"} for need in needs}
