"""The desk hub as ClearBlade IoT Core and KORE OmniCore: attach and detach, and what comes of a failure.

One row per rule of hub-dialects 3.4; paho over real TLS. That an acknowledgement is withheld is shown
by one for a later message, which `Client.publish` expects to be the first to come.
"""

import json
import time

import pytest
from hublink_desk.errors import DeskError

from host_tests.system.desk_hub_parts import PATIENCE_S
from host_tests.system.iotcore_parts import (
    GATEWAY,
    LAMP,
    LIGHT,
    Cloud,
    assert_withheld,
    error,
)

DIALECTS = ("clearblade", "omnicore")
BOUND, TOKEN, BOTH = "ASSOCIATION_ONLY", "DEVICE_AUTH_TOKEN_ONLY", "ASSOCIATION_AND_DEVICE_AUTH_TOKEN"


# --- attach ---


ATTACHED = {
    "bound": (BOUND, LIGHT, None),
    "bound-and-empty-token": (BOUND, LIGHT, ""),
    "token-alone": (TOKEN, LAMP, "good"),
    "bound-and-token": (BOTH, LIGHT, "good"),
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("method", "device", "given"), ATTACHED.values(), ids=ATTACHED)
def test_attached_device_is_spoken_for(desk, dialect, method, device, given):
    cloud = Cloud(desk, dialect, method)
    gateway = cloud.gateway()
    for _ in range(2):  # twice is fine
        cloud.attach(gateway, device, cloud.token(device) if given == "good" else given)
    gateway.publish(cloud.topic(device, "events/x"), b"1", qos=1)
    assert cloud.received[-1] == (GATEWAY, cloud.topic(device, "events/x"), b"1")
    assert gateway.subscribe(cloud.topic(device, "config"), 1) == 1
    assert gateway.message() == (cloud.topic(device, "config"), b"")
    assert gateway.subscribe(cloud.topic(device, "commands/#"), 1) == 1
    cloud.hub.send_command(device, b"on", "lamp")
    assert gateway.message() == (cloud.topic(device, "commands/lamp"), b"on")
    assert cloud.hub.devices()[GATEWAY]["attached"] == [device]


NOT_ATTACHED = {
    "unknown": (BOUND, "nobody", b"", "it is not in the registry"),
    "itself": (BOUND, GATEWAY, b"", "it is a gateway"),
    "blocked": (TOKEN, "blocked-1", b"", "it is blocked"),
    "unbound": (BOUND, LAMP, b"", "it is not bound to the gateway"),
    "unbound-with-token": (BOTH, LAMP, "good", "it is not bound to the gateway"),
    "no-token": (TOKEN, LIGHT, b"", "there is no token"),
    "no-token-though-bound": (BOTH, LIGHT, b"{}", "there is no token"),
    "token-of-another": (TOKEN, LIGHT, "another's", "the signature is by none of the device's keys"),
    "expired-token": (TOKEN, LIGHT, "expired", "the token expired 3"),
    "payload-no-json": (BOUND, LIGHT, b"{", "the payload is no JSON object"),
    "payload-no-object": (BOUND, LIGHT, b"[]", "the payload is no JSON object"),
    "payload-nested-deep": (BOUND, LIGHT, b"[" * 9_999, "the payload is no JSON object"),
    "token-no-text": (BOUND, LIGHT, b'{"authorization":1}', "authorization is no text"),
}


def attach_payload(cloud, device, given):
    if isinstance(given, bytes):
        return given
    made = {
        "good": lambda: cloud.token(device),
        "another's": lambda: cloud.token(LAMP),
        "expired": lambda: cloud.token(device, age_s=4000, life_s=600),
    }
    return json.dumps({"authorization": made[given]()}).encode()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("method", "device", "given", "reason"), NOT_ATTACHED.values(), ids=NOT_ATTACHED)
