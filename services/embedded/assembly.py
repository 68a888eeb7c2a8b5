"""All services in one process over one state folder: the embedded default, wired."""

import time
from dataclasses import dataclass
from pathlib import Path

from services.analysis import wiring as analysis
from services.analysis.settings import AnalysisSettings
from services.ingestion import wiring as ingestion
from services.ingestion.settings import IngestionSettings
from services.kit.errors import SettingsError, TransientError
from services.kit.process import Process, ProcessSettings
from services.lis import wiring as lis
from services.lis.mllp.server import Server
from services.lis.settings import LisSettings
from services.reasoning import wiring as reasoning
from services.reasoning.settings import ReasoningSettings
from services.review import wiring as review

START_S = 30.0
LOOK_S = 0.25


@dataclass(frozen=True)
class Address:
    """A host and a TCP port; port 0 listens on a free one."""

    host: str
    port: int


@dataclass(frozen=True)
class Options:
    """What `frottis run` is told on the command line; everything else comes from the environment."""

    share: Path
    state: Path
    lis: Address
    listen: Address
    operations: Address
    um_per_px: float | None = None


def orders_address(process: Process) -> Address:
    """Where a process of `assemble` takes orders, once it is ready."""
    server = process.services[lis.NAME].tasks[lis.SERVER]
    if not isinstance(server, Server):
        raise TypeError(f"the task {lis.SERVER} of {lis.NAME} is no server")
    until = time.monotonic() + START_S
    while not (server.listening.wait(LOOK_S) or process.runner.stopping.is_set() or time.monotonic() > until):
        continue
    if not server.listening.is_set():
        raise TransientError(f"the port for orders did not open within {START_S:.0f} s")
    return Address(*server.address)


def assemble(options: Options) -> Process:
    """Every service, in the order in which they start: messages' receivers first.

    Raises SettingsError, and StateInUse when one of them already runs on the state folder.
    """
    own = ProcessSettings.load(
        state=options.state,
        transport="local",
        operations_host=options.operations.host,
        operations_port=options.operations.port,
    )
    resolution = {} if options.um_per_px is None else {"um_per_px": options.um_per_px}
    shares = IngestionSettings.load(share=options.share, **resolution)
    lines = LisSettings.load(
        lis_host=options.lis.host,
        lis_port=options.lis.port,
        listen_host=options.listen.host,
        listen_port=options.listen.port,
    )
    cells, rules = AnalysisSettings.load(), ReasoningSettings.load()
    _require_agreement(shares, rules)
    return Process(
        own,
        {
            lis.NAME: lambda resources: lis.build(lines, resources),
            "review": review.build,
            "reasoning": lambda resources: reasoning.build(rules, resources),
            "analysis": lambda resources: analysis.build(cells, resources),
            "ingestion": lambda resources: ingestion.build(shares, resources),
        },
    )


def _require_agreement(shares: IngestionSettings, rules: ReasoningSettings) -> None:
    """What ingestion reads for is what reasoning decides by. Raises SettingsError."""
    for name in ("leukocytes", "erythrocytes", "stat_promise_s"):
        if getattr(shares, name) != getattr(rules, name):
            setting = name.upper()
            raise SettingsError(f"FROTTIS_INGESTION_{setting} and FROTTIS_REASONING_{setting} must be the same")
