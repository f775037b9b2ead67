# stream: what waiting costs.
import socket

from hublink.net.stream import Stream
from micropython import heap_lock, heap_unlock


class _Datagrams(Stream):
    """A stream on a socket that needs no peer, to be waited on."""

    def __init__(self):
        super().__init__()
        self._io = self._raw = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._watch()


def case_waiting_to_read_or_write_by_turns_allocates_nothing():
    stream = _Datagrams()
    try:
        heap_lock()
        try:
            _wait_by_turns(stream)
        finally:
            heap_unlock()
    finally:
        stream.close()


def _wait_by_turns(stream):
    for _ in range(3):
        stream.wait(0, True)
        stream.wait(0, False)
