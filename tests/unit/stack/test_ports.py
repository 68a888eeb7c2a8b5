import subprocess
import sys
from pathlib import Path

from stack.ports import free_port, listens

ROOT = Path(__file__).parents[3]
SERVE_TWICE = """
import socket, sys
for _ in range(2):
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
        with socket.create_connection(server.getsockname()):
            server.accept()[0].close()
"""
# Every port but one is passed over; that one is tried again and again.
ASK = """
import sys
from stack import ports
ports.LOWEST = int(sys.argv[1]); ports.HIGHEST = ports.LOWEST + 1
try:
    print(ports.free_port())
except OSError:
    print("none")
"""


def test_nothing_listens_on_a_free_port():
    assert not listens(free_port())


def test_a_server_starts_on_its_port_and_starts_again():
    subprocess.run([sys.executable, "-c", SERVE_TWICE, str(free_port())], check=True)


def test_no_other_process_is_given_the_port_while_its_server_is_down():
    port = free_port()
    asked = subprocess.run([sys.executable, "-c", ASK, str(port)], check=True, capture_output=True, text=True, cwd=ROOT)
    assert asked.stdout.strip() == "none"
