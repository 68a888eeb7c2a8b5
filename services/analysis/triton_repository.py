"""Models laid out for a Triton server: its configuration beside each model, and new versions beside the old."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.analysis.errors import ModelUnusable
from services.analysis.models import MODELS, ModelRepository, sha256_of
from services.analysis.onnx_runtime import session
from services.analysis.triton_config import (
    SERVED_VERSIONS,
    Serving,
    Signature,
    Tensor,
    config_text,
    description,
    descriptions_of,
    parse_config,
)

CONFIG = "config.pbtxt"
GRAPH = "model.onnx"
PYTHON_MODEL = "model.py"

_TYPES = {"tensor(uint8)": "TYPE_UINT8", "tensor(float)": "TYPE_FP32"}


def signature_of(name: str, graph: Path) -> Signature:
    """What a graph takes and gives. Raises ModelUnusable, also when Triton could not batch it."""
    loaded = session(name, graph, threads=1)
    return Signature(_tensors(name, loaded.get_inputs()), _tensors(name, loaded.get_outputs()))


def configurations(models: Path) -> dict[str, str]:
    """The `config.pbtxt` of each model of the folder, each with its version 1. Raises ModelUnusable."""
    repository = ModelRepository(models)
    texts = {}
    for name in MODELS:
        descriptions = {1: description(repository.card(name))}
        texts[name] = config_text(name, signature_of(name, repository.file(name)), descriptions, Serving())
    return texts


def install(models: Path, target: Path, serving: Serving, python_model: Path | None = None) -> dict[str, int]:
    """Put the models of a release into a server's repository; the version of each there.

    Weights, or a description of them, that the repository does not hold become a new version beside the one before;
    older ones are removed. A version that is there is never written to: a running server, and whoever asked it, may
    rely on what a number means.
    `python_model` is the program of Triton's Python backend. Raises ModelUnusable, OSError.
    """
    repository = ModelRepository(models)
    versions = {}
    for name in MODELS:
        card, graph, folder = description(repository.card(name)), repository.file(name), target / name
        folder.mkdir(parents=True, exist_ok=True)
        there = _installed(folder)
        version = next((number for number, known in there.items() if known == card), max(there, default=0) + 1)
        kept = dict(sorted({**there, version: card}.items())[-SERVED_VERSIONS:])
        # The description comes before the weights: a server that looks by itself must not find weights without one.
        _write(folder / CONFIG, config_text(name, signature_of(name, graph), kept, serving))
        _add_version(folder, version, graph, python_model)
        _remove_others(folder, kept)
        versions[name] = version
    return versions


def _installed(folder: Path) -> dict[int, str]:
    """The descriptions of the versions whose weights lie there. Raises ModelUnusable."""
    path = folder / CONFIG
    if not path.exists():
        return {}
    known = descriptions_of(parse_config(path.read_text("utf-8")))
    return {version: text for version, text in known.items() if _graph(folder, version)}


def _graph(folder: Path, version: int) -> bool:
    return (folder / str(version) / GRAPH).exists()


def _add_version(folder: Path, version: int, graph: Path, python_model: Path | None) -> None:
    if _graph(folder, version):
        return
    # Triton passes over folders whose names are no numbers.
    unfinished = folder / f"{version}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    shutil.copyfile(graph, unfinished / GRAPH)
    if python_model:
        shutil.copyfile(python_model, unfinished / PYTHON_MODEL)
    if sha256_of(unfinished / GRAPH) != sha256_of(graph):
        raise ModelUnusable(f"model {folder.name!r}: {graph} changed while it was copied: install it again")
    unfinished.rename(folder / str(version))


def _remove_others(folder: Path, kept: Mapping[int, str]) -> None:
    for version in folder.iterdir():
        if version.name.isdecimal() and int(version.name) not in kept:
            shutil.rmtree(version)


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text, "utf-8")
    unfinished.replace(path)


def _tensors(name: str, nodes: Any) -> tuple[Tensor, ...]:
    return tuple(_tensor(name, node) for node in nodes)


def _tensor(name: str, node: Any) -> Tensor:
    batch, *item = node.shape
    if isinstance(batch, int) or not all(isinstance(length, int) for length in item) or node.type not in _TYPES:
        raise ModelUnusable(
            f"model {name!r}: {node.name!r} is a {node.type} of {node.shape}; Triton's batches need a free first axis, "
            f"fixed others and one of {', '.join(_TYPES)}: export the model again"
        )
    return Tensor(node.name, _TYPES[node.type], tuple(item))
