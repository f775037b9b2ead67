"""The shape itself: umqtt.simple's arguments, returns and errors, over whatever class bears that name."""

import ast
import errno
import socket

import pytest
from hublink_desk import paths

from host_tests.both import interpreters
from host_tests.fakes import codec
from host_tests.system.umqtt.runner import BASES, OURS, Runner, TlsFiles, Way, listen

PUBLIC = "connect disconnect ping publish subscribe set_callback set_last_will wait_msg check_msg".split()

TALK = """\
extends True
session 0
None None None
heard b'topic' b'payload'
message 48
nothing None
pong None
unsubscribed None
disconnected None
refused MQTTException (4,)
"""

STAND_INS = {
    "bare": """
class MQTTException(Exception):
    pass


class MQTTClient:
    pass
""",
    "renamed": """
class MQTTException(Exception):
    pass


class MQTTClient:
    def __init__(self, identity, host):
        self._socket = None

    def open(self):
        raise RuntimeError("base was used")

    send = receive = close = open
""",
    "extra": """
class MQTTException(Exception):
    pass


class MQTTClient:
    __slots__ = ("sock", "pid", "_until", "__dict__")
    session = connection = state = "the base's own"

    def start(self, *args):
        raise RuntimeError("base was used")

    poll = enqueue = on = flush = reconnect = start
    _turn = _broken = _close = _heard = _message = _ask = _suback = _unsuback = _send_str = _recv_len = start
""",
    "raising": """
class MQTTException(Exception):
    pass


class MQTTClient:
    def __init__(self, *args, **options):
        raise RuntimeError("base was used")

    connect = publish = subscribe = wait_msg = check_msg = ping = disconnect = __init__
""",
    "other_exception": """
class MQTTException(OSError):
    pass


class MQTTClient:
    pass
""",
    "no_exception": """
class MQTTClient:
    pass
""",
}

# What fails -> (a script, what a program sees that catches umqtt's errors)
FAILURES = {
    "nobody_there": (None, f"OSError {errno.ECONNREFUSED} connection_refused"),
    "too_late": (lambda broker: broker.accept().end(), f"OSError {errno.ETIMEDOUT} timeout"),
    "refused": (lambda broker: broker.accept().greet(code=5), "MQTTException 5"),
    "subscription_refused": (lambda broker: answer(broker).grant(128), "MQTTException 128"),
    "closed": (lambda broker: answer(broker).close(), "OSError -1 closed_by_hub"),
    "garbled": (lambda broker: answer(broker).send(b"\x30" + 5 * b"\xff"), "OSError -1 bad_length"),
    "not_connected": (None, f"OSError {errno.ENOTCONN} not_connected"),
    "disconnected": (listen, f"OSError {errno.ENOTCONN} not_connected"),
}


def answer(broker):
    peer = broker.accept()
    peer.greet()
    return peer


def signatures(path):
    """Method -> [(argument, source of its default or None)] of the class MQTTClient in a file."""
    tree = ast.parse(path.read_text("utf-8"))
    client = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "MQTTClient")
    found = {}
    for method in client.body:
        if isinstance(method, ast.FunctionDef):
            args, defaults = method.args.args, method.args.defaults
            padded = [None] * (len(args) - len(defaults)) + [ast.unparse(each) for each in defaults]
            found[method.name] = list(zip([each.arg for each in args], padded, strict=True))
    return found


@pytest.mark.parametrize("folder", BASES, ids=str)
def test_arguments_are_umqtt_s_in_name_order_and_default(folder):
    mine = signatures(paths.FIRMWARE / "hublink" / "net" / "mqtt.py")
    theirs = signatures(folder / "umqtt" / "simple.py")
    for name in PUBLIC:
        assert mine[name][: len(theirs[name])] == theirs[name], name
    assert mine["unsubscribe"] == [("self", None), ("topic", None)]
    names = [name for name, _ in mine["__init__"]]
    assert names[: len(theirs["__init__"])] == [name for name, _ in theirs["__init__"]]


def talk(broker):
    peer = answer(broker)
    peer.grant()
    for _ in range(3):
        packet = peer.packet(codec.PUBLISH)
        if packet.qos:
            peer.send(codec.ack(codec.PUBACK if packet.qos == 1 else codec.PUBREC, packet.packet_id))
        if packet.qos == 2:
            peer.packet(codec.PUBREL)
            peer.send(codec.ack(codec.PUBCOMP, packet.packet_id))
    peer.send(codec.publish("topic", b"payload"))
    peer.packet(codec.PINGREQ)
    peer.send(codec.pingresp())
    packet = peer.packet(codec.UNSUBSCRIBE)
    peer.send(codec.ack(codec.UNSUBACK, packet.packet_id))
    peer.packet(codec.DISCONNECT)
    broker.accept().greet(code=4)


@pytest.mark.parametrize("interpreter", interpreters.INTERPRETERS)
@pytest.mark.parametrize("base", [*BASES, *STAND_INS], ids=str)
def test_any_base_class_will_do(base, interpreter, tmp_path, monkeypatch):
    folder = base
    if base in STAND_INS:
        folder = tmp_path / "base"
        (folder / "umqtt").mkdir(parents=True)
        (folder / "umqtt" / "simple.py").write_text(STAND_INS[base], "utf-8")
    outcome = Runner(Way(OURS, interpreter, folder), tmp_path, monkeypatch).run("talk", talk)
    outcome.assert_good(*TALK.splitlines())


@pytest.mark.parametrize("failure", FAILURES)
def test_errors_are_those_that_programs_catch(device, failure):
    script, seen = FAILURES[failure]
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # without listening
        outcome = device.run("errors", script or (lambda broker: None), nobody.getsockname()[1], failure)
    outcome.assert_good(seen)


def test_a_hub_that_is_not_trusted_is_an_oserror(device, tls_files, tmp_path):
    foreign = TlsFiles(tmp_path / "foreign")
    outcome = device.run("06", listen, *foreign.device_paths, context=tls_files.server_context)
    assert outcome.ending == 1
    assert "LinkError" in outcome.errors
    assert "untrusted_hub" in outcome.errors
