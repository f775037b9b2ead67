# reports: what went wrong becomes a line and a count, whatever it is that went wrong.
from hublink import limits
from hublink.reports import Reports


class _Health:
    crash = None


# What a frame that was read holds may be longer than the heap has room for as text.
class BadFrame(ValueError):
    def __repr__(self):
        raise MemoryError


class Odd(ValueError):
    def __repr__(self):
        raise AttributeError("a bug of its own")


def _trouble(*arguments):
    lines = []
    reports = Reports(_Health(), {"ca": [b""], "cert": None}, lines.append)
    reports.trouble(*arguments)
    assert reports.troubles == {arguments[0]: 1}
    return lines[0]


def case_a_line_says_what_and_why():
    assert _trouble("oversized") == "trouble oversized"
    assert _trouble("certificate_expires", {"ca_days": 3}) == "trouble certificate_expires: {'ca_days': 3}"
    assert _trouble("untrusted_hub", "one\ntwo\n") == "trouble untrusted_hub: one; two"


def case_an_exception_says_which_and_why():
    line = _trouble("sensor_probe", ValueError("no probe"))
    assert line.startswith("trouble sensor_probe: ValueError('no probe'")


def case_a_line_is_never_longer_than_a_traceback():
    for detail in ("x" * 5000, ValueError("bad frame", bytes(5000))):
        assert 500 < len(_trouble("sensor_probe", detail)) < limits.ERROR_LEN + 30


def case_what_cannot_be_said_is_named():
    for error in (BadFrame, Odd):
        assert _trouble("sensor_probe", error(1)) == "trouble sensor_probe: " + error.__name__
