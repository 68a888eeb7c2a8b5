"""`make bench`: every measurement, one after the other, each in a process of its own."""

import subprocess
import sys

MEASUREMENTS = ("region_reads", "film_map", "analysis", "whole_run", "stack_run", "tile_backlog", "idle_stack")


def main() -> None:
    """Run all, or those named; a measurement that fails does not keep the others from being made."""
    failed = []
    for name in sys.argv[1:] or MEASUREMENTS:
        print(f"--- {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
