"""`asyncio`: the part that both interpreters have, and the millisecond calls of the device."""

import asyncio


class DeviceTimeout(Exception):
    """`asyncio.TimeoutError` of the device: no OSError, unlike CPython's."""


class Asyncio:
    TimeoutError = DeviceTimeout

    def __init__(self, world):
        for name in "CancelledError Event Lock create_task current_task gather run sleep".split():
            setattr(self, name, getattr(asyncio, name))

    @staticmethod
    async def sleep_ms(ms):
        await asyncio.sleep(ms / 1000)

    @staticmethod
    async def wait_for(awaitable, timeout):
        try:
            return await asyncio.wait_for(awaitable, timeout)
        except asyncio.TimeoutError:
            raise DeviceTimeout() from None

    def wait_for_ms(self, awaitable, timeout_ms):
        return self.wait_for(awaitable, timeout_ms / 1000)
