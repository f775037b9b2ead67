"""Error numbers of the device, by port, and the one OSError class that the device has.

Values of the unix port on Linux, which rp2 shares; esp32's newlib differs in five.
"""

import errno

_LINUX = {
    "EPERM": 1,
    "ENOENT": 2,
    "EIO": 5,
    "EBADF": 9,
    "EAGAIN": 11,
    "ENOMEM": 12,
    "EACCES": 13,
    "EEXIST": 17,
    "ENODEV": 19,
    "EISDIR": 21,
    "EINVAL": 22,
    "EOPNOTSUPP": 95,
    "EADDRINUSE": 98,
    "ECONNABORTED": 103,
    "ECONNRESET": 104,
    "ENOBUFS": 105,
    "ENOTCONN": 107,
    "ETIMEDOUT": 110,
    "ECONNREFUSED": 111,
    "EHOSTUNREACH": 113,
    "EALREADY": 114,
    "EINPROGRESS": 115,
}
_ESP32 = {
    **_LINUX,
    "ECONNABORTED": 113,
    "ENOTCONN": 128,
    "ETIMEDOUT": 116,
    "EHOSTUNREACH": 118,
    "EINPROGRESS": 119,
}
# Raised by the device, but absent from its errno module.
_UNNAMED = {"EPIPE": 32, "ENOSPC": 28, "ENOTDIR": 20, "ENOTEMPTY": 39}
# Hosts have two names for these.
_SAME = {"EWOULDBLOCK": "EAGAIN", "ENOTSUP": "EOPNOTSUPP"}


def numbers(port):
    """Name -> number of the port's errno module."""
    return _ESP32 if port == "esp32" else _LINUX


def device_number(host_number, port):
    """The port's number for the host's; None (a timeout on the host) is ETIMEDOUT."""
    name = "ETIMEDOUT" if host_number is None else errno.errorcode.get(host_number)
    name = _SAME.get(name, name)
    return {**_UNNAMED, **numbers(port)}.get(name, host_number)


def os_error(*args):
    """OSError as the device raises it: exactly that class, and `errno` set for a single argument too."""
    error = OSError()
    error.args = args
    error.errno = args[0]
    return error
