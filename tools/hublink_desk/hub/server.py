"""The desk hub as a whole: builds its parts, listens on loopback, starts and stops, in a thread if asked.

It is the only file here that knows event loops and threads.
"""

import asyncio
import contextlib
import threading
import traceback
from concurrent.futures import Future
from dataclasses import fields

from ..errors import DeskError
from .connection import Connection
from .exchange import Exchange
from .generic import Generic
from .limits import Limits
from .packets import REFUSALS
from .scaleway import Scaleway, Settings
from .tls import Credentials, TlsStream

HOST = "127.0.0.1"
DIALECTS = ("scaleway", "generic")
_CALL_LIMIT_S = 5.0  # for the hub's thread to answer another; it never waits for a client there


class DeskHub:
    """An MQTT hub on loopback that behaves as a given kind of hub does.

    Args:
        dialect: "scaleway" or "generic".
        server_cert, server_key: PEM files of the hub's certificate and key.
        ca: PEM or DER file of the authority that signs device certificates.
        devices: iterable of Device (scaleway only).
        port: TCP port; 0 for a free one, which `port` names after the start.
        log: called in the hub's thread with a dict per thing that happens; `what` is one of ready, connect,
            refuse, subscribe, unsubscribe, publish, will, drop, event, overflow, disconnect, bug.
        limits: Limits.
        tls_max: "1.2" (what boards speak) or "1.3".
        is_sni_required: True to refuse clients that name no server in the handshake.
        settings: of the dialect; for scaleway the fields of `scaleway.Settings`: plan, events_prefix,
            event_layout, and a switch for each point that no documentation settles.

    Attributes:
        port: TCP port, int.

    Raises:
        DeskError: an argument is wrong, or a file cannot be used.
    """

    def __init__(
        self,
        *,
        dialect,
        server_cert,
        server_key,
        ca,
        devices=(),
        port=0,
        log=None,
        limits=None,
        tls_max="1.2",
        is_sni_required=False,
        **settings,
    ):
        self.port = port
        self._limits = limits or Limits()
        self._log = log or (lambda record: None)
        self._dialect = _dialect(dialect, tuple(devices), settings)
        self._credentials = Credentials(
            server_cert,
            server_key,
            ca,
            pinned=self._dialect.pinned,
            is_required=self._dialect.is_certificate_required,
            tls_max=tls_max,
            is_sni_required=is_sni_required,
        )
        self._exchange = None
        self._server = self._loop = self._thread_id = None
        self._serving = {}  # task -> Connection

    async def start(self):
        """Listen. Raises DeskError if the port cannot be had."""
        self._loop, self._thread_id = asyncio.get_running_loop(), threading.get_ident()
        self._exchange = Exchange(self._dialect, self._credentials, self._limits, self._log)
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

    def connected(self):
        """Set of the IDs of the devices that are connected now (generic: client IDs). From any thread."""
        return set(self._running().connections)

    def drop(self, device_id):
        """Cut a device's connection as a network fault would; its will is published. From any thread.

        Returns:
            False if it was not connected.
        """
        return self._in_loop(lambda: self._exchange.drop(device_id))

    def refuse_connect(self, code):
        """Answer every CONNECT with this CONNACK code, 1 to 255; None ends that. From any thread."""
        if code is not None and code not in REFUSALS:
            raise ValueError(f"CONNACK code {code!r}: 1 to 255 is expected, or None")
        self._running().refusal_code = code

    def freeze(self, is_frozen):
        """Fall silent, or end that: connections stay open, nothing is read or answered, no time-out runs.

        From any thread.
        """
        self._in_loop(lambda: self._set_frozen(is_frozen))

    def _set_frozen(self, is_frozen):
        self._exchange.gate.set_open(not is_frozen)
        for connection in self._serving.values():
            (connection.pause_timer if is_frozen else connection.restart_timer)()

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


def _dialect(name, devices, settings):
    if name == "scaleway":
        return Scaleway(devices, _settings(settings))
    if name != "generic":
        raise DeskError(f"dialect is {name!r}; expected one of {', '.join(DIALECTS)}.")
    if devices or settings:
        given = ", ".join(settings) or "devices"
        raise DeskError(f"the generic dialect was given {given}; expected none: any certificate will do.")
    return Generic()


def _settings(given):
    known = [field.name for field in fields(Settings)]
    for name in given:
        if name not in known:
            raise DeskError(f"setting {name!r} is unknown; expected one of {', '.join(known)}.")
    return Settings(**given)
