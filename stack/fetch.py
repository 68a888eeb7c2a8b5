"""`python -m stack.fetch`: fetch and build the servers of the stack, once, so that nothing waits for it later."""

import sys
from collections.abc import Callable

from stack.kafka.server import libraries
from stack.missing import ServerMissing
from stack.postgres import programs
from stack.s3 import program
from stack.triton import triton_packages

SERVERS: tuple[Callable[[], object], ...] = (libraries, programs, program, triton_packages)


def main() -> None:
    """Tell which cannot be had; their tests will say so too."""
    for fetch in SERVERS:
        try:
            fetch()
        except ServerMissing as missing:
            sys.stderr.write(f"{missing}\n")


if __name__ == "__main__":
    main()
