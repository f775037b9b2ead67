"""What a node does on every hub, as tests; each test_hub_*.py runs them as a class of its own.

`station` is a fixture there: a Station whose node is online. FreeTopics is what hubs with free topics have in
common, of the kinds that a Station is made for.
"""

import contextlib
import json

from host_tests.system.desk_hub_parts import Client

NAME = "sensor-1"
LOST = r"link ONLINE -> DOWN: (closed_by_hub|reset)"


class FreeTopics:
    """A kind of hub (see Station) whose topics are the user's."""

    name = NAME
    files = ("ca", "cert", "key")
    state_every_s = 1.0

    def telemetry(self, folder=""):
        return f"{NAME}/telemetry/{folder}".rstrip("/")

    def topic(self, kind):
        return f"{NAME}/{kind}"

    def command(self, hub, name, payload):
        hub.publish(f"{NAME}/commands/{name}".rstrip("/"), payload)

    def configure(self, hub, payload):
        hub.publish(f"{NAME}/config", payload)

    def rival(self, station):
        """A client that claims to be the same device."""
        return Client(station.hub, station.workshop, self.device, station.workshop.identity(NAME))


class EveryHub:
    """Telemetry, state, configuration, commands, and the end of a connection."""

    def test_telemetry_arrives_with_and_without_a_subfolder(self, station):
        for folder in ("", "attic", "attic/north"):
            assert station.do(f"node.send('count', 7, {folder!r})") is True
            message = station.arrived(station.kind.telemetry(folder))
            assert json.loads(message.payload)["data"] == 7
            assert (message.qos, message.retain) == (1, False)

    def test_last_state_is_sent_as_often_as_the_hub_bears(self, station):
        topic = station.kind.topic("state")
        for first in (0, 10):
            station.do(f"[node.set_state({{'n': n}}) for n in range({first}, {first + 5})]")
            station.received.next(lambda item, n=first + 4: item[2].payload == b'{"n": %d}' % n)
        times_s = [at_s for at_s, _, message in station.received.items() if message.topic == topic]
        assert times_s[-1] - times_s[-2] >= station.kind.state_every_s

    def test_configuration_arrives_even_if_it_is_empty(self, station):
        for payload in (b'{"every_s": 5}', b"", b"\x00\xff"):
            station.kind.configure(station.hub, payload)
            station.line("test: config b" + repr(payload)[1:].replace("\\", "\\\\") + "$")

    def test_configuration_that_is_too_long_is_reported(self, station):
        station.kind.configure(station.hub, bytes(2000))
        station.line("trouble oversized")

    def test_command_arrives_with_its_name_even_if_it_is_empty(self, station):
        for name, payload in (("reboot", b"now"), ("", b"x"), ("a/b", b"")):
            station.kind.command(station.hub, name, payload)
            station.line(f"test: command {name} {payload!r}$")

    def test_what_cannot_be_sent_is_refused_when_it_is_asked_for(self, station):
        """Whoever does that hears of it; the loop goes on."""
        too_long = ("node.set_state('x' * 1100)", "node.send('long', 'x' * 2100)")
        for order in (*too_long, *station.kind.refusals):
            answer = station.do(order)
            assert "ValueError" in answer, (order, answer)

    def test_second_connection_of_the_same_identity_ends_the_first(self, station):
        """The node says so, waits, and comes back."""
        with contextlib.closing(station.kind.rival(station)) as rival:
            assert rival.connack() == 0
            station.line("trouble (closed_by_hub|reset)")
            assert station.line(LOST + "; again in ([0-9]+) ms")
            station.wait_online()
            assert rival.lost.get(timeout=5)
        assert station.troubles()

    def test_nothing_is_lost_over_a_restart_of_the_hub(self, station):
        station.do("[node.send('count', n) for n in range(5)]")
        station.hub.restart()
        station.line(LOST)
        station.wait_online()
        station.do("[node.send('count', n) for n in range(5, 10)]")
        found = set()
        while found != set(range(10)):
            message = json.loads(station.arrived(station.kind.telemetry("")).payload)
            if message["name"] == "count":
                found.add(message["data"])


class EveryFreeHub(EveryHub):
    """On hubs with free topics also: topics of one's own, and the last will."""

    def test_messages_of_other_topics_are_heard(self, station):
        station.hub.publish("plant/7/level", b"\x00full", qos=1)
        station.line("test: heard plant/7/level b'\\\\x00full'$")

    def test_messages_to_other_topics_arrive(self, station):
        for qos in (0, 1):
            assert station.do(f"node.publish('plant/8/level', b'low', {qos})") is True
            message = station.arrived("plant/8/level")
            assert (message.payload, message.qos) == (b"low", qos)

    def test_last_will_tells_that_the_device_is_gone(self, station):
        topic = station.kind.topic("status")
        assert json.loads(station.arrived(topic).payload)["online"] is True
        station.hub.drop(station.kind.device)
        assert station.logged("will", topic=topic)["retain"] is station.kind.retains
        assert json.loads(station.arrived(topic).payload) == {"online": False}
        assert json.loads(station.arrived(topic).payload)["online"] is True

    def test_device_that_leaves_says_so_itself(self, station):
        assert json.loads(station.arrived(station.kind.topic("status")).payload)["online"] is True
        station.node.stop()
        assert json.loads(station.arrived(station.kind.topic("status")).payload) == {"online": False}
        assert station.logged("disconnect")["reason"] == "DISCONNECT"
        assert not any(record["what"] == "will" for record in station.log.items())

    def test_devices_behind_it_speak_below_its_topics(self, station):
        station.do("node.gateway.attach('light-1')")
        station.devices(ready=1)
        assert station.do("node.gateway.publish('light-1', b'on')") is True
        assert station.arrived(f"{NAME}/light-1/events").payload == b"on"
        station.do("node.gateway.set_state('light-1', {'on': 1})")
        assert station.arrived(f"{NAME}/light-1/state").payload == b'{"on": 1}'
        station.hub.publish(f"{NAME}/light-1/config", b"")
        station.line("test: config of light-1 b''")
        station.hub.publish(f"{NAME}/light-1/commands/dim", b"5")
        station.line("test: command of light-1 dim b'5'")
