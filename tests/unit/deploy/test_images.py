"""What each image holds is what its service needs, and nothing else; checked without an engine."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from services.kit.http import operations_app
from services.kit.migrate import with_migrations
from services.kit.telemetry import Metrics
from stack.composition import Composition
from stack.frottis import SERVICES
from stack.images import FILES, Image, images
from tests.unit.deploy.confined import normal
from tests.unit.deploy.promql import ROOT

CONFINED = Path(__file__).with_name("confined.py")
COMPOSITION = Composition.read()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
# Run beside the service's own process.
CHILDREN = {"ingestion": "services.ingestion.slides.foreign.worker"}
# By what is run of it: the name in the composition whose settings it is given, or none.
JOBS = {
    "services.kit.make_topics": None,
    "services.kit.migrate": "tables",
    "services.analysis.triton_repository": None,
    "alembic.command": None,
}


@pytest.fixture
def laid_out(tmp_path):
    def lay_out(name):
        Image.read(name).lay_out(tmp_path)
        return tmp_path

    return lay_out


def listed(group):
    """The packages that a dependency group names."""
    for entry in PYPROJECT["dependency-groups"][group]:
        if isinstance(entry, str):
            yield normal(re.split(r"[\[=<>~! ]", entry)[0])
        else:
            yield from listed(entry["include-group"])


def confined(folder, module, settings=None):
    """Run a module with what the image has alone; what it said, and the packages that it used."""
    command = [sys.executable, CONFINED, folder / "build" / "lock", folder / "used.json", "-m", module]
    environment = {**os.environ, **(settings or {})}
    done = subprocess.run(
        command, cwd=folder / "app", env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    return done.stderr, set(json.loads((folder / "used.json").read_text("utf-8")))


def test_every_service_has_an_image():
    assert set(images()) == {*SERVICES, "setup"}


def test_locks_are_current():
    done = subprocess.run([sys.executable, FILES / "locks", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_with_its_image_alone_and_says_what_it_waits_for(name, laid_out, secrets):
    folder = laid_out(name)
    python = [sys.executable, CONFINED, folder / "build" / "lock", folder / "used.json"]
    with Image.read(name).process(folder, secrets, python) as process:
        waits = {check.partition("/")[2] for check in process.waits()}
    assert "kafka" in waits
    assert ("models warm" in waits) == (name == "analysis")
    used = set(json.loads((folder / "used.json").read_text("utf-8")))
    if name in CHILDREN:
        used |= confined(folder, CHILDREN[name])[1]
    assert set(listed(name)) - used == set()


def test_the_jobs_run_with_the_image_of_setup_alone(laid_out, secrets):
    folder = laid_out("setup")
    used = set()
    for module, job in JOBS.items():
        said, own = confined(folder, module, COMPOSITION.here(job, secrets, folder) if job else None)
        assert "Traceback" not in said
        used |= own
    assert set(listed("setup")) - used == set()


def test_setup_holds_the_tables_of_every_service_that_keeps_some(laid_out):
    services = laid_out("setup") / "app" / "services"
    assert sorted(folder.parent.name for folder in services.glob("*/migrations")) == with_migrations()
    assert all((services / name / "tables.py").exists() for name in with_migrations())


@pytest.mark.parametrize("name", images())
def test_an_image_takes_its_version_from_the_project(name):
    assert "pyproject.toml" in " ".join(step.argument for step in Image.read(name).build)


@pytest.mark.parametrize("name", images())
def test_what_an_image_copies_is_there_and_sent_to_the_engine(name):
    lines = (ROOT / ".dockerignore").read_text("utf-8").split()
    sent = {path for line in lines if line.startswith("!") for path in ROOT.glob(line[1:])}
    kept_back = {ROOT / line for line in lines[1:] if not line.startswith("!")}
    sources = [
        ROOT / path for step in Image.read(name).build if step.keyword == "COPY" for path in step.argument.split()[:-1]
    ]
    assert lines[0] == "*"
    for source in sources:
        assert source.exists()
        assert {source, *source.parents} & sent
        assert not {source, *source.parents} & kept_back


@pytest.mark.parametrize("name", images())
def test_an_image_is_kept_without_what_built_it_and_runs_as_nobody_in_particular(name):
    image = Image.read(name)
    copied = [step.argument for step in image.kept if step.keyword == "COPY"]
    assert copied == ["--from=build /venv /venv", "--from=build /app /app"]
    assert image.kept_as("USER") == "10001:10001"
    assert image.build[0].argument == "${PYTHON} AS build"
    installed = next(step.argument for step in image.build if "install" in step.argument)
    assert "--require-hashes" in installed
    assert "--no-deps" in installed


@pytest.mark.parametrize("path", sorted(FILES.glob("*")), ids=lambda path: path.name)
def test_no_file_names_a_registry(path):
    if path.is_file():
        assert not re.search(r"https?://(?!127\.0\.0\.1)|--index-url|\.io/|@sha256", path.read_text("utf-8"))


@pytest.mark.parametrize("name", SERVICES)
def test_the_health_check_asks_what_the_service_answers(name):
    image = Image.read(name)
    port, path = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", image.kept_as("HEALTHCHECK")).groups()
    routes = {route.path for route in operations_app([], Metrics(), lambda: None).routes}
    assert path == "/readyz"
    assert path in routes
    assert image.environment["FROTTIS_PROCESS_OPERATIONS_PORT"] == port
    assert port in image.kept_as("EXPOSE").split()
