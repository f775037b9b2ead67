"""python -m host_tests.shim SCRIPT [ARGUMENT ...] [--board BOARD]: runs a script as the device would."""

import argparse
import sys

from .handle import install


def main():
    parser = argparse.ArgumentParser(prog="python -m host_tests.shim", description=__doc__)
    parser.add_argument("--board", default="unix", help="folder name below boards/ (default: unix)")
    parser.add_argument("script")
    parser.add_argument("arguments", nargs="*", help="the script's own")
    options = parser.parse_intermixed_args()
    sys.argv[:] = [options.script, *options.arguments]
    with install(options.board) as device:
        device.run(options.script)


if __name__ == "__main__":
    main()
