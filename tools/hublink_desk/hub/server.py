"""Listens on loopback, starts, stops and starts again, in a thread if asked.

It is the only file here that knows event loops and threads.
"""

import asyncio
import contextlib
import threading
import traceback
from concurrent.futures import Future

from ..errors import DeskError
from .connection import Connection
from .exchange import Exchange
from .tls import TlsStream

HOST = "127.0.0.1"
_CALL_LIMIT_S = 5.0  # for the hub's thread to answer another; it never waits for a client there
_RESTART_LIMIT_S = 15.0  # connections are cut, so nobody is waited for


class Server:
    """What `DeskHub` is besides a hub: something that can be started and stopped.

    Args:
        dialect: Dialect.
        credentials: Credentials.
        limits: Limits.
        port: TCP port; 0 for a free one, which `port` names after the start.
        log, received: see DeskHub.
    """

    def __init__(self, dialect, credentials, limits, port, log, received):
        self.port = port
        self.dialect = dialect
        self._credentials, self._limits = credentials, limits
        self._log, self._received = log, received
        self._exchange = None
        self._server = self._loop = self._thread_id = None
        self._serving = {}  # task -> Connection

    async def start(self):
        """Listen. Raises DeskError if the port cannot be had."""
        self._loop, self._thread_id = asyncio.get_running_loop(), threading.get_ident()
        self._exchange = Exchange(self.dialect, self._credentials, self._limits, self._log, self._received)
        try:
            self._server = await asyncio.start_server(self._accepted, HOST, self.port)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            problem = f"port {self.port} on {HOST} cannot be listened on: {reason}."
            raise DeskError(problem, "choose another port; 0 is a free one") from error
        self.port = self._server.sockets[0].getsockname()[1]
        self._exchange.log("ready", host=HOST, port=self.port)

    async def stop(self):
        """Close every connection, without wills, and the port. Stopping twice does nothing."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        tasks = list(self._serving)
        for connection in list(self._serving.values()):
            connection.stop()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()

    @contextlib.contextmanager
    def in_thread(self):
        """Run the hub in a thread of its own for the length of a `with` block; it always stops."""
        started = Future()
        thread = threading.Thread(target=lambda: asyncio.run(self._live(started)), name="desk hub")
        thread.start()
        try:
            please_stop = started.result()
            try:
                yield self
            finally:
                self._loop.call_soon_threadsafe(please_stop.set)
        finally:
            thread.join()

    def restart(self, down_s=0.0):
        """Stop, stay away for `down_s` seconds, and listen on the same port again; returns when it does.

        Connections, subscriptions, retained messages and `refuse_connect` are gone, devices are not. From any
        thread but the hub's own.

        Raises:
            DeskError: the port was taken meanwhile.
        """
        self._running()
        self._check_thread()
        done = asyncio.run_coroutine_threadsafe(self._restart(down_s), self._loop)
        done.result(down_s + _RESTART_LIMIT_S)

    async def _restart(self, down_s):
        await self.stop()
        await asyncio.sleep(down_s)
        await self.start()

    def log(self, what, **details):
        """Add a record to the log. From any thread."""
        self._in_loop(lambda: self._exchange.log(what, **details))

    def _running(self):
        if self._exchange is None:
            raise RuntimeError("the desk hub has not been started")
        return self._exchange

    async def _live(self, started):
        please_stop = asyncio.Event()
        try:
            await self.start()
        except BaseException as error:
            started.set_exception(error)
            return
        started.set_result(please_stop)
        await please_stop.wait()
        await self.stop()

    async def _accepted(self, reader, writer):
        peer = "{}:{}".format(*(writer.get_extra_info("peername") or ("gone", 0)))
        if self._server is None or len(self._serving) >= self._limits.connections:
            self._exchange.log("refuse", peer=peer, reason="as many connections as the hub may have")
            writer.transport.abort()
            return
        exchange = self._exchange
        stream = TlsStream(self._credentials.context, reader, writer, exchange.gate, self._limits.write_s)
        connection = Connection(exchange, stream, peer)
        task = asyncio.current_task()
        self._serving[task] = connection
        try:
            await connection.serve()
        except Exception:
            exchange.log("bug", peer=peer, reason=traceback.format_exc())
            writer.transport.abort()
        finally:
            del self._serving[task]

    def _check_thread(self):
        if threading.get_ident() == self._thread_id:
            raise RuntimeError("the desk hub cannot wait for itself: give this order from another thread")

    def _in_loop(self, function):
        """What `function` returns, called in the hub's thread; its effect is there when this returns."""
        self._running()
        if threading.get_ident() == self._thread_id:
            return function()
        done = Future()
        self._loop.call_soon_threadsafe(lambda: _fulfil(done, function))
        return done.result(_CALL_LIMIT_S)


def _fulfil(future, function):
    try:
        future.set_result(function())
    except Exception as error:
        future.set_exception(error)
