"""`frottis dead-letters`: the messages that a service could not handle, looked at and given back."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToDict
from rich.console import Console
from rich.table import Table

from services.embedded.options import AsJson, State
from services.embedded.texts import console, shown
from services.embedded.worklist import require_state
from services.kit.kafka import KafkaSettings, KafkaTransport
from services.kit.local_log import LocalLog
from services.kit.process import ProcessSettings
from services.kit.topics import Unreadable, topics
from services.kit.transport import DeadLetter, DeadLetters, NoDeadLetter, NotReplayable, Transport

app = typer.Typer(
    name="dead-letters",
    help="Messages that a service could not handle, and that wait for a person.\n\n"
    "A dead letter is one step of one slide that failed for good: `list` says of what. Once the cause is mended, "
    "`replay` gives the message back to the service that rejected it.",
    no_args_is_help=True,
)


@app.command("list")
def list_command(state: State, as_json: AsJson = False) -> None:
    """List every dead letter, oldest first: of which service, since when, and why."""
    with open_dead_letters(state, to_read=True) as letters:
        found = letters.list()
    if as_json:
        typer.echo(json.dumps([facts(letter) for letter in found], indent=2))
    else:
        _print_table(found, console())


@app.command("show")
def show_command(
    letter_id: Annotated[str, typer.Argument(help="Number of the dead letter, as `list` shows it.")],
    state: State,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter with its message. Messages between services carry no patient."""
    with open_dead_letters(state, to_read=True) as letters:
        letter = find(letters, letter_id)
    told = {**facts(letter), **content(letter)}
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    for name, value in told.items():
        typer.echo(f"{name:>10}  {json.dumps(value, indent=2) if isinstance(value, dict) else value}")


@app.command("replay")
def replay_command(
    state: State,
    letter_ids: Annotated[
        list[str] | None, typer.Argument(help="Numbers of dead letters, as `list` shows them.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Replay every dead letter.")] = False,
) -> None:
    """Give dead letters back to the service that rejected them, also while Frottis runs.

    A message that still cannot be handled becomes a dead letter again.
    """
    if every == bool(letter_ids):
        raise typer.BadParameter("give the numbers of dead letters, or --all")
    with open_dead_letters(state) as letters:
        wanted = [letter.letter_id for letter in letters.list()] if every else letter_ids or []
        problems = replay(letters, wanted)
    for problem in problems:
        typer.echo(f"frottis: {problem}", err=True)
    typer.echo(f"{len(wanted) - len(problems)} replayed", err=True)
    if problems:
        raise typer.Exit(4 if isinstance(problems[0], NoDeadLetter) else 3)


@contextmanager
def open_dead_letters(state: Path, *, to_read: bool = False) -> Iterator[DeadLetters]:
    """The dead letters of a state folder or of Kafka, beside a running Frottis or without one. Raises NoState.

    `to_read` needs neither room nor permission to write in the folder.
    """
    transport = _open_transport(state, to_read)
    try:
        yield transport.dead_letters()
    finally:
        transport.close()


def find(letters: DeadLetters, letter_id: str) -> DeadLetter:
    """One dead letter. Raises NoDeadLetter."""
    for letter in letters.list():
        if letter.letter_id == letter_id:
            return letter
    raise NoDeadLetter(f"there is no dead letter {letter_id}: see `frottis dead-letters list`")


def replay(letters: DeadLetters, letter_ids: Sequence[str]) -> Sequence[NoDeadLetter | NotReplayable]:
    """Replay each; returns what was wrong with those that could not be."""
    problems: list[NoDeadLetter | NotReplayable] = []
    for letter_id in letter_ids:
        try:
            letters.replay(letter_id)
        except (NoDeadLetter, NotReplayable) as problem:
            problems.append(problem)
    return problems


def facts(letter: DeadLetter) -> Mapping[str, object]:
    """What is known of a dead letter, JSON-ready; times in ISO 8601, null where there is none."""
    return {
        "id": letter.letter_id,
        "topic": letter.topic,
        "service": letter.group,
        "key": letter.key,
        "reason": letter.reason,
        "rejected_at": _iso(letter.at),
        "attempts": letter.attempts,
        "deadline": _iso(letter.deadline),
        "headers": dict(letter.headers),
    }


def content(letter: DeadLetter) -> Mapping[str, object]:
    """The message as in proto/frottis/v1; where it is none, `message` is null and `bytes` holds it in base64."""
    try:
        message = topics()[letter.topic].decode(letter.value)
    except (Unreadable, KeyError):
        return {"message": None, "bytes": base64.b64encode(letter.value).decode("ascii")}
    return {"message": MessageToDict(message, preserving_proto_field_name=True)}


def _open_transport(state: Path, to_read: bool) -> Transport:
    if ProcessSettings.load(state=state).transport == "kafka":
        return KafkaTransport(KafkaSettings.load())
    require_state(state, "messages.db")
    return LocalLog(state / "messages.db", to_read=to_read)


def _print_table(letters: Sequence[DeadLetter], out: Console) -> None:
    table = Table("id", "service", "topic", "key", "rejected", "attempts", "why")
    for letter in letters:
        when = f"{letter.at.astimezone():%Y-%m-%d %H:%M:%S}"
        names = (letter.letter_id, letter.group, letter.topic, shown(letter.key))
        table.add_row(*names, when, str(letter.attempts), shown(letter.reason))
    out.print(table if letters else "No message was rejected.")


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