def test_refused_attach_is_not_acknowledged_and_is_an_error(desk, dialect, method, device, given, reason):
    cloud = Cloud(desk, dialect, method)
    gateway, topic = cloud.gateway(), cloud.topic(device, "attach")
    packet_id = gateway.paho.publish(topic, attach_payload(cloud, device, given), 1).mid
    record = error(gateway)
    assert record.pop("description").startswith(f"The device with ID '{device}' cannot be attached: {reason}")
    assert record == {
        "error_type": "GATEWAY_ATTACHMENT_ERROR",
        "device_id": device,
        "mqtt_message_info": {"message_type": "PUBLISH", "topic": topic, "packet_id": packet_id},
    }
    assert_withheld(cloud, gateway)
    assert cloud.hub.devices()[GATEWAY]["attached"] == []


def test_refused_attach_without_a_subscription_is_only_logged(desk):
    cloud = Cloud(desk)
    gateway = cloud.connected(GATEWAY)
    gateway.paho.publish(cloud.topic(LAMP, "attach"), b"", 1)
    assert_withheld(cloud, gateway)
    assert "it is not bound to the gateway" in desk.log.wait("drop")["reason"]


def test_refused_message_can_be_acknowledged_all_the_same(desk):
    cloud = Cloud(desk, is_refused_acknowledged=True)
    gateway = cloud.gateway()
    gateway.publish(cloud.topic(LAMP, "attach"), b"", qos=1)
    assert error(gateway)["error_type"] == "GATEWAY_ATTACHMENT_ERROR"


def test_attached_devices_have_a_limit(desk):
    cloud = Cloud(desk, attached_max=1)
    gateway = cloud.gateway()
    cloud.attach(gateway, LIGHT)
    cloud.attach(gateway, LIGHT)
    cloud.hub.bind(GATEWAY, LAMP)
    gateway.paho.publish(cloud.topic(LAMP, "attach"), b"", 1)
    assert "too many devices are attached" in error(gateway)["description"]
    gateway.publish(cloud.topic(LIGHT, "detach"), b"{}", qos=1)
    cloud.attach(gateway, LAMP)


def test_attachment_ends_with_the_connection(desk):
    cloud = Cloud(desk)
    gateway = cloud.gateway()
    cloud.attach(gateway)
    gateway.close()
    desk.log.wait("disconnect", client=GATEWAY)
    assert cloud.hub.devices()[GATEWAY]["attached"] == []
    again = cloud.gateway()
    again.paho.publish(cloud.topic(LIGHT, "events"), b"", 1)
    assert error(again)["error_type"] == "GATEWAY_DEVICE_NOT_FOUND"


def test_attached_device_whose_token_has_expired_is_detached(desk):
    cloud = Cloud(desk, method=TOKEN, skew_s=0.0)
    gateway = cloud.gateway()
    cloud.attach(gateway, LIGHT, cloud.token(LIGHT, life_s=2))
    gateway.subscribe(cloud.topic(LIGHT, "commands/#"))
    publishing_until_s = time.monotonic() + PATIENCE_S
    while gateway.messages.empty() and time.monotonic() < publishing_until_s:
        gateway.publish(cloud.topic(LIGHT, "events"), b"1")
    assert len(cloud.received) > 1  # before that they passed
    record = error(gateway)
    assert record["error_type"] == "GATEWAY_DETACHMENT_DEVICE_ERROR"
    assert record["description"].endswith("its token has expired.")
    with pytest.raises(DeskError, match="nobody is subscribed"):
        cloud.hub.send_command(LIGHT, b"")


# --- detach ---


@pytest.mark.parametrize("payload", [b"", b"{}"])
def test_detached_device_is_spoken_for_no_more(desk, payload):
    cloud = Cloud(desk, config_per_s=0.0)
    gateway = cloud.gateway()
    cloud.attach(gateway)
    gateway.subscribe(cloud.topic(LIGHT, "config"))
    assert gateway.message() == (cloud.topic(LIGHT, "config"), b"")
    for _ in range(2):  # the second time it is not attached, which is no error
        gateway.publish(cloud.topic(LIGHT, "detach"), payload, qos=1)
    cloud.hub.push_config(LIGHT, b"not for the gateway")
    gateway.paho.publish(cloud.topic(LIGHT, "state"), b"on", 1)
    assert error(gateway)["error_type"] == "GATEWAY_DEVICE_NOT_FOUND"
    cloud.attach(gateway)
    gateway.subscribe(cloud.topic(LIGHT, "config"))
    assert gateway.message() == (cloud.topic(LIGHT, "config"), b"not for the gateway")
