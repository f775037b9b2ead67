"""Makes a fresh machine ready: `.venv`, the programs in `.deps/bin`, and umqtt.simple in `.deps/lib`.

This file only finds out whether Python is new enough to read the rest, which is in `setup_parts`.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036 - it is for those who have an older one
    sys.exit("setup: Python 3.10 or later is needed; this is " + sys.version.split()[0] + ".")

from setup_parts.steps import main

if __name__ == "__main__":
    main()
