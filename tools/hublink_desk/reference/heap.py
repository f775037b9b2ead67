"""What a connected node costs in heap, and what is left of that when its code is frozen, as on a board.

The node is programs/heap.py, which says itself how much is allocated at each stage.
"""

import tempfile
from pathlib import Path

from ..hub import DeskHub, Device
from ..run import DeskBoard
from ..workshop import Workshop, device_id
from .interpreter import build

# design.md section 6
FROZEN_MAX_LEN = 20 * 1000
# mbedTLS's two record buffers, 16,717 and 4,429 bytes, in whole blocks of 16 bytes with the 8 bytes that
# tie each of them to the heap (platform-facts section 1.3; m_tracked_node_t in MicroPython's py/malloc.c).
TLS_RECORDS_LEN = 16736 + 4448

PROGRAM = Path(__file__).parents[1] / "programs" / "heap.py"
_LIMIT_S = 20.0


def measure_frozen_heap():
    """The heap of a Scaleway node on the reference interpreter, with its code frozen.

    Returns:
        list of 4 heap lengths in bytes: empty, imported, built, online. TLS memory is part of it, as on
        the Pico W, but for the record buffers, which any TLS connection takes; before it is online, what
        the board reserves for them is.

    Raises:
        Unavailable: this machine cannot have the reference interpreter.
        DeskError: the node did not come online.
    """
    lengths, _, _ = measure_heap(build(frozen=True), ".frozen")
    lengths[-1] -= TLS_RECORDS_LEN
    return lengths


def measure_heap(interpreter, search):
    """Run a Scaleway node until it is online.

    Args:
        interpreter: as of DeskBoard, one of 32 bits.
        search: where it finds its modules: a folder that `compile_firmware` filled, or ".frozen".

    Returns:
        (list of 4 heap lengths in bytes: empty, imported, built, online; set of the modules it took; bytes
        that 100 devices behind it take more).
    """
    with tempfile.TemporaryDirectory(prefix="hublink-heap-") as folder:
        workshop = Workshop(Path(folder) / "desk")
        hub = DeskHub(
            dialect="scaleway",
            server_cert=workshop.hub.cert_pem,
            server_key=workshop.hub.key_pem,
            ca=workshop.ca.cert_pem,
            devices=[Device(device_id("heap"), "heap")],
        )
        with hub.in_thread():
            where = {"type": "scaleway", "host": "127.0.0.1", "port": hub.port}
            config = workshop.device("heap", {**where, "device_id": device_id("heap")})
            with DeskBoard(config, interpreter, script=PROGRAM, env={"MICROPYPATH": str(search)}) as board:
                board.start()
                heap = board.wait_line(r"size: heap (.*)", _LIMIT_S).group(1)
                modules = board.wait_line(r"size: modules (.*)", _LIMIT_S).group(1)
                bound = board.wait_line(r"size: bound (.*)", _LIMIT_S + 100 * 0.2).group(1)
    # The checker of the configuration was loaded too, and given back (node.py).
    return [int(n) for n in heap.split()], {*modules.split(), "hublink.config"}, int(bound)
