"""A program with the packages of a lock alone, out of all that are installed: LOCK REPORT -m MODULE.

At its end it writes the names of the packages that it used to REPORT, as JSON.
"""

import atexit
import json
import re
import runpy
import sys
from importlib.metadata import packages_distributions
from pathlib import Path


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


OWNERS = {module: {normal(name) for name in names} for module, names in packages_distributions().items()}


class OnlyLocked:
    """Refuses what no package of the lock brings."""

    def __init__(self, lock):
        self._locked = {normal(name) for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)} | {"frottis"}

    def find_spec(self, name, path, target=None):
        owners = OWNERS.get(name, set()) if path is None else set()
        if owners and not owners & self._locked:
            raise ModuleNotFoundError(f"{name} is of {', '.join(owners)}, which the lock is without", name=name)


def report(path):
    used = {owner for module in list(sys.modules) for owner in OWNERS.get(module.partition(".")[0], ())}
    path.write_text(json.dumps(sorted(used)), "utf-8")


if __name__ == "__main__":
    lock, told, option, module = sys.argv[1:]
    assert option == "-m"
    sys.meta_path.insert(0, OnlyLocked(Path(lock).read_text("utf-8")))
    # As the interpreter does for -m: modules come from the folder that it is run in.
    sys.path[0] = str(Path.cwd())
    atexit.register(report, Path(told))
    sys.argv[:] = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
