# Devices that speak through this one. On hubs that know attaching they are attached one after another, and
# again after every reconnect: PUBACK means that the hub lets a device in; what it refuses it does not answer
# but reports (hubs/clearblade.py). On other hubs they just have topics below this device's. Pure.
import json

from micropython import const

from . import limits, ticks
from .protocol import packets
from .state import State
from .telemetry import to_json

# Where a device stands.
_WAITING = const(0)  # to be attached, at due_ms or (None) at once
_READY = const(1)
_REFUSED = const(2)  # until attach() is called again
_LEAVING = const(3)  # to be detached, so too
_NAMES = ("waiting", "ready", "refused", "leaving")
# What is being asked of the hub, for one device at a time.
_ATTACH = const(0)
_SUBSCRIBE = const(1)
_DETACH = const(2)

# What the hub's errors mean for the device that they name (docs.clearblade.com/iotcore); others change
# nothing here.
_REFUSED_IT = "GATEWAY_ATTACHMENT_ERROR"
_DETACHED = "GATEWAY_DETACHMENT_DEVICE_ERROR"
_NOT_ATTACHED = "GATEWAY_DEVICE_NOT_FOUND"


class _Bound:
    """A device behind the gateway."""

    def __init__(self, name):
        self.name = name
        self.token = None
        self.tries = 0  # in a row that came to nothing
        self.again = False  # attached anew because the hub no longer heard it
        self.restoring = False  # it was ready, on a connection that is gone
        self.to(_WAITING)

    def to(self, state):
        self.state = state
        self.due_ms = None


