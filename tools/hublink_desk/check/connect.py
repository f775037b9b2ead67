"""Connects as the device would, step by step, and says what came of each.

TLS is that of the boards. The last will is left out, so that nothing is published.
"""

import contextlib
import os
import socket
import ssl
import time

import dns.exception
import dns.rdatatype
import dns.resolver
from cryptography import x509

from .. import device_code, device_tls
from ..fleet.consoles import CONSOLES
from ..fleet.identity import common_name
from . import answers
from .finding import ERROR, OK, WARNING, Finding

_DNS_PORT, _SNTP_PORT = 53, 123
_SNTP_MAX_LEN = 512
_CLOCK_OFF_S = 60
_DISCONNECT = b"\xe0\x00"


class _Failed(Exception):
    """A step that ends the way; args: its Finding."""


def connect(settings, credentials, limit_s):
    """Connect, and yield a Finding for each step as soon as it is known; the first error is the last.

    Args:
        settings: checked configuration.
        credentials: of `device_code.read_credentials`.
        limit_s: how long one step may take, in seconds.
    """
    hub = settings["hub"]
    look_up = _Names(settings["dns"]["servers"], limit_s)
    try:
        address = look_up(hub["host"])
        yield Finding(OK, "dns", f"{hub['host']} is {address}")
        yield _clock(settings["clock"]["servers"], look_up, limit_s)
        with _tcp(address, hub["port"], limit_s) as plain:
            yield Finding(OK, "tcp", f"port {hub['port']} is open")
            with _tls(plain, hub, credentials, limit_s) as secure:
                yield Finding(OK, "tls", _about(secure))
                yield _mqtt(secure, settings, credentials, limit_s)
    except _Failed as failed:
        yield failed.args[0]


# --- names and time ---


class _Names:
    """Looks names up as the device does: IPv4, at the configured servers, else as this network does."""

    def __init__(self, servers, limit_s):
        self._servers = servers
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.lifetime = limit_s

    def __call__(self, host):
        if _is_address(host):
            return host
        if not self._servers:
            return _ask_system(host)
        for server in self._servers[:-1]:
            with contextlib.suppress(_Failed):
                return self._ask(server, host)
        return self._ask(self._servers[-1], host)

    def _ask(self, server, host):
        address, _, port = server.partition(":")
        self._resolver.nameservers = [address]
        self._resolver.port = int(port or _DNS_PORT)
        try:
            return self._resolver.resolve(host, dns.rdatatype.A, search=False)[0].address
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer) as error:
            raise _failed("dns", answers.NO_SUCH_HOST, host=host) from error
        except dns.exception.DNSException as error:
            raise _failed("dns", answers.DNS_FAILED, host=host) from error


def _ask_system(host):
    try:
        return socket.getaddrinfo(host, None, socket.AF_INET)[0][4][0]
    except socket.gaierror as error:
        row = answers.DNS_FAILED if error.errno == socket.EAI_AGAIN else answers.NO_SUCH_HOST
        raise _failed("dns", row, host=host) from error


def _is_address(host):
    try:
        return bool(socket.inet_pton(socket.AF_INET, host))
    except OSError:
        return False


def _clock(servers, look_up, limit_s):
    if not servers:
        return Finding(OK, "clock", "no time server is configured; this desk's clock is taken")
    for server in servers:
        told_s = _ask_time(server, look_up, limit_s)
        if told_s is None:
            continue
        off_s = time.time() - told_s
        if abs(off_s) < _CLOCK_OFF_S:
            return Finding(OK, "clock", f"{server} agrees with this desk's clock")
        text = f"this desk's clock is {abs(off_s):,.0f} s {'ahead of' if off_s > 0 else 'behind'} {server}"
        return Finding(WARNING, "clock", text, "set it: certificates are judged by it here", "clock_off")
    hint = "a board without the time cannot connect; SNTP is UDP, which this network may not let out"
    return Finding(WARNING, "clock", f"no time from {', '.join(servers)}", hint, "no_time")


