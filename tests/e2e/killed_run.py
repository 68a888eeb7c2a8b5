"""`frottis run` that kills itself after a while: argv 1 is the seconds, the rest its own arguments."""

import os
import signal
import sys
import threading

from services.embedded.__main__ import main

if __name__ == "__main__":
    after_s = float(sys.argv.pop(1))
    if after_s:
        threading.Timer(after_s, os.kill, (os.getpid(), signal.SIGKILL)).start()
    main()
