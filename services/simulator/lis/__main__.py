"""The simulated LIS as a process of its own, which may be killed at any moment and started again on its journal.

    python -m services.simulator.lis --journal FILE --listen HOST:PORT
        [--orders HOST:PORT --wishes FILE] [--behaviour WORDS] [--slow-s S] [--seed N] [--control FILE]
    python -m services.simulator.lis --journal FILE --tally

The first takes reports until SIGINT or SIGTERM. It writes a line of JSON once it listens, `{"listen": "HOST:PORT"}`,
and its count at the end; the second writes the count of a journal, also of one in use. Exit codes: 0 done, 1 a defect,
2 wrong usage, 3 the journal, the wishes or the port cannot be used.
"""

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from services.simulator.errors import SimulatorError
from services.simulator.lis.journal import Journal
from services.simulator.lis.mood import WORDS, Mood, MoodError, parse_words
from services.simulator.lis.placing import Placing, placed
from services.simulator.lis.simulator import LisSimulator
from services.simulator.lis.tally import tally_of

WRONG_USAGE, UNUSABLE = 2, 3


def main() -> int:
    """Run; the exit code."""
    options = _options()
    try:
        if not options.tally:
            _serve(options)
        _tell(tally_of(options.journal))
    except MoodError as error:
        return _failed(error, WRONG_USAGE)
    except (SimulatorError, OSError) as error:
        return _failed(error, UNUSABLE)
    return 0


def _serve(options: argparse.Namespace) -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    mood = Mood(parse_words(options.behaviour), options.seed, options.slow_s, options.control)
    journal = Journal(options.journal)
    host, port = options.listen
    # Reports of orders that were placed before a restart are known from the first moment.
    with LisSimulator(host, port, journal, mood, placed(journal)) as lis:
        _tell({"listen": "{}:{}".format(*lis.address)})
        if options.orders is None:
            stop.wait()
        else:
            Placing(options.orders, journal, lis.expect).run(options.wishes, stop)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.simulator.lis", description="A simulated LIS.")
    parser.add_argument("--journal", type=Path, required=True, help="file of everything received, kept over restarts")
    parser.add_argument("--listen", type=_address, default=("127.0.0.1", 0), help="HOST:PORT; port 0 takes a free one")
    parser.add_argument("--orders", type=_address, help="HOST:PORT where Frottis takes orders")
    parser.add_argument("--wishes", type=Path, help="file of orders to place, one JSON object a line; it may grow")
    parser.add_argument("--behaviour", default="normal", help=f"words such as 'ae:0.1 silent': {', '.join(WORDS)}")
    parser.add_argument("--control", type=Path, help="file whose words, while it is there, stand for --behaviour")
    parser.add_argument("--slow-s", type=float, default=2.0, help="s that a slow answer takes")
    parser.add_argument("--seed", type=int, default=0, help="which messages get which behaviour follows from it")
    parser.add_argument("--tally", action="store_true", help="write the journal's count and end")
    options = parser.parse_args()
    if (options.orders is None) != (options.wishes is None):
        parser.error("--orders and --wishes belong together")
    return options


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) < 2**16):
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT")
    return host, int(port)


def _tell(value: object) -> None:
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()


def _failed(error: Exception, code: int) -> int:
    sys.stderr.write(f"simulated LIS: {error}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
