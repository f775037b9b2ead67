# What a device is like: the last state that was set is sent until the hub has it, and no two of them within
# less than the hub bears: from one's acknowledgement to the next, for only that is surely apart there, too.
# Pure.
from . import ticks


class State:
    """session: a Session; topic: bytes; retain: asked of the hub; every_ms: between two states."""

    def __init__(self, session, topic, retain, every_ms):
        self._session = session
        self._topic = topic
        self._retain = retain
        self._every_ms = every_ms
        self._payload = None  # what was set last
        self._due = False  # it has to be sent
        self._birth = None  # what has to be sent before
        self._sent = None  # which of the two is under way, as the request of this packet id
        self.id = 0
        self._since_ms = None  # when the one before was over

    # Raises ValueError if the payload (bytes) is too long.
    def set(self, payload):
        self._session.check_request(self._topic, payload)
        self._payload = payload
        self._due = True

    # First this, if it is not None (for some hubs who is online is a state, some merge states), and then the
    # state again.
    def announce(self, payload):
        self._birth = payload
        self._due = self._payload is not None

    # One turn, while the device may speak. True while there is something to send or to hear.
    def poll(self, now_ms):
        session = self._session
        if self.id:
            if self.id == session.asked_id:
                return True
            self.id = 0
            self._since_ms = now_ms
        payload = self._birth or (self._payload if self._due else None)
        # What passed is 0 or more, however long ago it was: after a wrap the wait may begin once more.
        if payload and (self._since_ms is None or (now_ms - self._since_ms) & ticks.MASK >= self._every_ms):
            self._sent = payload
            self.id = session.ask(self._topic, payload, now_ms, self._retain)
        return payload is not None

    # The hub has what that packet held.
    def acked(self, packet_id):
        if self.id == packet_id:
            if self._sent is self._birth:
                self._birth = None
            elif self._sent is self._payload:
                self._due = False

    # The hub no longer hears the device: it will not answer.
    def stop(self):
        self._session.refused(self.id)
