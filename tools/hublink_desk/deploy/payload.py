"""What goes onto a board: what was built, and a device's configuration and certificates."""

import json
import re
from dataclasses import dataclass
from hashlib import sha256

from .. import device_code
from ..builder.graph import Graph
from ..builder.package_json import NAME as PACKAGE_JSON
from ..builder.package_json import board_of
from ..errors import DeskError
from ..fleet import configuration
from ..fleet.home import CONFIG

MANIFEST = "hublink.files"  # on the board: hash and path of each file of the version
_MANIFEST_LINE = re.compile(r"^([0-9a-f]{64}) (.+)$", re.MULTILINE)
_NODE = "hublink/node.mpy"


@dataclass(frozen=True)
class Payload:
    """Files by their path on the board.

    Attributes:
        code: path -> bytes, of what was built, with the manifest.
        settings: path -> bytes, of the configuration and what it names.
        absent: path -> bytes of the keys that are not to be copied, and must be there already.
        has_node: its program has a Node, which reads a configuration.
    """

    code: dict
    settings: dict
    absent: dict
    has_node: bool

    @property
    def files(self):
        """All that is to be on the board: path -> bytes."""
        return self.code | self.settings


def digest(data):
    """SHA-256 as text."""
    return sha256(data).hexdigest()


def load(built, board, config, with_keys):
    """Read what goes onto a board.

    Args:
        built: Path of the folder that `hublink build` has made.
        board: Board it is for.
        config: Path of a device's configuration, with its certificates beside it; None to leave those on the
            board alone.
        with_keys: copy the keys, too.

    Returns:
        Payload.

    Raises:
        DeskError: something is missing, is for another board, or the device would not take it.
    """
    code = _code(built, board)
    settings, keys = _settings(config, board) if config else ({}, {})
    manifest = "".join(f"{digest(data)} {path}\n" for path, data in sorted(code.items()))
    code[MANIFEST] = manifest.encode()
    # The image may have the Node, and then main.py tells.
    has_node = _NODE in code or "hublink.node" in Graph([], {}).imports(built / "main.py")
    if with_keys:
        return Payload(code, settings | keys, {}, has_node)
    return Payload(code, settings, keys, has_node)


def read_manifest(data):
    """dict of path -> hash, of what a manifest (bytes) names, as far as it can be read."""
    return {path: each for each, path in _MANIFEST_LINE.findall(data.decode(errors="replace"))}


def json_object(data):
    """The JSON object in what a board has in a file (bytes); an empty one if there is none."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def named_files(config):
    """(certificates, keys): names of the files that a configuration (dict) names, whoever has written it."""
    tls = config.get("tls")
    tls = tls if isinstance(tls, dict) else {}
    ca = tls.get("ca")
    certificates = [*(ca if isinstance(ca, list) else ()), tls.get("cert")]
    keys = [tls.get("key"), tls.get("secret")]
    return tuple([name for name in names if name and isinstance(name, str)] for names in (certificates, keys))


def _code(built, board):
    if not (built / "main.py").is_file():
        hint = f"build it first: hublink build --board {board.name}"
        raise DeskError(f"There is no build in {built}.", hint)
    meant = board_of(built) or board.name  # what was put together by hand says nothing
    if meant != board.name:
        raise DeskError(
            f"The build in {built} is for {meant}, not {board.name}.", "name another with --build"
        )
    return {
        path.relative_to(built).as_posix(): path.read_bytes()
        for path in sorted(built.rglob("*"))
        if path.is_file() and path.name != PACKAGE_JSON
    }


def _settings(config, board):
    """Two dicts of path -> bytes: what everybody may read, and the keys."""
    try:
        data = config.read_bytes()
        checked = configuration.check(json.loads(data), board)
    except OSError as error:
        raise DeskError(f"{config} cannot be read ({error.strerror}); expected a configuration.") from error
    except ValueError as error:
        raise DeskError(f"{config} is not JSON: {error}.") from error
    device_code.read_credentials(checked, config.parent)
    certificates, keys = (
        {name: (config.parent / name).read_bytes() for name in names} for names in named_files(checked)
    )
    return {CONFIG: data, **certificates}, keys
