"""Deficiencies 5 to 7, 13, 17 to 19 and 21 of docs/umqtt.md: connecting, waiting, and how both end."""

import signal
import socket

from host_tests.fakes import codec
from host_tests.system.umqtt.runner import kinds, listen

SILENCE_S = 0.2

SLOW_NAMES = """
from umqtt import simple
import socket, time


class slow:
    socket = socket.socket

    def getaddrinfo(*where):
        time.sleep(14)  # what rp2 takes (platform-facts 2.3)


simple.socket = slow
"""
SILENT_NAMES = """
from hublink.net.resolver import Resolver


class MQTTClient(MQTTClient):
    def __init__(self, *args):
        super().__init__(*args, resolver=Resolver(["127.0.0.1:%d"], list, False))
"""


def test_05_stall_inside_a_packet_is_waited_out(way):
    def script(broker):
        peer = broker.accept()
        peer.greet()
        packet = peer.packet(codec.PUBLISH)
        peer.send(codec.ack(codec.PUBACK, packet.packet_id) + codec.publish("stalled", b"message")[:5])
        peer.end()

    outcome = way.run("05", script)
    if way.is_original:
        assert (outcome.lines, outcome.ending) == ([], "hangs")
        return
    outcome.assert_good("checked None", "OSError")


def test_06_tls_is_not_touched_after_its_end(way, tls_files):
    outcome = way.run("06", listen, *tls_files.device_paths, context=tls_files.server_context)
    if way.is_original:
        assert outcome.lines == ["checked None"]
        assert outcome.ending == -signal.SIGSEGV
        return
    outcome.assert_good("checked None", "OSError")


def test_07_ping_without_answer_is_noticed(way):
    outcome = way.run("07", listen)
    assert codec.PINGREQ in kinds(outcome.peers[0])
    outcome.assert_good("all well" if way.is_original else "OSError")


def test_13_broken_greetings_are_oserrors(way):
    def script(broker):
        for answer in (b"", b"\x20\x02", b"\xd0\x00\x00\x00", codec.connack(5, False)):
            peer = broker.accept()
            peer.packet(codec.CONNECT)
            peer.send(answer)
            peer.close()

    outcome = way.run("13", script)
    if way.is_original:
        outcome.assert_good("IndexError", "IndexError", "AssertionError", "MQTTException")
        return
    outcome.assert_good("LinkError", "LinkError", "LinkError", "MQTTException")


def test_17_sockets_are_closed(way):
    left_open = []

    def script(broker):
        first = broker.accept()
        first.greet()
        second = broker.accept()
        left_open.append(first.is_silent(SILENCE_S))
        second.greet()
        second.packet(codec.PUBLISH)
        second.reset()

    outcome = way.run("17", script)
    if way.is_original:
        assert left_open == [True]
        assert (outcome.lines, outcome.ending) == (["OSError"], 1)
        return
    outcome.assert_good("OSError", "closed")
    assert left_open == [False]


def test_18_looking_up_a_name_is_bounded(way):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        insert = SLOW_NAMES if way.is_original else SILENT_NAMES % silent.getsockname()[1]
        outcome = way.run("18", lambda broker: None, insert=insert)
    if way.is_original:
        assert outcome.ending == "hangs"
        return
    outcome.assert_good("OSError", "in time")


def test_19_tls_that_verifies_nothing_is_refused(way, tls_files):
    outcome = way.run("19", listen, context=tls_files.server_context)
    if way.is_original:
        assert outcome.lines == ["connected"]
        assert outcome.peers[0].packets[0].password == b"secret"
        return
    assert (outcome.lines, outcome.ending) == (["ValueError"], 0), outcome.errors
    assert outcome.peers == []


def test_21_keepalive_is_the_program_s_own(way):
    def script(broker):
        for _ in range(2):
            peer = broker.accept()
            peer.greet()
            peer.end()

    outcome = way.run("21", script)
    assert [peer.packets[0].keepalive_s for peer in outcome.peers] == [0, 1]
    if way.is_original:
        assert outcome.ending == "hangs"
        return
    outcome.assert_good("OSError")
