"""Runs a command and writes its peak memory: argv 1 is the file for it (bytes), 2 the seconds it may take, then the command.

A process of its own, since a child counts the memory of the one that it was split from. Ends as the command did.
"""

import resource
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    code = subprocess.run(sys.argv[3:], timeout=float(sys.argv[2])).returncode
    Path(sys.argv[1]).write_text(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024))
    sys.exit(code)
