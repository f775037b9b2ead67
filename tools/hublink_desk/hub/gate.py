"""What freezes a hub: a gate that every byte and every time-out of every client has to pass."""

import asyncio


class Gate:
    """Open, or shut: while it is shut nothing is read from any client and nothing is written."""

    def __init__(self):
        self.is_open = True
        self._opened = asyncio.Event()
        self._opened.set()

    def set_open(self, is_open):
        self.is_open = is_open
        (self._opened.set if is_open else self._opened.clear)()

    async def opened(self):
        await self._opened.wait()
