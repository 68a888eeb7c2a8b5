"""A whole chaos run: an undisturbed reading first, then the stack under faults, then the count."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from services.embedded.assembly import Address
from services.kit.topics import topics
from services.kit.transport import DeadLetter
from stack.chaos.disks import NoSmallDisk, small_disk
from stack.chaos.faults import Faults, Victim
from stack.chaos.plan import Fault, Kind, Victims, plan
from stack.chaos.poison import POISON
from stack.chaos.run import Hospital, NotHealed, Run
from stack.chaos.slides import PACE, Films, Said
from stack.chaos.verdict import Line, Outcome, judged, table
from stack.deployment import Deployment
from stack.lis import LisProcess
from stack.ports import free_port
from stack.processes import ServerFailed, ServerProcess

REPLICAS = {"ingestion": 2, "analysis": 2, "reasoning": 2, "lis": 2}
# How the LIS is for a while: shares of its messages, each way for itself and some together.
MOODS = ("silent", "slow", "ae:0.2", "ar:0.5", "garbage", "late", "close:0.4 half:0.4", "foreign:0.5 twice:0.3")
# A frozen process is taken for dead before it thaws: by Kafka, and by the replicas that wait for its leases (that of
# the LIS gateway passes to another after one and a half of it).
FREEZE_S = 9.0
PATIENCE = {
    "FROTTIS_KAFKA_SESSION_TIMEOUT_S": "6",
    "FROTTIS_LIS_LEASE_S": "4",
    "FROTTIS_INGESTION_TAKEOVER_S": "6",
}
# What the pixels of all slides take, and some more.
PIXELS_MB = 600


@dataclass(frozen=True)
class Campaign:
    """What is asked for: where to, which seed, so many slides and kills."""

    folder: Path
    seed: int
    slides: int
    kills: int


def campaign(wanted: Campaign, console: Console) -> bool:
    """Run it and print what came of it; True when nothing was lost, doubled or wrong, and nothing ended by itself.

    Raises ServerMissing, ServerFailed.
    """
    films = Films()
    slides = films.slides(wanted.slides, "c")
    with _environment(PACE | PATIENCE), ExitStack() as opened:
        with console.status("reading each film once, undisturbed …"):
            undisturbed = films.undisturbed(wanted.folder / "undisturbed")
        _require_difference(undisturbed)
        share = wanted.folder / "share"
        share.mkdir(parents=True)
        address = Address("127.0.0.1", free_port())
        deployment = Deployment(wanted.folder / "state", share, address, REPLICAS)
        lis = opened.enter_context(LisProcess(wanted.folder / "lis", address, deployment.orders, wanted.seed))
        disks = _disks(deployment, opened, console)
        engine = opened.enter_context(deployment.running(lambda line: console.print(line, highlight=False)))
        faults = Faults(_victims(deployment, lis), disks)
        hospital = Hospital(engine, deployment.servers.kafka_settings(), lis, share)
        run = Run(hospital, films, slides, faults, lambda line: console.print(line, highlight=False))
        healed = _went(run, list(plan(wanted.seed, wanted.kills, _strikes(deployment, lis, disks), FREEZE_S)), console)
        lines = [
            judged(slide, run.entries().get(slide.scan), lis.received(slide.placer), undisturbed) for slide in slides
        ]
        letters, counted = run.dead_letters(), lis.total()
    console.print(_faults_table(faults), table(lines))
    for name, words in faults.last_words.items():
        console.print(f"{name} ended by itself, and said at last:\n{words}", markup=False, highlight=False)
    console.print(_summary(lines, run, len(letters)), f"The LIS's own count: {counted}", sep="\n", highlight=False)
    sound = all(line.outcome.sound for line in lines) and _faultless(counted) and _poison_alone(letters)
    return healed and sound and not faults.ended


def _require_difference(undisturbed: Mapping[str, Said]) -> None:
    if len({tuple(results) for results in undisturbed.values()}) < len(undisturbed):
        raise ServerFailed("the films give the same report: one in the place of another would not be seen")


def _faultless(counted: Mapping[str, int]) -> bool:
    """The LIS holds nothing against any message, also of orders that are none of the run's."""
    return not any(counted[name] for name in ("faulty", "conflicts", "no_message"))


def _poison_alone(letters: Sequence[DeadLetter]) -> bool:
    """Of every topic each of its readers has set the poison aside, and nothing else."""
    aside = {(letter.topic, letter.group) for letter in letters}
    readers = {(topic.name, group) for topic in topics().values() for group in topic.consumers}
    return aside == readers and all(letter.key.startswith(POISON) for letter in letters)


def _went(run: Run, faults: Sequence[Fault], console: Console) -> bool:
    """False when something did not heal: what came of the rest is counted all the same."""
    try:
        run.go(faults)
    except NotHealed as why:
        console.print(f"NOT HEALED: {why}", markup=False)
        return False
    return True


def _victims(deployment: Deployment, lis: LisProcess) -> Mapping[str, Victim]:
    """Everything that runs, by name."""
    servers = deployment.servers
    plain: Sequence[ServerProcess] = (
        *deployment.services.values(),
        *deployment.further,
        servers.kafka,
        servers.postgres,
        servers.s3,
        lis,
    )
    victims = {process.name: Victim(process, process.launch) for process in plain}
    return {**victims, servers.triton.process.name: Victim(servers.triton.process, servers.triton.launch)}


def _strikes(deployment: Deployment, lis: LisProcess, disks: Mapping[str, Path]) -> Victims:
    workers = [process.name for process in (*deployment.services.values(), *deployment.further)]
    return Victims(killed=[*_victims(deployment, lis)], frozen=workers, disks=[*disks], moods=MOODS)


def _disks(deployment: Deployment, opened: ExitStack, console: Console) -> Mapping[str, Path]:
    """The disk of the pixels, small; none where it cannot be mounted, and told so."""
    pixels = deployment.servers.s3.objects
    try:
        opened.enter_context(small_disk(pixels, PIXELS_MB))
    except NoSmallDisk as why:
        console.print(f"NO FULL DISK in this run: none can be mounted here ({why})", markup=False)
        return {}
    return {"pixels": pixels}


@contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Within, processes that are started have these settings, unless they are set already."""
    added = {name: value for name, value in settings.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _faults_table(faults: Faults) -> Table:
    """How often each was struck, and in which way."""
    shown = Table("struck", *Kind, "ended by itself (exit code)", title="Every fault")
    targets = sorted({target for target, _ in faults.struck} | {name for name, _ in faults.ended})
    for target in targets:
        ended = ", ".join(f"{count} x ({code})" for (name, code), count in faults.ended.items() if name == target)
        shown.add_row(target, *(str(faults.struck[target, kind] or "") for kind in Kind), ended)
    return shown


def _summary(lines: Sequence[Line], run: Run, letters: int) -> str:
    counted = Counter(str(line.outcome) for line in lines)
    ends = ", ".join(f"{counted[outcome]} {outcome}" for outcome in Outcome)
    return (
        f"{len(lines)} slides: {ends}.\n{run.kills} kills; {run.doubled} messages delivered twice; "
        f"{run.poisoned} poisoned deliveries, {letters} dead letters"
    )
