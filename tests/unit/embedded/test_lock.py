import subprocess
import sys

import pytest

from services.embedded.lock import StateInUse, StateLock


def test_a_second_process_is_refused_and_told_what_to_do(tmp_path):
    script = f"from services.embedded.lock import StateLock\nfrom pathlib import Path\nStateLock(Path({str(tmp_path)!r})).__enter__()"
    with StateLock(tmp_path):
        second = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert "another Frottis works on" in second.stderr
        with pytest.raises(StateInUse, match="--state"):
            StateLock(tmp_path).__enter__()
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_a_killed_process_leaves_no_lock(tmp_path):
    script = (
        "import os, signal\nfrom pathlib import Path\nfrom services.embedded.lock import StateLock\n"
        f"StateLock(Path({str(tmp_path)!r})).__enter__()\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == -9
    with StateLock(tmp_path):
        pass
