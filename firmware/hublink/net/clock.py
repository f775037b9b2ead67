# Unix seconds on every port, and whether they can be believed. Verifying a certificate needs them.
# The epoch is 1970 on rp2 and unix, 2000 on esp32; rp2 wakes in 2021 after every hard boot.
import os
import time

from .. import limits
from ..protocol import sntp
from .udp import Question, split_port

_EPOCH_S = 946684800 if time.gmtime(0)[0] == 2000 else 0


class Clock:
    """set_rtc: f(unix_s) -> whether the board's clock was set. servers: list of "host[:port]".

    floor_s: no time below this is believed (Unix seconds).
    """

    def __init__(self, set_rtc, servers, floor_s):
        self._set_rtc = set_rtc
        self.servers = servers
        self.floor_s = floor_s
        self._offset_s = 0  # for boards whose clock we cannot set
        self.trusted = self._raw_s() >= floor_s  # it kept running over a soft reset, or has a battery
        self.stale = not self.trusted  # it should be asked for before the next handshake
        self.drift_s = 0  # how far the clock was off when it was last set
        self._question = None

    def _raw_s(self):
        return int(time.time()) + _EPOCH_S + self._offset_s

    # Unix seconds; 0 while they cannot be believed.
    def now_s(self):
        return self._raw_s() if self.trusted else 0

    def text(self):
        t = time.gmtime(self._raw_s() - _EPOCH_S)
        return "%d-%02d-%02dT%02d:%02d:%02dZ%s" % (t[:6] + ("" if self.trusted else " (not believed)",))

    # Begins to ask the servers; poll() until it returns a text.
    def start(self):
        self.stop()
        self._names = list(self.servers)
        self._found = []
        self._error = "sntp_no_server"
        self._token = os.urandom(8)
        self._request = sntp.request(self._token)

    def stop(self):
        if self._question:
            self._question.close()
        self._question = None

    # Returns None while waiting, else a text: "" when the clock is set, or the reason why not.
    def poll(self, now_ms, uptime_s, resolver):
        if self._question is None:
            if self._names:
                self._look_up(now_ms, uptime_s, resolver)
                return None
            if not self._found:
                return self._error
            self._question = Question(self._found, limits.SNTP_REPLY_MS, limits.SNTP_TRIES, "sntp_timeout")
        if not self._question.poll(now_ms, self._request, self._parse):
            return None
        answer = self._question.answer
        self._question = None
        if isinstance(answer, str):
            return answer
        self._set(answer)
        return ""

    # The servers' names, one after the other; those that have no address are left out.
    def _look_up(self, now_ms, uptime_s, resolver):
        host, port = split_port(self._names[0], 123)
        if resolver.host != host:
            resolver.start(host)
        if resolver.poll(now_ms, uptime_s):
            if resolver.addresses:
                self._found.append((resolver.addresses[0], port))
            else:
                self._error = resolver.error
            resolver.stop()
            self._names.pop(0)

    def _parse(self, data):
        return sntp.reply(data, self._token, self.floor_s)

    def _set(self, unix_s):
        self.drift_s = self._raw_s() - unix_s
        if not self._set_rtc(unix_s):
            self._offset_s -= self.drift_s
        self.trusted = True
        self.stale = False
