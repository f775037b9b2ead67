# gateway: attaching and what becomes of it, over a real session whose packets a hub in these lines reads.
import json

from hublink import limits, ticks
from hublink.gateway import Gateway
from hublink.hubs import clearblade, generic, scaleway
from hublink.outbox import Outbox
from hublink.protocol.session import UP, Session

_START_MS = 0x3FFFFFFF - 4000


class _Event:
    def __init__(self, code, device):
        self.code = code
        self.object_id = device


def _clearblade(gateway=True):
    settings = {setting: default for setting, _, default, _, _ in clearblade.FIELDS}
    settings.update(project="p1", registry="reg", gateway=gateway)
    return clearblade.Hub(settings, "gw")


def _free(module):
    settings = {setting: default for setting, _, default, _, _ in module.FIELDS}
    settings.update(device_id="id-1")
    return module.Hub(settings, "gw")


class _Desk:
    """A gateway, its session, and its hub. silent: devices whose attach the hub does not answer."""

    def __init__(self, hub=None):
        self.now_ms = _START_MS
        self.silent = []
        self.troubles = []
        self.session = Session(Outbox(4096), 512, 8)
        self.gateway = Gateway(hub or _clearblade(), self.session, self._send, self._trouble)
        self.session.on_ack = self.session.on_unsuback = self.gateway.acked
        self.session.on_suback = self.gateway.subscribed
        self.connect()

    def _send(self, topic, payload, qos):
        return self.session.outbox.put(topic, payload, qos)

    def _trouble(self, reason, detail):
        self.troubles.append((reason, detail))

    def connect(self):
        self.session.connect(self.now_ms, b"gw", None, None, 0, True, None)
        self._packets()
        self._hear(b"\x20\x02\x00\x00")
        assert self.session.state == UP

    def lose(self):
        self.session.close()
        self.gateway.lost()

    def _hear(self, data):
        reader = self.session.reader
        at = 0
        while at < len(data):
            n = min(reader.want, len(data) - at)
            for i in range(n):
                reader.into[i] = data[at + i]
            at += n
            self.session.received(n, self.now_ms)

    def _packets(self):
        packets = []
        session = self.session
        while session.tx(self.now_ms):
            packets.append(bytes(session.tx_buf[session.tx_at : session.tx_at + session.tx_len]))
            session.sent(session.tx_len, self.now_ms)
        return packets

    # Turns for so long; returns what the hub saw: "kind topic payload" of each, in order.
    def run(self, for_ms=2000, turn_ms=50):
        seen = []
        for _ in range(for_ms // turn_ms):
            self.gateway.poll(self.now_ms)
            for packet in self._packets():
                seen.append(self._answer(packet))
            self.now_ms = ticks.add(self.now_ms, turn_ms)
        return seen

    def _answer(self, packet):
        at = 1
        while packet[at] & 128:
            at += 1
        at += 1
        kind = packet[0] & 0xF0
        if kind == 0x30:
            end = at + 2 + (packet[at] << 8 | packet[at + 1])
            topic, packet_id, payload = packet[at + 2 : end], packet[end : end + 2], packet[end + 2 :]
            if topic.split(b"/")[-2].decode() not in self.silent:
                self._hear(b"\x40\x02" + packet_id)
            return "publish %s %s" % (topic.decode(), payload.decode())
        packet_id = packet[at : at + 2]
        name = packet[at + 4 : at + 4 + packet[at + 3]].decode()
        if kind == 0x80:
            self._hear(b"\x90\x04" + packet_id + b"\x01\x01")
            return "subscribe " + name
        self._hear(b"\xb0\x02" + packet_id)
        return "unsubscribe " + name


def _gaps(times_ms):
    return [times_ms[i + 1] - times_ms[i] for i in range(len(times_ms) - 1)]


_ATTACH = 'publish /devices/%s/attach {"authorization": "%s"}'


def _attach(name, token=""):
    return (_ATTACH % (name, token)).replace(": ", ":")


def _plain(seen):
    return [each.replace(": ", ":") for each in seen]


# -- attaching -----------------------------------------------------------------------------------


def case_a_device_is_attached_then_subscribed_for_then_ready():
    desk = _Desk()
    desk.gateway.attach("dev1")
    assert not desk.gateway.is_ready("dev1")
    assert _plain(desk.run()) == [_attach("dev1"), "subscribe /devices/dev1/config"]
    assert desk.gateway.is_ready("dev1")
    assert desk.gateway.status() == {"ready": 1}
    assert desk.run(20000) == []


def case_tokens_are_texts_or_made_when_they_are_needed():
    desk = _Desk()
    made = []

    def token():
        made.append(1)
        return "t%d" % len(made)

    desk.gateway.attach("aaa", "fixed")
    desk.gateway.attach("bbb", token)
    seen = _plain(desk.run())
    assert _attach("aaa", "fixed") in seen
    assert _attach("bbb", "t1") in seen
    desk.lose()
    desk.connect()
    assert _attach("bbb", "t2") in _plain(desk.run())


def case_one_after_another_with_pauses():
    desk = _Desk()
    for i in range(10):
        desk.gateway.attach("dev%d" % i)
    times_ms = []
    for time_ms in range(0, 5000, 10):
        times_ms += [time_ms for each in desk.run(10, 10) if "attach" in each]
    assert len(times_ms) == 10
    assert min(_gaps(times_ms)) >= limits.ATTACH_PAUSE_MS
    assert desk.gateway.status() == {"ready": 10}


def case_a_device_may_not_speak_before_it_is_ready():
    desk = _Desk()
    desk.silent = ["dev1"]
    desk.gateway.attach("dev1")
    desk.run()
    assert desk.gateway.publish("dev1", b"1") is False
    assert desk.gateway.publish("unknown", b"1") is False
    assert desk.session.outbox.count == 0


def case_a_device_speaks_in_its_own_topics():
    desk = _Desk()
    desk.gateway.attach("dev1")
    desk.run()
    assert desk.gateway.publish("dev1", b"1")
    assert desk.gateway.publish("dev1", b"2", "sub/folder")
    assert desk.run() == ["publish /devices/dev1/events 1", "publish /devices/dev1/events/sub/folder 2"]


def case_a_folder_that_makes_no_topic_is_refused():
    desk = _Desk()
    desk.gateway.attach("dev1")
    desk.run()
    for folder in ("a+b", "a/#", "\0"):
        _refused(lambda name, f=folder: desk.gateway.publish(name, b"1", f), "dev1", "is no topic of")
    assert desk.session.outbox.count == 0


def case_what_the_hub_leaves_unanswered_is_tried_again_later_and_later():
    desk = _Desk()
    desk.silent = ["dev1"]
    desk.gateway.attach("dev1")
    tries_ms = [time_ms for time_ms in range(0, 1_200_000, 50) if desk.run(50)]
    gaps_ms = _gaps(tries_ms)
    waits_ms = (5000, 10000, 20000, 40000, 80000, 160000, 300000, 300000)
    for i in range(len(gaps_ms)):
        assert 0 <= gaps_ms[i] - waits_ms[i] - limits.ATTACH_MS <= 200
    assert len(gaps_ms) >= 7
    assert desk.troubles[:2] == [("attach_timeout", "dev1")] * 2
    assert desk.session.state == UP
    desk.silent = []
    desk.run(310000)
    assert desk.gateway.is_ready("dev1")
    # Once it has worked, the waits begin anew.
    desk.silent = ["dev1"]
    desk.lose()
    desk.connect()
    tries_ms = [time_ms for time_ms in range(0, 40000, 50) if desk.run(50)]
    assert _gaps(tries_ms)[0] <= 5000 + limits.ATTACH_MS + 200


def case_one_that_is_not_answered_does_not_hold_up_the_others_for_ever():
    desk = _Desk()
    desk.silent = ["dev1"]
    for name in ("dev1", "dev2", "dev3"):
        desk.gateway.attach(name)
    desk.run(15000)
    assert desk.gateway.status() == {"waiting": 1, "ready": 2}


def case_attaching_twice_is_attaching_anew():
    desk = _Desk()
    desk.gateway.attach("dev1", "old")
    desk.run()
    desk.gateway.attach("dev1", "new")
    assert _plain(desk.run())[0] == _attach("dev1", "new")
    assert desk.gateway.status() == {"ready": 1}


def case_a_token_that_cannot_be_made_is_a_trouble_and_no_more():
    class LongError(KeyError):
        def __repr__(self):
            raise MemoryError

    desk = _Desk()

    def token():
        raise LongError

    desk.gateway.attach("dev1", token)
    desk.gateway.attach("dev2", "x" * 2000)  # fits into no packet
    desk.gateway.attach("dev3")
    desk.run()
    assert desk.gateway.status() == {"waiting": 2, "ready": 1}
    assert [reason for reason, _ in desk.troubles] == ["attach_failed"] * 2


def case_names_and_numbers_are_bounded():
    hub = _clearblade()
    hub.ATTACHED_MAX = 3
    gateway = _Desk(hub).gateway
    for name in (
        "",
        "a/b",
        "+",
        "#",
        "x" * 256,
        None,
        5,
        "ab",
        "1abc",
        "-abc",
        "a b",
        "a+b",
        "a\0b",
        "abc\xe9",
        "goog-1",
    ):
        _refused(gateway.attach, name, "expected a name as clearblade has it")
    for name in ("aaa", "b-._~%9", "google"[1:] + "c" * 250, "aaa"):
        gateway.attach(name)
    _refused(gateway.attach, "ddd", "expected at most 3")
    _refused(lambda name: gateway.set_state(name, 1), "ddd", "expected one that was attached")
    _refused(lambda data: gateway.set_state("aaa", data), {"v": float("nan")}, "no JSON number")
    for name in ("", "a/b", "+", "#", "x" * 256, "a\0b"):
        _refused(_Desk(_free(generic)).gateway.attach, name, "expected a name as generic has it")


def case_a_device_that_is_no_gateway_attaches_none():
    _refused(_Desk(_clearblade(False)).gateway.attach, "dev1", "expected hub.gateway: true")


def _refused(function, name, text):
    try:
        function(name)
    except (ValueError, TypeError) as e:
        assert text in str(e), e
        return
    raise AssertionError(name)


# -- what the hub reports ------------------------------------------------------------------------


def case_what_each_error_means():
    for code, state in (
        ("GATEWAY_ATTACHMENT_ERROR", "refused"),
        ("GATEWAY_DETACHMENT_DEVICE_ERROR", "refused"),
        ("GATEWAY_INVALID_MQTT_TOPIC", "ready"),
        ("GATEWAY_UNEXPECTED_PACKET_ID", "ready"),
        ("GATEWAY_UNEXPECTED_MESSAGE_TYPE", "ready"),
        ("UNKNOWN", "ready"),
        ("unparsed", "ready"),
    ):
        desk = _Desk()
        desk.gateway.attach("dev1")
        desk.gateway.attach("dev2")
        desk.run()
        desk.gateway.event(_Event(code, "dev1"))
        assert desk.run(20000) == [], code
        assert desk.gateway.is_ready("dev1") == (state == "ready"), code
        assert desk.gateway.is_ready("dev2")


def case_a_detached_device_with_a_token_to_make_is_attached_anew_once():
    desk = _Desk()
    desk.gateway.attach("dev1", lambda: "t")
    desk.run()
    desk.gateway.event(_Event("GATEWAY_DETACHMENT_DEVICE_ERROR", "dev1"))
    assert _plain(desk.run())[0] == _attach("dev1", "t")
    desk.gateway.event(_Event("GATEWAY_DETACHMENT_DEVICE_ERROR", "dev1"))
    assert desk.run() == []
    assert desk.gateway.status() == {"refused": 1}


def case_several_reports_of_one_loss_are_one():
    desk = _Desk()
    desk.gateway.attach("dev1")
    desk.run()
    for _ in range(3):
        desk.gateway.event(_Event("GATEWAY_DEVICE_NOT_FOUND", "dev1"))
    desk.run(50)
    desk.gateway.event(_Event("GATEWAY_DEVICE_NOT_FOUND", "dev1"))
    desk.run()
    assert desk.gateway.is_ready("dev1")


def case_every_connection_may_lose_a_device_once():
    desk = _Desk()
    desk.gateway.attach("dev1")
    for _ in range(3):
        desk.run()
        desk.gateway.event(_Event("GATEWAY_DEVICE_NOT_FOUND", "dev1"))
        desk.run()
        assert desk.gateway.is_ready("dev1")
        desk.lose()
        desk.connect()


def case_a_refusal_ends_the_waiting_for_an_answer():
    desk = _Desk()
    desk.silent = ["dev1"]
    desk.gateway.attach("dev1")
    desk.gateway.attach("dev2")
    desk.run(200)
    desk.gateway.event(_Event("GATEWAY_ATTACHMENT_ERROR", "dev1"))
    desk.run(1000)
    assert desk.gateway.status() == {"refused": 1, "ready": 1}
    assert desk.troubles == []


# Whoever the report names: of a name that makes no topic it is the gateway.
def case_a_report_of_the_packet_that_attaches_is_a_refusal():
    for code, about in (("GATEWAY_INVALID_MQTT_TOPIC", "gw"), ("GATEWAY_ATTACHMENT_ERROR", None)):
        desk = _Desk()
        desk.silent = ["dev1"]
        desk.gateway.attach("dev1")
        desk.run(100)
        desk.gateway.attach("dev2")
        packet_id = desk.session.asked_id
        desk.gateway.event(_Event(code, about), packet_id + 1)
        desk.gateway.event(_Event(code, about), 0)
        desk.gateway.event(_Event(code, about), b"/devices/gw/#")
        assert desk.gateway.status() == {"waiting": 2}
        desk.session.refused(packet_id)
        desk.gateway.event(_Event(code, about), packet_id)
        desk.run(1000)
        assert desk.gateway.status() == {"refused": 1, "ready": 1}
        desk.gateway.event(_Event(code, about), packet_id)  # it is over
        assert desk.run(20000) == []
        assert desk.troubles == []


# A desk whose gateway detaches dev1, which the hub does not answer.
def _detaching():
    desk = _Desk()
    desk.gateway.attach("dev1")
    desk.run()
    desk.silent = ["dev1"]
    desk.gateway.detach("dev1")
    return desk


def case_a_report_of_the_packet_that_detaches_ends_it():
    desk = _detaching()
    desk.run(100)
    desk.gateway.event(_Event("GATEWAY_INVALID_MQTT_TOPIC", "gw"), desk.session.asked_id)
    assert desk.run(20000) == []
    assert desk.gateway.status() == {}


def case_a_detach_that_is_not_answered_holds_up_nobody_for_ever():
    desk = _detaching()
    desk.gateway.attach("dev2")
    desk.run(15000)
    assert desk.gateway.is_ready("dev2")


def case_a_refused_device_stays_so_until_it_is_attached_again():
    desk = _Desk()
    desk.gateway.attach("dev1")
    desk.run()
    desk.gateway.event(_Event("GATEWAY_ATTACHMENT_ERROR", "dev1"))
    desk.lose()
    desk.connect()
    assert desk.run() == []
    desk.gateway.attach("dev1")
    desk.run()
    assert desk.gateway.is_ready("dev1")


def case_one_that_the_hub_has_lost_is_attached_anew_once():
    desk = _Desk()
    desk.gateway.attach("dev1")
    desk.run()
    desk.gateway.event(_Event("GATEWAY_DEVICE_NOT_FOUND", "dev1"))
    assert _plain(desk.run())[0] == _attach("dev1")
    assert desk.gateway.is_ready("dev1")
    desk.gateway.event(_Event("GATEWAY_DEVICE_NOT_FOUND", "dev1"))
    assert desk.run() == []
    assert desk.gateway.status() == {"refused": 1}


def case_events_about_others_change_nothing():
    desk = _Desk()
    desk.gateway.attach("dev1")
    desk.run()
    for name in ("dev2", "gw", "", None):
        desk.gateway.event(_Event("GATEWAY_ATTACHMENT_ERROR", name))
    assert desk.gateway.status() == {"ready": 1}


# -- connections come and go ---------------------------------------------------------------------


def case_after_a_reconnect_all_are_attached_again_and_messages_may_wait_for_that():
    desk = _Desk()
    for name in ("dev1", "dev2"):
        desk.gateway.attach(name)
    desk.run()
    assert desk.gateway.restoring == 0
    desk.lose()
    assert not desk.gateway.is_ready("dev1")
    assert desk.gateway.restoring == 2
    desk.lose()
    assert desk.gateway.restoring == 2
    desk.connect()
    assert _plain(desk.run())[0] in (_attach("dev1"), _attach("dev2"))
    assert desk.gateway.status() == {"ready": 2}
    assert desk.gateway.restoring == 0


def case_messages_wait_no_longer_than_one_try():
    desk = _Desk()
    desk.gateway.attach("dev1")
    desk.run()
    desk.lose()
    desk.silent = ["dev1"]
    desk.connect()
    desk.run(limits.ATTACH_MS + 500)
    assert desk.gateway.restoring == 0


def case_a_connection_lost_in_every_step():
    for turns in range(12):
        desk = _Desk()
        desk.gateway.attach("dev1")
        desk.gateway.attach("dev2")
        desk.run(50 * turns)
        desk.lose()
        desk.connect()
        desk.run()
        assert desk.gateway.status() == {"ready": 2}, turns


# -- detaching -----------------------------------------------------------------------------------


def case_only_a_device_that_was_attached_is_detached():
    desk = _Desk()
    try:
        desk.gateway.detach("dev1")
    except ValueError as e:
        assert str(e) == "gateway: device dev1, expected one that was attached"
    else:
        raise AssertionError("it was")


def case_a_detached_device_is_forgotten_once_the_hub_knows():
    desk = _Desk()
    desk.gateway.attach("dev1")
    desk.run()
    desk.gateway.detach("dev1")
    assert desk.gateway.publish("dev1", b"1") is False
    assert desk.run() == ["publish /devices/dev1/detach {}"]
    assert desk.gateway.status() == {}
    desk.lose()
    desk.connect()
    assert desk.run() == []


def case_an_error_does_not_keep_a_device_that_is_to_be_detached():
    desk = _Desk()
    desk.gateway.attach("dev1")
    desk.run()
    desk.gateway.detach("dev1")
    desk.gateway.event(_Event("GATEWAY_DEVICE_NOT_FOUND", "dev1"))
    desk.run()
    assert desk.gateway.status() == {}


def case_detaching_in_every_step_of_attaching():
    for turns in range(12):
        desk = _Desk()
        desk.gateway.attach("dev1")
        desk.run(50 * turns)
        desk.gateway.detach("dev1")
        desk.run()
        assert desk.gateway.status() == {}, turns
        desk.gateway.attach("dev1")
        desk.run()
        assert desk.gateway.is_ready("dev1"), turns


# -- state, configuration, commands --------------------------------------------------------------


def case_the_last_state_is_sent_as_often_as_the_hub_bears():
    desk = _Desk()
    desk.gateway.attach("dev1")
    for i in range(5):
        desk.gateway.set_state("dev1", {"n": i})
    seen = [each for each in desk.run() if "state" in each]
    assert [json.loads(each.split(" ", 2)[2]) for each in seen] == [{"n": 4}]
    times_ms = []
    for time_ms in range(0, 5000, 50):
        desk.gateway.set_state("dev1", time_ms)
        times_ms += [time_ms for each in desk.run(50) if "state" in each]
    assert min(_gaps(times_ms)) >= 1500
    assert len(times_ms) >= 4


def case_a_state_is_sent_again_until_the_hub_has_it():
    desk = _Desk()
    desk.gateway.attach("dev1")
    desk.run()
    desk.silent = ["dev1"]
    desk.gateway.set_state("dev1", 1)
    assert desk.run(500) == ["publish /devices/dev1/state 1"]
    desk.silent = []
    desk.lose()
    desk.connect()
    seen = desk.run()
    assert seen[-1] == "publish /devices/dev1/state 1"
    assert desk.run(20000) == []


def case_a_state_that_gets_its_device_detached_holds_up_nobody():
    desk = _Desk()
    desk.gateway.attach("dev1")
    desk.gateway.attach("dev2")
    desk.run()
    desk.silent = ["dev1"]
    desk.gateway.set_state("dev1", 1)
    desk.run(500)
    desk.gateway.event(_Event("GATEWAY_DETACHMENT_DEVICE_ERROR", "dev1"))
    desk.gateway.set_state("dev2", 2)
    assert desk.run(2000) == ["publish /devices/dev2/state 2"]


def case_configuration_and_commands_of_bound_devices():
    desk = _Desk()
    heard = []
    desk.gateway.on_config(lambda *given: heard.append(given))
    desk.gateway.on_command(lambda *given: heard.append(given))
    desk.gateway.attach("dev1")
    assert desk.gateway.message(b"/devices/dev1/config", b"")
    assert desk.gateway.message(b"/devices/dev1/commands/a/b", b"x")
    assert desk.gateway.message(b"/devices/dev1/commands", b"y")
    assert desk.gateway.message(b"/devices/dev1/other", b"z")
    assert not desk.gateway.message(b"/devices/dev2/config", b"")
    assert not desk.gateway.message(b"elsewhere", b"")
    assert heard == [("dev1", b""), ("dev1", "a/b", b"x"), ("dev1", "", b"y")]


# -- hubs that know no attaching -----------------------------------------------------------------


def case_on_other_hubs_devices_have_topics_below_the_gateways():
    for module in (generic, scaleway):
        desk = _Desk(_free(module))
        desk.gateway.attach("dev1", "token that nobody wants")
        assert desk.run() == ["subscribe gw/dev1/config"]
        assert desk.gateway.publish("dev1", b"1")
        desk.gateway.set_state("dev1", 2)
        assert desk.run() == ["publish gw/dev1/state 2", "publish gw/dev1/events 1"]
        assert desk.gateway.message(b"gw/dev1/commands/go", b"")
        desk.gateway.detach("dev1")
        assert desk.run() == ["unsubscribe gw/dev1/config"]
        assert desk.gateway.status() == {}
