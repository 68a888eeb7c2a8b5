"""A server as a child process: started until ready, its output in a file, stopped in order or killed.

ServerFailed: it ended, or was not ready in time; the message ends with the last lines of its log.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

# Between two looks at whether a server is ready; its end is noticed at once.
PROBE_EVERY_S = 0.1
LOG_LINES_TOLD = 20


class ServerFailed(Exception):
    """A server did not start, or ended by itself."""


class ServerProcess:
    """One server. Everything it starts is in its own process group, and dies with the thread that started it.

    As a context manager it is started on entering and stopped on leaving. `start` after `stop` or `kill` starts it
    again on the same folders and ports.
    """

    # The signal that asks it to end.
    _asking = signal.SIGTERM

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        ready: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
        ready_within_s: float = 120.0,
    ) -> None:
        self.name = name
        self.log = log
        self._command = [str(part) for part in command]
        self._ready = ready
        self._environment = {**os.environ, **(environment or {})}
        self._ready_within_s = ready_within_s
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """It was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def ready(self) -> bool:
        """It runs, and is ready now."""
        return self.running and self._ready()

    @property
    def exit_code(self) -> int | None:
        """What it ended with, if it ended by itself; negative for a signal's number."""
        return None if self._process is None else self._process.poll()

    @property
    def pid(self) -> int:
        """The process id. Raises ServerFailed when it was never started."""
        return self._started().pid

    def start(self) -> None:
        """Start, and return when it is ready. Raises ServerFailed."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start without waiting, so that several servers come up at the same time."""
        if self.running:
            return
        self._asked = False
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the command is a list of ours, no shell reads it
                [*_dying_with_this_thread(), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Return when it is ready. Raises ServerFailed, having killed it, when it ends or takes too long."""
        process = self._started()
        for _ in range(int(self._ready_within_s / PROBE_EVERY_S)):
            if self._ready():
                return
            try:
                code = process.wait(PROBE_EVERY_S)
            except subprocess.TimeoutExpired:
                continue
            raise ServerFailed(f"{self.name} ended with code {code} at its start:\n{self.log_tail()}")
        self.kill()
        raise ServerFailed(f"{self.name} was not ready within {self._ready_within_s} s:\n{self.log_tail()}")

    def terminate(self) -> None:
        """Ask it to end, once, without waiting, so that several end beside each other before each is stopped."""
        if self.running and not self._asked:
            self._asked = True
            self.thaw()
            os.kill(self.pid, self._asking)

    def stop(self, within_s: float = 30.0) -> None:
        """Ask it to end, and kill what has not ended `within_s` seconds later."""
        if self._process is None:
            return
        self.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(within_s)
        self.kill()

    def kill(self) -> None:
        """End it, and all that it started, as `kill -9` does."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Hold it (SIGSTOP), as a machine that swaps or a virtual machine that is moved does."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def log_tail(self) -> str:
        """The last lines that it wrote."""
        if not self.log.exists():
            return "(no output)"
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES_TOLD:])

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._started().pid, number)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ServerFailed(f"{self.name} was not started")
        return self._process


def run(command: Sequence[str | Path]) -> str:
    """What a command prints. Raises ServerFailed with its last words when it fails."""
    done = subprocess.run(  # noqa: S603 - the command is a list of ours, no shell reads it
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ServerFailed(f"{command[0]} ended with code {done.returncode}: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


def _dying_with_this_thread() -> list[str]:
    """No server is left behind by a test run that was killed: Linux ends it with the thread that started it."""
    return ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
