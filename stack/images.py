"""The image files in deploy/images, without an engine: what they copy, install and start, in a folder of this machine.

`python -m stack.images [NAME …]` takes the install steps of each image (or of those named) in a fresh virtual
environment, and starts what the image starts, without any of its servers: it must come up and say what it waits for.
"""

import json
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.composition import Composition, make_secrets
from stack.frottis import SERVICES
from stack.operations import answers, waits
from stack.ports import free_port
from stack.processes import ServerFailed, ServerProcess, run

ROOT = Path(__file__).resolve().parents[1]
FILES = ROOT / "deploy" / "images"
SUFFIX = ".Containerfile"
# Of the container's file system, in a folder here.
_INSIDE = re.compile(r"(?<![\w./-])/(?=(venv|app|build)\b)")
# Nobody is there, and the port for orders is a free one.
_LIS = {"FROTTIS_LIS_LIS_HOST": "127.0.0.1", "FROTTIS_LIS_LISTEN_HOST": "127.0.0.1", "FROTTIS_LIS_LISTEN_PORT": "0"}
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".mypy_cache")


@dataclass(frozen=True)
class Step:
    """An instruction of an image file, such as COPY, and its argument."""

    keyword: str
    argument: str


@dataclass(frozen=True)
class Image:
    """An image file: a stage that builds, and the stage that is kept."""

    name: str
    build: Sequence[Step]
    kept: Sequence[Step]

    @classmethod
    def read(cls, name: str) -> "Image":
        """The image of this name. Raises OSError, ValueError when it has not two stages."""
        steps = list(_steps((FILES / f"{name}{SUFFIX}").read_text("utf-8")))
        starts = [number for number, step in enumerate(steps) if step.keyword == "FROM"]
        first, second = starts
        return cls(name, steps[first:second], steps[second:])

    def kept_as(self, keyword: str) -> str:
        """The argument of an instruction that the kept stage has once. Raises ValueError."""
        (argument,) = [step.argument for step in self.kept if step.keyword == keyword]
        return argument

    @property
    def environment(self) -> Mapping[str, str]:
        """What its processes find in their environment."""
        return dict(part.split("=", 1) for part in shlex.split(self.kept_as("ENV")))

    @property
    def entrypoint(self) -> Sequence[str]:
        """The program that it starts."""
        command: list[str] = json.loads(self.kept_as("ENTRYPOINT"))
        return command

    def lay_out(self, folder: Path) -> None:
        """Copy what it copies: the lock to `build/lock`, the program to `app`. Raises OSError."""
        for step in self.build:
            if step.keyword == "COPY":
                _copy(shlex.split(step.argument), folder)

    def install(self, folder: Path) -> None:
        """Run what it runs, with this Python, and what pip fetched before. Raises ServerFailed."""
        for step in self.build:
            if step.keyword == "RUN":
                command = _INSIDE.sub(f"{folder}/", step.argument).replace("--no-cache-dir", "--quiet")
                run(["sh", "-c", re.sub(r"^python\b", shlex.quote(sys.executable), command)])

    def process(self, folder: Path, secrets: Path, python: Sequence[str | Path]) -> "ImageProcess":
        """What it starts, laid out in `folder`, by `python`, as the composition runs it but without any server."""
        return ImageProcess(self, folder, secrets, python)


class ImageProcess(ServerProcess):
    """The process of an image; ready when it answers, whatever it waits for."""

    def __init__(self, image: Image, folder: Path, secrets: Path, python: Sequence[str | Path]) -> None:
        self.operations_port = free_port()
        (folder / "share").mkdir()
        settings = Composition.read().here(image.name, secrets, folder / "share")
        own = {
            "FROTTIS_PROCESS_STATE": str(folder / "state"),
            "FROTTIS_PROCESS_OPERATIONS_HOST": "127.0.0.1",
            "FROTTIS_PROCESS_OPERATIONS_PORT": str(self.operations_port),
            **(_LIS if image.name == "lis" else {}),
        }
        command = shlex.join([*map(str, python), *image.entrypoint[1:]])
        super().__init__(
            image.name,
            ["sh", "-c", f"cd {shlex.quote(str(folder / 'app'))} && exec {command}"],
            log=folder / "log",
            ready=lambda: answers(self.operations_port, "/healthz"),
            environment={**settings, **own, "PYTHONDONTWRITEBYTECODE": "1"},
        )

    def waits(self) -> Mapping[str, str]:
        """What it waits for, by service and check. Raises OSError, HTTPException."""
        return waits(self.operations_port)


def images() -> list[str]:
    """The names of all images."""
    return sorted(path.name.removesuffix(SUFFIX) for path in FILES.glob(f"*{SUFFIX}"))


def _steps(text: str) -> Iterator[Step]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        keyword, argument = line.split(maxsplit=1)
        yield Step(keyword, argument)


def _copy(paths: Sequence[str], folder: Path) -> None:
    *sources, inside = paths
    target = folder / inside.strip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    for source in (ROOT / path for path in sources):
        if source.is_dir():
            shutil.copytree(source, target, ignore=_LEFT_OUT, dirs_exist_ok=True)
        elif inside.endswith("/"):
            target.mkdir(exist_ok=True)
            shutil.copy2(source, target)
        else:
            shutil.copy2(source, target)


def main(names: Sequence[str]) -> None:
    """Try the images; ends with an exit code and one sentence when one does not install or start."""
    with tempfile.TemporaryDirectory() as folder:
        secrets = Path(folder) / "secrets"
        make_secrets(secrets)
        for name in names or images():
            try:
                sys.stdout.write(f"{name}: {_tried(Image.read(name), Path(folder) / name, secrets)}\n")
            except ServerFailed as failure:
                sys.exit(f"{name}: {failure}")


def _tried(image: Image, folder: Path, secrets: Path) -> str:
    begun = time.monotonic()
    image.lay_out(folder)
    image.install(folder)
    size = sum(path.lstat().st_size for path in (folder / "venv").rglob("*")) >> 20
    installed = f"{size} MB of packages installed in {time.monotonic() - begun:.0f} s"
    if image.name not in SERVICES:
        return installed
    with image.process(folder, secrets, [folder / "venv" / "bin" / "python"]) as process:
        return f"{installed}; started, and waits for {', '.join(sorted(process.waits()))}"


if __name__ == "__main__":
    main(sys.argv[1:])
