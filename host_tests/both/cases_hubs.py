# hubs: what every hub must answer, whichever it is.
from hublink import config, hubs
from hublink.events import SEVERITIES, Event
from hublink.outbox import Outbox
from hublink.protocol import packets
from hublink.protocol.session import Session

_GARBAGE = (
    b"", b" ", b"\0", b"\xff\xfe\xfd", b"not json", b"{", b"[", b"null", b"true", b"1", b"-1.5e3", b'"text"',
    b"[]", b"{}", b"[1,2]",
    b'[{"msg":"a","object-id":"b"}]', b'{"msg":1,"object-id":2}', b"[" * 900, b'{"a":' * 200,
    b'{"msg":"\xff\xfe","object-id":"x"}', b"9" * 1000, bytes(1024), b"\xe2\x82", b'{"\xf0\x9f\x98\x80":1}',
)  # fmt: skip


# Settings of the shortest and of the longest kind, as config.py lets them through.
def _settings(name, longest):
    settings = {}
    for setting, kind, default, _, high in hubs.module(name).FIELDS:
        if kind in ("text", "id", "topic", "filter") and (longest or default is None):
            settings[setting] = "x" * (high if longest else 1)
        else:
            settings[setting] = default
    return settings


def _hub(name, longest=False):
    settings = _settings(name, longest)
    settings["host"] = "h" * (253 if longest else 1)
    return hubs.module(name).Hub(settings, "d" * 64 if longest else "d")


def case_every_name_has_a_module():
    for name in hubs.NAMES:
        assert hubs.module(name).Hub.NAME == name


def case_other_names_are_refused():
    for name in ("", "aws", "Generic", "generic.Hub", "../generic", "__init__", None, 1):
        try:
            hubs.module(name)
        except ValueError as e:
            assert str(e) == "expected one of generic, scaleway, clearblade, omnicore, azure"
        else:
            raise AssertionError(name)


def case_fields_are_settings_that_config_knows():
    for name in hubs.NAMES:
        for setting, kind, default, low, high in hubs.module(name).FIELDS:
            assert isinstance(kind, tuple) or kind in config._CHECKS, setting
            assert low <= high, setting
            assert default is None or isinstance(default, (str, int, bool)), setting


def case_every_hub_gives_the_same_five_answers_as_bytes():
    for name in hubs.NAMES:
        hub = _hub(name)
        client_id, user, password = hub.credentials(None)
        assert isinstance(client_id, bytes)
        for each in (user, password):
            assert each is None or isinstance(each, bytes)
        for topic in (hub.telemetry_topic, hub.state_topic, hub.status_topic, hub.telemetry("sub/folder")):
            assert isinstance(topic, bytes)
            assert packets.is_topic(topic, 0, len(topic))
        if hub.will():
            topic, payload, qos, retain = hub.will()
            assert packets.is_topic(topic, 0, len(topic))
            assert isinstance(payload, bytes)
            assert 0 <= qos <= hub.MAX_QOS
            assert retain in (True, False)
        for topic_filter, qos in hub.subscriptions():
            assert packets.is_filter(topic_filter)
            assert 0 <= qos <= hub.MAX_QOS
        assert hub.CLEAN_SESSION in (True, False)


def case_a_folder_that_makes_no_topic_is_refused():
    for name in hubs.NAMES:
        hub = _hub(name)
        assert hub.permitted(hub.telemetry("sub/folder")) == hub.telemetry("sub/folder")
        for folder in ("a+b", "a/#", "a\0"):
            topic = hub.telemetry(folder)
            try:
                permitted = hub.permitted(topic)
            except ValueError as e:
                assert str(e) == "%s is no topic of a %s hub's" % (topic, name)
            else:  # as it is quoted there
                assert (name, permitted) == ("azure", topic)


def case_the_longest_settings_fit_into_the_session():
    for name in hubs.NAMES:
        hub = _hub(name, True)
        client_id, user, password = hub.credentials(None)
        # The longest token: of a name of 64 bytes, signed.
        password = b"x" * 300 if hub.token_life_s else password
        session = Session(Outbox(64))
        session.connect(0, client_id, user, password, 65535, True, hub.will())
        session.tx(0)
        session.sent(session.tx_len, 0)
        for data in (b"\x20\x02", b"\x00\x00"):
            for i in range(2):
                session.reader.into[i] = data[i]
            session.received(2, 0)
        assert session.announce(hub.status_topic, b'{"online":true,"version":"1.22.333"}', True)
        session.tx(0)
        session.sent(session.tx_len, 0)
        if hub.subscriptions():
            assert session.subscribe(packets.SUBSCRIBE, hub.subscriptions(), 0)


def case_garbage_is_an_event_with_every_hub():
    for name in hubs.NAMES:
        hub = _hub(name)
        if name == "azure":  # it reports no errors
            continue
        for payload in _GARBAGE:
            event = hub.event(b"some/topic", payload)
            assert isinstance(event, Event), payload
            assert event.hub == name
            assert event.severity in SEVERITIES
            assert isinstance(event.code, str)
            assert str(event)


def case_the_will_says_that_the_device_is_gone():
    for name in hubs.NAMES:
        hub = _hub(name)
        if name in ("clearblade", "omnicore"):  # these know no will
            assert hub.will() is None
        else:
            assert hub.will()[:2] == (hub.status_topic, b'{"online":false}')
