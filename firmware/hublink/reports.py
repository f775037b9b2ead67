# What the node says about itself: its last crash, certificates that expire, and what went wrong. Pure.
from . import limits
from .protocol import x509

_DAY_S = 86400


# A text, or what was raised, in no more than a line: its name if it holds more than the heap has room for.
def line(detail):
    try:
        text = repr(detail) if isinstance(detail, Exception) else str(detail)
    except Exception:
        text = type(detail).__name__
    return text[: limits.ERROR_LEN]


class Reports:
    """health: a Health; files: the credentials; log: f(text)."""

    def __init__(self, health, files, log):
        self._health = health
        self._log = log
        self.troubles = {}  # reason -> how often, since they were last sent at uptime _told_s
        self._told_s = -limits.TROUBLES_S
        self._warned_s = -_DAY_S  # when certificates were last looked at
        ca_day = min(map(x509.expiry_day, files["ca"]))
        self.expiries = {"cert_days": x509.expiry_day(files["cert"] or b""), "ca_days": ca_day}  # Unix days

    # Something went wrong that the hub should hear of: a line now, a count in telemetry once online.
    def trouble(self, reason, detail=""):
        text = line(detail).strip().replace("\n", "; ")  # TLS gives its reasons a line each
        self._log("trouble %s: %s" % (reason, text) if text else "trouble " + reason)
        if reason in self.troubles or len(self.troubles) < limits.TROUBLES_MAX:
            self.troubles[reason] = self.troubles.get(reason, 0) + 1

    # Days until the certificates expire, while the time (Unix seconds) is known.
    def days_left(self, now_s):
        today = now_s // _DAY_S
        return {name: day - today for name, day in self.expiries.items() if day and today}

    # Says what there is to say: sample(name, function, durable) sends, and tells whether it did.
    def tell(self, sample, up_s, now_s):
        crash = self._health.crash
        if crash:  # tried once a start; on flash it stays until it is there as a message
            self._health.crash = None
            if sample("crash", lambda: crash, True):
                self._health.told()
        if up_s - self._warned_s >= _DAY_S:
            self._warned_s = up_s
            left = self.days_left(now_s)
            if left and min(left.values()) <= limits.EXPIRY_DAYS:
                self.trouble("certificate_expires", left)
        # A sensor that fails ten times a second must not send ten messages a second.
        if self.troubles and up_s - self._told_s >= limits.TROUBLES_S:
            self._told_s = up_s
            troubles, self.troubles = self.troubles, {}
            sample("troubles", lambda: troubles, False)
