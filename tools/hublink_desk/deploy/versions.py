"""Which MicroPython a board has, and what is known about it."""

from ..errors import DeskError

FLOOR = (1, 25)
MPY = 6  # version of .mpy files that it loads
# (platform, first version that hangs, first that does not, what it does); platform-facts 9.
_HANGS = (
    ("rp2", (1, 26), (1, 28), "a host name is looked up for ever while there is no network (#18797)"),
    ("rp2", (1, 0), (1, 26), "the radio may hang when it is switched off (#17621)"),
)


def text(version):
    """As people write it."""
    return ".".join(map(str, version))


def warnings(about):
    """Sentences about known hangs of a board's MicroPython. about: what programs/about.py says."""
    version = tuple(about["version"])
    return [
        f"MicroPython {text(version)}: {what}; {text(until)} does not."
        for platform, since, until, what in _HANGS
        if platform == about["platform"] and since <= version[:2] < until
    ]


def check(about, board, known):
    """Whether a version for a board may go onto the one at hand.

    Args:
        about: what programs/about.py says.
        board: Board that is meant.
        known: names of all boards.

    Returns:
        Sentences of warning.

    Raises:
        DeskError: it is another board, or its MicroPython is too old.
    """
    version = tuple(about["version"])
    if version[:2] < FLOOR:
        hint = "`hublink flash` puts a newer one on it"
        raise DeskError(f"The board runs MicroPython {text(version)}; expected {text(FLOOR)} or later.", hint)
    if about["mpy"] != MPY:
        raise DeskError(f"The board loads .mpy files of version {about['mpy']}; expected {MPY}.")
    build = about["build"].partition("-")[0]
    if about["platform"] != board.platform or (build in known and build != board.name):
        raise DeskError(
            f"The board is {build or about['machine']}, not {board.name}.", "name it with --board"
        )
    found = warnings(about)
    if build != board.name:
        found.append(f"The image is {about['build'] or 'of an unknown build'}, not {board.name}'s own.")
    return found