def _ask_time(server, look_up, limit_s):
    """Unix seconds that a time server tells, None if it tells nothing that the device would believe."""
    host, _, port = server.partition(":")
    token = os.urandom(8)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(limit_s)
            asking.connect((look_up(host), int(port or _SNTP_PORT)))
            asking.send(device_code.sntp_request(token))
            told = device_code.sntp_reply(asking.recv(_SNTP_MAX_LEN), token)
    except (OSError, _Failed):
        return None
    return told if isinstance(told, int) else None


# --- the connection ---


def _tcp(address, port, limit_s):
    try:
        return socket.create_connection((address, port), limit_s)
    except ConnectionRefusedError as error:
        raise _failed("tcp", answers.TCP_REFUSED, port=port) from error
    except TimeoutError as error:
        raise _failed("tcp", answers.TCP_SILENT, port=port, limit_s=limit_s) from error
    except OSError as error:
        raise _failed("tcp", answers.TCP_FAILED, port=port, reason=error.strerror) from error


@contextlib.contextmanager
def _tls(plain, hub, credentials, limit_s):
    context = device_tls.context(credentials)
    refused = CONSOLES[hub["type"]].refused
    try:
        secure = context.wrap_socket(plain, server_hostname=hub["host"])
    except ssl.SSLCertVerificationError as error:
        row = answers.VERIFY.get(error.verify_code, answers.UNTRUSTED)
        raise _failed("tls", row, reason=error.verify_message) from error
    except ssl.SSLEOFError as error:
        raise _failed("tls", answers.TLS_CUT, refused=refused) from error
    except ssl.SSLError as error:
        raise _failed("tls", _alert(error), reason=error.reason, refused=refused) from error
    except TimeoutError as error:
        raise _failed("tls", answers.TLS_SILENT, limit_s=limit_s) from error
    except OSError as error:  # reset
        raise _failed("tls", answers.TLS_CUT, refused=refused) from error
    with secure:
        yield secure


def _alert(error):
    for end, *row in answers.ALERTS:
        if (error.reason or "").endswith(end):
            return row
    return answers.TLS_FAILED


def _about(secure):
    cert = x509.load_der_x509_certificate(secure.getpeercert(binary_form=True))
    name, end = common_name(cert), f"{cert.not_valid_after_utc:%Y-%m-%d}"
    return f"the hub proved to be {name}, valid until {end}; {secure.version()}, {secure.cipher()[0]}"


def _mqtt(secure, settings, credentials, limit_s):
    refused = CONSOLES[settings["hub"]["type"]].refused
    try:
        secure.sendall(device_code.connect_packet(settings, credentials))
        data = _read(secure, 4)
    except TimeoutError as error:
        raise _failed("mqtt", answers.MQTT_SILENT, limit_s=limit_s) from error
    except OSError as error:
        raise _failed("mqtt", answers.MQTT_CLOSED, refused=refused) from error
    if not data:
        raise _failed("mqtt", answers.MQTT_CLOSED, refused=refused)
    if len(data) < 4 or data[:2] != b"\x20\x02":
        raise _failed("mqtt", answers.MQTT_GARBLED, data=data)
    number = data[3]
    if number:
        raise _failed(
            "mqtt", answers.CONNACK.get(number, answers.CONNACK_OTHER), number=number, refused=refused
        )
    with contextlib.suppress(OSError):
        secure.sendall(_DISCONNECT)
    return Finding(OK, "mqtt", "the hub lets the device in (CONNACK 0)")


def _read(secure, length):
    data = b""
    while len(data) < length and (more := secure.recv(length - len(data))):
        data += more
    return data


def _failed(what, row, **details):
    code, text, hint = (each.format(**details) for each in row)
    return _Failed(Finding(ERROR, what, text, hint, code))
