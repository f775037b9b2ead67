"""`make soak`: exit code 1 if something was lost, came out of order, or the device reset itself."""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from .soak import soak


def main(arguments=None):
    """Runs what the arguments ask for, and prints the report. Returns the exit code."""
    parser = argparse.ArgumentParser("make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long the weather lasts")
    parser.add_argument("--seed", type=int, help="of the weather; by default another one each time")
    parser.add_argument("--interpreter", default="micropython", help="micropython or micropython32")
    options = parser.parse_args(arguments)
    seed = random.randrange(1 << 30) if options.seed is None else options.seed
    print(f"soak: seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="hublink-soak-") as folder:
        report = soak(Path(folder), seed, options.minutes * 60, interpreter=options.interpreter)
    print(report)
    return 0 if report.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
