"""A whole Frottis in this process, between a share and a simulated LIS."""

import shutil
import time
from contextlib import contextmanager

from services.embedded.assembly import Address, Options, orders_address
from services.embedded.running import running

LOCAL = Address("127.0.0.1", 0)
LIMIT_S = 240


def put(slide, share, name=None):
    """The slide on the share at once, under its own name or another."""
    stem = name or slide.stem
    shutil.copytree(slide.with_name(f"_{slide.stem}_"), share / f"_{stem}_")
    shutil.copy(slide, share / f"{stem}.vsi")
    return f"{stem}.vsi"


class Hospital:
    """A share, an LIS and a state folder; `running` starts Frottis between them."""

    def __init__(self, folder, lis):
        self.share, self.state, self.lis = folder / "share", folder / "state", lis
        self.share.mkdir()

    def options(self, listen=LOCAL):
        return Options(self.share, self.state, Address(*self.lis.address), listen, LOCAL)

    @contextmanager
    def running(self):
        with running(self.options()) as (process, worklist):
            address = orders_address(process)
            self.process, self.worklist, self.orders = process, worklist, (address.host, address.port)
            yield self

    def order(self, specimen="A1234", placer="ORDER-1", **more):
        return self.lis.send_order(self.orders, specimen, placer=placer, **more)

    def entry(self, scan):
        return next((entry for entry in self.worklist.entries() if entry.scan == scan), None)

    def wait_for(self, scan, *states):
        """The scan's entry once it is in one of `states` and, where these are ends, the LIS has answered."""

        def there():
            entry = self.entry(scan)
            return entry if entry and entry.standing.state in states and self._settled(entry) else None

        return self.wait(there, f"{scan} to be {' or '.join(states)}")

    def wait(self, there, what):
        deadline = time.monotonic() + LIMIT_S
        while not self.process.runner.stopping.wait(0.05):
            if found := there():
                return found
            assert time.monotonic() < deadline, f"waited {LIMIT_S} s for {what}: {self.worklist.entries()}"
        self.process.close()
        raise AssertionError("Frottis stopped")

    @staticmethod
    def _settled(entry):
        return entry.delivered or not entry.standing.state.ended
