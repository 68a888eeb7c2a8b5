"""Makes the models: ``python -m services.training COMMAND``; ``--help`` says which there are and what each does.

Exit status: 0 done, 1 the data or models do not allow it (the message says why), 2 wrong arguments.
"""

import argparse
import importlib
import logging
import sys
from pathlib import Path
from types import ModuleType

from services.training import gate, left_out
from services.training.cards import write_card
from services.training.classifier.design import DESIGNS
from services.training.description import MODELS
from services.training.errors import TrainingError
from services.training.manifest import MANIFESTS, make, verified, write
from services.training.sources import ALL_SOURCES, MODEL_SOURCES

NAMES = tuple(MODEL_SOURCES)
CANDIDATES = Path("out/candidates")


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns the exit status."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("services").setLevel(logging.INFO)
    chosen = _parser().parse_args(arguments)
    try:
        _COMMANDS[chosen.command](chosen)
    except TrainingError as error:
        print(f"{chosen.command}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.training", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    split = commands.add_parser("split", help="divide the data sets anew and write their manifests")
    train = commands.add_parser("train", help="fit models, calibrate and export them, then evaluate them")
    train.add_argument("--work", type=Path, default=Path("out/training"), help="folder for weights and logs")
    train.add_argument("--export-only", action="store_true", help="use the weights of the last training")
    leaving = commands.add_parser(
        "leave-out", help="fit a classifier without a class or a set, and record what becomes of it"
    )
    leaving.add_argument("model", choices=sorted(DESIGNS))
    what = leaving.add_mutually_exclusive_group(required=True)
    what.add_argument("--class", dest="left_class", metavar="NAME")
    what.add_argument("--set", dest="left_set", metavar="NAME")
    leaving.add_argument("--into", type=Path, default=Path("out/left_out"), help="folder for the models")
    evaluate = commands.add_parser("evaluate", help="measure released models on the test part and write their cards")
    compare = commands.add_parser("compare", help="compare candidates with the released models; status 1 if worse")
    release = commands.add_parser("release", help="compare candidates, and release those that are nowhere worse")
    for command in (train, leaving):
        command.add_argument("--epochs", type=int, help="passes over the training part (default: the model's own)")
        command.add_argument("--seed", type=int, default=1)
        command.add_argument("--threads", type=int, default=2, help="processor threads (default: 2)")
    for command in (train, evaluate, compare, release):
        command.add_argument(
            "model", nargs="*", choices=[*NAMES, []], metavar="MODEL", help=f"any of {', '.join(NAMES)}; all if none"
        )
    for command in (compare, release):
        command.add_argument("--json", action="store_true", help="print the figures as JSON")
    for command in (train, compare, release):
        command.add_argument("--candidates", type=Path, default=CANDIDATES, help=f"new models (default: {CANDIDATES})")
    for command in (evaluate, compare, release):
        command.add_argument("--models", type=Path, default=MODELS, help=f"released models (default: {MODELS})")
    for command in (split, train, leaving, evaluate, compare, release):
        command.add_argument("--data", type=Path, required=True, help="folder with the data sets")
    return parser


def _split(chosen: argparse.Namespace) -> None:
    for source in ALL_SOURCES:
        print(write(make(chosen.data, source), MANIFESTS).name)


def _train(chosen: argparse.Namespace) -> None:
    runs = _runs()
    for name in chosen.model or NAMES:
        run = runs.Run(name, chosen.data, chosen.candidates / name, chosen.work / name, chosen.seed, chosen.threads)
        runs.train(run, chosen.epochs, chosen.export_only)
        print(write_card(name, chosen.data, chosen.candidates / name))


def _leave_out(chosen: argparse.Namespace) -> None:
    runs, design = _runs(), DESIGNS[chosen.model]
    left = ("class", chosen.left_class) if chosen.left_class else ("set", chosen.left_set)
    folder = chosen.into / "-".join(left) / chosen.model
    run = runs.Run(chosen.model, chosen.data, folder, folder / "work", chosen.seed, chosen.threads)
    runs.train(run, chosen.epochs, export_only=False, design=left_out.without(design, *left))
    manifests = {source: verified(chosen.data, source) for source in MODEL_SOURCES[chosen.model]}
    found = left_out.judge(design, left, chosen.data, manifests, folder)
    left_out.record(found)
    print(left_out.section([found]))


def _runs() -> ModuleType:
    """The module that fits models. Raises TrainingError where torch is not installed."""
    try:
        return importlib.import_module("services.training.runs")
    except ModuleNotFoundError as error:
        raise TrainingError(f"{error.name} is missing; install the dependency group `train`") from error


def _evaluate(chosen: argparse.Namespace) -> None:
    for name in chosen.model or NAMES:
        print(write_card(name, chosen.data, chosen.models / name))


def _compare(chosen: argparse.Namespace) -> None:
    for name in chosen.model or NAMES:
        found = gate.compare(name, chosen.data, chosen.models / name, chosen.candidates / name)
        print(gate.as_json(found) if chosen.json else f"{name}\n\n{gate.as_text(found)}")
        gate.check(name, found)


def _release(chosen: argparse.Namespace) -> None:
    _compare(chosen)
    for name in chosen.model or NAMES:
        gate.install(chosen.models / name, chosen.candidates / name)


_COMMANDS = {
    "split": _split,
    "train": _train,
    "leave-out": _leave_out,
    "evaluate": _evaluate,
    "compare": _compare,
    "release": _release,
}

if __name__ == "__main__":
    sys.exit(main())
