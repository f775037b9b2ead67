"""What has to change on a board, from what is there and what is to be there. Pure."""

NEXT = "hublink.next"  # folder of the version to come; firmware/boot.py knows it, too
PLAN = "hublink.plan"
NOWHERE = "nowhere"  # where a module is loaded from that is not there
_LIBRARY = "lib/"
_PACKAGE = "hublink/"
_BLOCKS_FREE = 8  # for littlefs itself, and for the notes of the node


def staged(path):
    """Where a file waits for its place: all in one folder."""
    return f"{NEXT}/{path.replace('/', ',')}"


def module(path):
    """Name of the module in a file, with slashes; None if it is none."""
    name, dot, suffix = path.removeprefix(_LIBRARY).rpartition(".")
    if not dot or suffix not in ("py", "mpy"):
        return None
    return name.removesuffix("/__init__")


def stale(code, on_board, deployed):
    """Files that are to go.

    Those of an earlier version, and those that would be loaded in place of the new one's modules, or never.

    Args:
        code: paths of the new version.
        on_board: paths of all files.
        deployed: paths of the earlier version.

    Returns:
        Sorted list of paths.
    """
    ours = {module(path) for path in code} - {None}

    def is_stale(path):
        name = module(path)
        return path in deployed or (name is not None and (name in ours or name.startswith(_PACKAGE)))

    return sorted(path for path in on_board if path not in code and is_stale(path))


def emptied(folders, on_board, removed, wanted):
    """Folders in which nothing is left, the inner ones first."""
    left = (set(on_board) | set(wanted)) - set(removed)
    return sorted(
        (
            folder
            for folder in folders
            if any(path.startswith(folder + "/") for path in removed)
            and not any(path.startswith(folder + "/") for path in left)
        ),
        reverse=True,
    )


def new_folders(paths, folders):
    """Folders that have to be made for these files, the outer ones first."""
    needed = set()
    for path in paths:
        parts = path.split("/")[:-1]
        needed |= {"/".join(parts[:end]) for end in range(1, len(parts) + 1)}
    return sorted(needed - set(folders))


def text(put, remove):
    """The plan that boot.py follows. put, remove: paths."""
    return "\n".join([*(f"+{path}" for path in put), *(f"-{path}" for path in remove), f"-{NEXT}"])


def space_needed(lengths, folders, block_len):
    """Bytes of flash that files of these lengths take beside what is there, with that many new folders."""
    blocks = sum(-(-length // block_len) for length in lengths) + 2 * folders + _BLOCKS_FREE
    return blocks * block_len


def sources(code, on_board, folders, path, frozen):
    """Where the modules of a version are loaded from, by MicroPython's rules.

    Args:
        code: paths of the version.
        on_board: paths of all files, as they will be.
        folders: paths of all folders.
        path: the board's sys.path.
        frozen: names of the modules in its image, with slashes.

    Returns:
        dict: dotted name of the module -> path of its file, "frozen", or NOWHERE.
    """
    names = sorted({module(each) for each in code} - {None, "boot", "main"})
    return {
        name.replace("/", "."): next(
            filter(None, (_source(name, place, on_board, folders, frozen) for place in path)), NOWHERE
        )
        for name in names
    }


def _source(name, place, on_board, folders, frozen):
    if place == ".frozen":
        return "frozen" if name in frozen or f"{name}/__init__" in frozen else None
    start = place.strip("/") + "/" if place.strip("/") else ""
    # A folder comes before a file, even one without code.
    inner = f"{start}{name}/__init__" if start + name in folders else start + name
    return next((inner + suffix for suffix in (".py", ".mpy") if inner + suffix in on_board), None)