class Gateway:
    """hub: a Hub; session: a Session; send: f(topic, payload, qos) -> bool; trouble: f(reason, detail)."""

    def __init__(self, hub, session, send, trouble):
        self._hub = hub
        self._session = session
        self._send = send
        self._trouble = trouble
        self._devices = {}
        self._states = {}  # name -> its State
        self._told = None  # the State that is under way, or was last
        self._now = None  # the device that something is being asked for
        self._step = _ATTACH
        self._id = 0  # of the packet that asks; 0 before it could be sent
        self._since_ms = 0  # since then, or since the last device was looked for
        self._busy = False  # there may be another device to look after
        self.restoring = 0  # devices still to be attached that may have messages in the outbox
        self._on_config = self._on_command = None

    # -- for the user ------------------------------------------------------------------------

    def attach(self, name, token=None):
        """Lets a device speak through this one, from now on. token: its own, or f() -> token, or None."""
        if not self._hub.is_gateway:
            raise ValueError("gateway: this device is none; expected hub.gateway: true")
        if name not in self._devices:
            if not isinstance(name, str) or not self._hub.may_bind(name):
                raise ValueError("gateway: device %s, expected a name as %s has it" % (name, self._hub.NAME))
            limit = self._hub.ATTACHED_MAX or limits.BOUND_MAX
            if len(self._devices) >= limit:
                raise ValueError("gateway: device %s, expected at most %d" % (name, limit))
            self._devices[name] = _Bound(name)
        bound = self._devices[name]
        bound.token = token
        bound.again = False
        self._over(bound, _WAITING)

    def detach(self, name):
        """The device speaks no more."""
        self._over(self._attached(name), _LEAVING)

    def is_ready(self, name):
        """May the device speak?"""
        return name in self._devices and self._devices[name].state == _READY

    def publish(self, name, payload, folder=""):
        """Sends telemetry (bytes) of a device. False if it may not speak, or the message was lost."""
        if not self.is_ready(name):
            return False
        hub = self._hub
        topic = hub.bound_topic(name, b"events/" + folder.encode() if folder else b"events")
        return self._send(hub.permitted(topic) if folder else topic, payload, 1)

    def set_state(self, name, data):
        """The state of a device: the last one set is sent, as soon as the hub bears it."""
        self._attached(name)
        if name not in self._states:
            hub = self._hub
            topic = hub.bound_topic(name, b"state")
            self._states[name] = State(self._session, topic, False, hub.STATE_EVERY_MS)
        self._states[name].set(to_json(data))
        self._busy = True

    def on_config(self, function):
        """Decorator: function(name, payload) is called with a device's configuration (bytes)."""
        self._on_config = function
        return function

    def on_command(self, function):
        """Decorator: function(name, command, payload) is called for a device's command (text, bytes)."""
        self._on_command = function
        return function

    def status(self):
        """How many devices there are of each state, by its name."""
        counts = {}
        for bound in self._devices.values():
            word = _NAMES[bound.state]
            counts[word] = counts.get(word, 0) + 1
        return counts

    # -- for the node ------------------------------------------------------------------------

    # One turn, while online. Returns for how many ms nothing needs doing, unless the hub answers.
    def poll(self, now_ms):
        passed_ms = (now_ms - self._since_ms) & ticks.MASK
        if self._now:
            if not self._id:
                self._since_ms = now_ms
                try:
                    self._id = self._ask()
                except Exception as e:  # the user's token(), or a packet that is too long
                    self._failed("attach_failed", now_ms, e)
                    return limits.POLL_MS
            elif self._step != _SUBSCRIBE and passed_ms >= limits.ATTACH_MS:
                self._failed("attach_timeout", now_ms, self._now.name)
            return limits.SOCKET_STEP_MS if self._id else limits.POLL_MS
        if passed_ms >= (limits.ATTACH_PAUSE_MS if self._busy else limits.SOCKET_STEP_MS):
            self._since_ms = now_ms
            self._busy = self._tell(now_ms)
            self._now = self._next(now_ms)
            self._busy = self._busy or self._now is not None
        return limits.ATTACH_PAUSE_MS if self._busy else limits.SOCKET_STEP_MS

    # The connection is gone, and with it what was attached.
    def lost(self):
        self._now = None
        self._busy = True
        for bound in list(self._devices.values()):
            bound.again = False
            if bound.state == _LEAVING:
                self._forget(bound)
            elif bound.state != _REFUSED:
                if bound.state == _READY:
                    bound.restoring = True
                    self.restoring += 1
                bound.to(_WAITING)

    def acked(self, packet_id):
        if self._told:
            self._told.acked(packet_id)
        if self._now and packet_id == self._id:
            self._answered()

    # An answer for each filter: two, for configuration and commands. Without them it can still speak.
    def subscribed(self, packet_id, index, code):
        if self._now and packet_id == self._id:
            if code == 128:
                self._trouble("subscription_refused", self._now.name)
            if index:
                self._answered()

    # The hub reports an error, about the packet of that id if there is one: of a name that makes no topic it
    # blames the gateway. A device that it no longer hears is attached anew, once in a connection, if it was
    # lost or a new token may help. Reports about what was sent before that are late.
    def event(self, event, packet_id=0):
        bound, code = self._devices.get(event.object_id), event.code
        if self._now and packet_id and packet_id == self._id:
            if self._step == _DETACH:
                self._answered()
                return
            bound, code = self._now, _REFUSED_IT
        if not bound or bound.state == _LEAVING:
            return
        if code == _REFUSED_IT:
            self._over(bound, _REFUSED)
        elif bound.state == _READY and (code == _NOT_ATTACHED or code == _DETACHED):
            may_help = code == _NOT_ATTACHED or callable(bound.token)
            self._over(bound, _WAITING if may_help and not bound.again else _REFUSED)
            bound.again = True

    # A message on a subscribed topic. True if it is a bound device's.
    def message(self, topic, payload):
        of = self._hub.bound_of(topic)
        if not of or of[0] not in self._devices:
            return False
        name, kind, command = of
        if kind == "config" and self._on_config:
            self._on_config(name, payload)
        elif kind == "commands" and self._on_command:
            self._on_command(name, command, payload)
        return True

    # -- behind it ---------------------------------------------------------------------------

    def _next(self, now_ms):
        for bound in self._devices.values():
            leaves = bound.state == _LEAVING
            is_due = bound.due_ms is None or ticks.diff(now_ms, bound.due_ms) >= 0
            if is_due and (leaves or bound.state == _WAITING):
                self._begin(_DETACH if leaves else _ATTACH if self._hub.ATTACHED_MAX else _SUBSCRIBE)
                return bound
        return None

    def _begin(self, step):
        self._step = step
        self._id = 0

    # Returns the packet id, 0 while the session cannot take the packet.
    def _ask(self):
        bound, hub, session = self._now, self._hub, self._session
        filters = hub.bound_filters(bound.name)
        if not filters:  # nothing can be sent to it
            self._answered()
            return 0
        if self._step == _SUBSCRIBE:
            return session.subscribe(packets.SUBSCRIBE, filters, self._since_ms)
        if not hub.ATTACHED_MAX:
            return session.subscribe(packets.UNSUBSCRIBE, filters, self._since_ms)
        if self._step == _DETACH:
            return session.ask(hub.bound_topic(bound.name, b"detach"), b"{}", self._since_ms)
        token = bound.token() if callable(bound.token) else bound.token
        payload = json.dumps({"authorization": token or ""})
        return session.ask(hub.bound_topic(bound.name, b"attach"), payload.encode(), self._since_ms)

    def _answered(self):
        bound = self._now
        if self._step == _ATTACH:
            self._begin(_SUBSCRIBE)
        elif self._step == _SUBSCRIBE:
            bound.tries = 0
            self._over(bound, _READY)
        else:
            self._now = None
            self._busy = True
            self._forget(bound)

    def _forget(self, bound):
        del self._devices[bound.name]
        self._states.pop(bound.name, None)

    def _attached(self, name):
        if name not in self._devices:
            raise ValueError("gateway: device %s, expected one that was attached" % name)
        return self._devices[name]

    # Whatever was being asked for the device is settled.
    def _over(self, bound, state):
        self._busy = True
        bound.to(state)
        self.restoring -= bound.restoring
        bound.restoring = False
        if bound.name in self._states:
            self._states[bound.name].stop()
        if bound is self._now:
            self._now = None
            self._session.refused(self._id)  # an answer would come too late

    def _failed(self, reason, now_ms, detail):
        bound = self._now
        self._trouble(reason, detail)
        self._over(bound, bound.state)
        wait_ms = min(limits.ATTACH_AGAIN_MS << bound.tries, limits.ATTACH_AGAIN_MAX_MS)
        bound.due_ms = ticks.add(now_ms, wait_ms)
        bound.tries = min(bound.tries + 1, 8)

    # Sends a state that may be sent. True while there are more, or one is under way.
    def _tell(self, now_ms):
        busy = False
        for name, state in self._states.items():
            if self.is_ready(name) and state.poll(now_ms):
                busy = True
                if state.id:
                    self._told = state
        return busy
