"""Measures region reads against slideio and fastslide: `python benchmarks/region_reads.py [--oracles PYTHON]`.

Every reader runs in a process of its own, takes its turn in every round, and reads the same 1024 x 1024 px regions at
random places of the same slide, whose blocks are composed of real cells. What is printed are ratios within the run: the
goals are 2.5 times slideio on one thread, and 1.5 times fastslide per core. What Frottis reads is compared with what
the others read.
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from services.simulator.composer.film import compose_film
from services.simulator.composer.recipe import Recipe
from services.simulator.vsi import BlockMosaic, Stack, StackKind, write_slide

ROOT = Path(__file__).parent.parent
BLOCK = 2048
GOALS = {"slideio": 2.5, "fastslide": 1.5}
CHECKED = 6


@dataclass
class Reader:
    """One reader's process and the seconds (wall, processor) of its rounds."""

    name: str
    process: "subprocess.Popen[str]"
    rounds: list[tuple[float, float]]

    def ask(self, command: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.name} ended by itself (status {self.process.wait()})")
        return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--oracles", default=str(ROOT / ".venv-bench" / "bin" / "python"), help="Python with slideio")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--regions", type=int, default=60, help="regions per round")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        slide = _slide(Path(folder))
        readers = {
            name: _started(name, given.oracles, slide) for name in ("frottis", "slideio", "fastslide", "frottis-2")
        }
        for number in range(-1, given.rounds):
            for reader in readers.values():
                wall, processor = map(float, reader.ask(f"time {number + 1} {given.regions}").split())
                # The first round only warms up.
                reader.rounds += [(wall, processor)] * (number >= 0)
        _report(readers, given.regions)
        _compare(readers, Path(folder))
        for reader in readers.values():
            reader.process.terminate()
            reader.process.wait()


def _slide(folder: Path) -> Path:
    """About 1.2 gigapixels of a film's blocks, repeated."""
    film = compose_film(Recipe(width_px=4 * BLOCK, height_px=2 * BLOCK, seed=3)).image
    blocks = [film[y : y + BLOCK, x : x + BLOCK] for y in (0, BLOCK) for x in range(0, 4 * BLOCK, BLOCK)]
    layout = np.random.default_rng(1).integers(0, len(blocks), (12, 24))
    stack = Stack(10001, "40x_BF_01", StackKind.MAIN, BlockMosaic([block.copy() for block in blocks], layout))
    return write_slide(folder, "bench", [stack])


def _started(name: str, oracles: str, slide: Path) -> Reader:
    python = sys.executable if name.startswith("frottis") else oracles
    command = [python, str(ROOT / "benchmarks" / "region_reader.py"), name, str(slide)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    return Reader(name, process, [])


def _report(readers: dict[str, Reader], regions: int) -> None:
    own = readers["frottis"]
    for reader in readers.values():
        wall, processor = (median(seconds) for seconds in zip(*reader.rounds, strict=True))
        each = 1000 * wall / regions, 1000 * processor / regions
        print(f"{reader.name:10} {each[0]:7.2f} ms a region, {each[1]:7.2f} ms of it processor time")
    for name, goal in GOALS.items():
        pairs = list(zip(readers[name].rounds, own.rounds, strict=True))
        wall, processor = (median(other[kind] / mine[kind] for other, mine in pairs) for kind in (0, 1))
        met = "met" if min(wall, processor) >= goal else "NOT met" if max(wall, processor) < goal else "unclear"
        print(f"frottis is {wall:.2f} x {name} on one core ({processor:.2f} x by processor time); goal {goal}: {met}")
    both = median(one[0] / two[0] for one, two in zip(own.rounds, readers["frottis-2"].rounds, strict=True))
    print(f"two threads inside read_region: {both:.2f} x one")


def _compare(readers: dict[str, Reader], folder: Path) -> None:
    for name in ("frottis", *GOALS):
        readers[name].ask(f"save {folder / name}.npy 99 {CHECKED}")
    own = np.load(folder / "frottis.npy").astype(np.int16)
    for name in GOALS:
        difference = np.abs(own - np.load(folder / f"{name}.npy")[..., :3])
        print(f"against {name}: differs by {difference.mean():.3f} grey levels on average, {difference.max()} at most")


if __name__ == "__main__":
    main()
