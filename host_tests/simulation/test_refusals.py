"""What the node's functions cannot do is refused at once, by a sentence, and changes nothing."""

import os

import pytest

from host_tests.simulation.weather import BACKOFF_S, CONNECT_S, booted_world, online_world


def sensor():
    return 1


REFUSED = {
    "telemetry without parentheses": (lambda n: n.telemetry(sensor), ValueError, "expected 0.05 to 259200"),
    "telemetry too often": (lambda n: n.telemetry(every_s=0.01), ValueError, "every_s is 0.01"),
    "on_event without parentheses": (lambda n: n.on_event(sensor), TypeError, "expected on_event()"),
    "on: QoS -1": (lambda n: n.on("a/b", qos=-1), ValueError, "QoS -1: "),
    "on: QoS 3": (lambda n: n.on("a/b", qos=3), ValueError, "QoS 3: "),
    "half a second": (lambda n: n.send("a", 1, expiry_s=0.5), ValueError, "expiry_s is 0.5, expected whole"),
    "a text of seconds": (lambda n: n.send("a", 1, expiry_s="9"), ValueError, "expected whole seconds"),
    "seconds ago": (lambda n: n.send("a", 1, expiry_s=-1), ValueError, "expected whole seconds"),
    "more than a life": (lambda n: n.send("a", 1, expiry_s=1 << 31), ValueError, "expected whole seconds"),
    "no number": (lambda n: n.set_state({"v": float("nan")}), TypeError, "no JSON number"),
    "a set": (lambda n: n.set_state({"s": {1, 2}}), TypeError, "expected numbers, texts, lists"),
}


@pytest.mark.parametrize(("call", "kind", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused_at_once(call, kind, sentence):
    with booted_world(program=None) as world:
        with pytest.raises(kind) as refusal:
            call(world.node)
        assert sentence in str(refusal.value)
        outbox = world.node._outbox
        assert (outbox.count, world.node._spool._sending.done()) == (0, 0)
        assert not world.node._telemetry.schedules and not world.node.uplink.state._due


@pytest.mark.parametrize("result", [float("inf"), {1, 2}, b"bytes"], ids=str)
def test_result_of_a_command_that_json_cannot_say_is_an_answer_500(result):
    answers = []
    with booted_world(program=None) as world:
        node = world.node
        node.on_command(lambda name, payload: result)
        node.hub.answer = lambda status, payload: answers.append((status, payload))
        node.inbox._obey("reset", b"")
        assert answers == [(500, b"")] and world.logged("trouble handler_raised: TypeError")


def test_folder_of_messages_that_could_not_be_made_is_made_later():
    with booted_world(program=None) as world:
        os.rmdir(f"{world.folder}/outbox")
        assert world.node.send("kept", 1, durable=True)
        assert os.listdir(f"{world.folder}/outbox")


def test_flash_that_refuses_is_reported():
    with online_world(program=None) as world:
        world.hub.stop()
        world.run(for_s=5)

        def refuse(name, mode):
            raise OSError(5, "EIO")

        folder = world.node._spool._journal._folder
        folder.open = refuse
        assert not world.node.send("kept", 1, durable=True)
        world.run(for_s=120)
        assert 1 <= len(world.logged("trouble flash_refused: OSError(5")) <= 6
        del folder.open
        world.hub.start()
        world.run(until=world.online, limit_s=BACKOFF_S + CONNECT_S)
        world.run(for_s=10)
        assert "flash_refused" in world.hub.troubles()
