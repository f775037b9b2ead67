"""package.json, which `mpremote mip install` reads: for what was built, and for the checkout itself.

Run as a program it writes the checkout's: python -m hublink_desk.builder.package_json
"""

import json

from .. import paths
from ..files import write
from .graph import version

NAME = "package.json"


def package_json(files, **more):
    """The text of a package.json.

    Args:
        files: dict of path on the device -> path from where the package.json lies; both texts.
        more: keys that mip does not know, and their values.

    Returns:
        bytes.
    """
    document = {"urls": sorted([target, source] for target, source in files.items()), "version": version()}
    return (json.dumps(document | more, indent=2) + "\n").encode()


def board_of(folder):
    """Name of the board that `hublink build` has filled a folder (Path) for; None if it has not."""
    try:
        return json.loads((folder / NAME).read_bytes())["board"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def of_checkout():
    """The package.json of the checkout: the sources of the package. A node does without umqtt.simple."""
    sources = (path.relative_to(paths.FIRMWARE).as_posix() for path in paths.FIRMWARE.glob("hublink/**/*.py"))
    return package_json({source: f"firmware/{source}" for source in sources})


if __name__ == "__main__":
    write(paths.ROOT / NAME, of_checkout())
