"""The gateway's tasks in a process that a test can kill: FOLDER LIS_HOST LIS_PORT [LEASE_S].

Writes its port when it listens. With LEASE_S it is one of several replicas.
"""

import sys
import threading
from pathlib import Path

from services.kit.clock import SystemClock
from services.kit.database import Database
from services.kit.objects import Objects
from services.kit.service import Resources
from services.kit.stop import Stop
from services.kit.telemetry import Metrics
from services.lis.settings import LisSettings
from services.lis.wiring import SERVER, build


def main(folder: Path, host: str, port: int, lease_s: float | None) -> None:
    lease = {} if lease_s is None else {"lease_s": lease_s}
    settings = LisSettings.load(
        lis_host=host, lis_port=port, listen_port=0, retry_first_s=0.05, ack_timeout_s=5.0, **lease
    )

    def database(name, metadata):
        opened = Database.in_file(folder / f"{name}.db", metadata)
        opened.exclusive = lease_s is None
        return opened

    service = build(settings, Resources(SystemClock(), Metrics(), Objects.in_memory(), database))
    stop = Stop()
    for task in service.tasks.values():
        threading.Thread(target=task, args=(stop,), daemon=True).start()
    service.tasks[SERVER].listening.wait(30)
    sys.stdout.write(f"{service.tasks[SERVER].address[1]}\n")
    sys.stdout.flush()
    renewal = next(timer for timer in service.timers if timer.name == "sender lease")
    while not stop.wait(renewal.every_s):
        list(renewal.run())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]) if sys.argv[4:] else None)
