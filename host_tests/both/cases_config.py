# config: every setting's bounds and wrong types, and what the complaint about them says.
import json

from hublink import config, hubs, limits

_BASE = {
    "device": "d1",
    "hub": {"type": "generic", "host": "hub.example.test"},
    "tls": {"ca": ["ca.der"], "cert": "device.der", "key": "key.der"},
}
_SCALEWAY = {"type": "scaleway", "host": "iot.example.test", "device_id": "0f36-a1"}
_CLEARBLADE = {"type": "clearblade", "host": "mqtt.example.test", "project": "p1", "registry": "reg"}
_AZURE = {"type": "azure", "host": "hub.example.test"}
_OMNICORE = {"type": "omnicore", "host": "mqtt.example.test", "subscription": "s1", "registry": "reg"}

# Values of a wrong type, for each kind of setting.
_WRONG = {
    "text": (0, 1.5, True, None, [], {}, ["a"]),
    "number": ("8883", "", 1.5, 60.0, True, False, None, [], {}),
    "flag": ("true", "", 0, 1, None, [], {}),
    "list": ("a", "", 1, True, None, {}, {"a": 1}),
    "section": ("x", "", 1, True, None, [], ["a"]),
}

# The longest name of a host, and one byte more.
_HOST_253 = ".".join(["x" * 63] * 3) + "." + "x" * 61
_HOST_254 = _HOST_253 + "x"

# Setting, kind, values that are good, values that are not although their type is right, part of what is
# expected. "x" * n stands at both sides of each bound.
_SETTINGS = (
    (
        "device",
        "text",
        ("d", "x" * 64, "d-1_A.b:c", "XYZ", "gr\u00fcn"),
        ("", "x" * 65, "\u00fc" * 33, "a/b", "a+", "#", "a b", "a\tb", "a\n", "{d}", "}"),
        "a name of 1 to 64 bytes without / + # { } or spaces",
    ),
    ("wifi", "section", ({}, {"networks": []}), (), "an object of settings"),
    ("clock", "section", ({},), (), "an object of settings"),
    ("dns", "section", ({},), (), "an object of settings"),
    ("telemetry", "section", ({},), (), "an object of settings"),
    ("memory", "section", ({},), (), "an object of settings"),
    ("hub", "section", (), (), "an object of settings"),
    ("tls", "section", (), (), "an object of settings"),
    ("wifi.networks", "list", ([],), ([{"ssid": "a"}] * 9,), "a list of 0 to 8 objects with ssid"),
    ("wifi.country", "text", ("", "FR"), ("FRA",), "a text of 0 to 2 bytes"),
    ("wifi.hostname", "text", ("h", "x" * 32), ("", "x" * 33), "a text of 1 to 32 bytes"),
    (
        "clock.servers",
        "list",
        ([], ["pool.ntp.org"], ["192.0.2.1"], ["a:1", "b:65535"], ["a"] * 4, [_HOST_253 + ":65535"]),
        (
            ["a"] * 5, [1], [None], [""], ["a:"], ["a:0"], ["a:65536"], ["a:x"], ["a:-1"], [":1"], ["a:1:2"],
            ["a..b"], ["a", 1], [_HOST_254],
        ),
        'a list of 0 to 4 texts "host" or "host:port"',
    ),
    ("dns.servers", "list", ([], ["192.0.2.1"], ["192.0.2.1:53"]), ([1], [""], ["192.0.2.1"] * 5), "0 to 4"),
    ("hub.type", "text", (), ("", "Generic", "aws", "../generic"), "one of generic, scaleway"),
    (
        "hub.host",
        "text",
        ("h", "192.0.2.1", "hub.example.test", _HOST_253),
        ("", "a..b", ".a", "a.", "x" * 64, "a:8883", "mqtts://a", "a/b", _HOST_254),
        "a host name or IPv4 address of 1 to 253 bytes",
    ),
    ("hub.port", "number", (1, 443, 8883, 65535), (0, -1, 65536), "a whole number from 1 to 65535"),
    ("hub.keepalive_s", "number", (30, 60, 1177), (0, 29, 1178), "a whole number from 30 to 1177"),
    ("hub.client_id", "text", ("c", "x" * 128), ("", "x" * 129), "a text of 1 to 128 bytes"),
    ("hub.user", "text", ("", "u", "x" * 256), ("x" * 257,), "a text of 0 to 256 bytes"),
    ("hub.password", "text", ("", "p", "x" * 256), ("x" * 257,), "a text of 0 to 256 bytes"),
    (
        "hub.errors_filter",
        "text",
        ("", "a/b", "a/#", "+/b", "{device}/errors", "x" * 256),
        ("x" * 257, "a#", "a/#/b", "a+", "\0"),
        "a topic filter of 0 to 256 bytes",
    ),
    (
        "hub.errors_parser",
        "text",
        ("generic", "scaleway", "clearblade", "omnicore"),
        ("", "text", "azure"),
        "one of generic, scaleway, clearblade, omnicore",
    ),
    ("hub.retain", "flag", (True, False), (), "true or false"),
    (
        "tls.ca",
        "list",
        (["a"], ["a", "b", "c", "d"], ["x" * 128]),
        ([], ["a"] * 5, [""], ["x" * 129], [1], [None], [["a"]]),
        "a list of 1 to 4 file names",
    ),
    ("tls.cert", "text", ("c", "x" * 128), ("", "x" * 129), "a text of 1 to 128 bytes"),
    ("tls.key", "text", ("k", "x" * 128), ("", "x" * 129), "a text of 1 to 128 bytes"),
    ("telemetry.qos", "number", (0, 1), (-1, 2), "a whole number from 0 to 1"),
    ("telemetry.vitals_s", "number", (0, 60, 86400), (-1, 86401), "a whole number from 0 to 86400"),
    ("memory.outbox_len", "number", (512, 65536), (0, 511, 65537), "a whole number from 512 to 65536"),
    ("memory.receive_len", "number", (256, 65536), (255, 65537), "a whole number from 256 to 65536"),
    ("memory.window", "number", (1, 8, 16), (0, 17), "a whole number from 1 to 16"),
    ("flash", "section", ({},), (), "an object of settings"),
    ("flash.messages_len", "number", (131072, 4194304), (8191, 4194305), "from 8192 to 4194304"),
    ("flash.messages_max", "number", (128, 1000000), (127, 1000001), "a whole number from 128 to 1000000"),
    (
        "flash.when_full",
        "text",
        ("drop_oldest", "drop_newest", "refuse"),
        ("", "drop"),
        "one of drop_oldest, drop_newest, refuse",
    ),
)
# Of hubs with free topics.
_TOPIC_SETTINGS = tuple(
    [
        (
            "hub." + name,
            "text",
            ("t", "a/b", "{device}/t", "x" * 256),
            ("", "x" * 257, "a/#", "+/t", "a\0"),
            "a topic of 1 to 256 bytes without + and #",
        )
        for name in ("telemetry_topic", "state_topic", "status_topic")
    ]
    + [
        (
            "hub." + name,
            "text",
            ("", "t", "{device}/t", "x" * 256),
            ("x" * 257, "a/#", "+", "a\0"),
            "a topic of 0 to 256 bytes without + and #",
        )
        for name in ("config_topic", "commands_topic")
    ]
)
_SETTINGS += _TOPIC_SETTINGS
_SCALEWAY_SETTINGS = _TOPIC_SETTINGS + (
    ("hub.auth", "text", ("mtls",), ("", "MTLS", "none"), "one of mtls, device_id"),
    ("hub.device_id", "text", ("d", "x" * 36), ("", "x" * 37, "a#"), "a name of 1 to 36 bytes without / + #"),
    ("hub.plan", "text", ("shared", "dedicated"), ("", "Shared", "ha"), "one of shared, dedicated"),
    (
        "hub.events_prefix",
        "text",
        ("$SCW/events", "e", "x" * 128),
        ("", "x" * 129, "a/#", "+"),
        "a topic of 1 to 128 bytes",
    ),
)
_TOKEN_SETTINGS = (
    ("hub.token_life_s", "number", (1200, 3600, 86400), (0, 1199, 86401), "from 1200 to 86400"),
    ("hub.gateway", "flag", (True, False), (), "true or false"),
)
_CLEARBLADE_SETTINGS = _TOKEN_SETTINGS + (
    ("hub.project", "text", ("p", "x" * 64), ("", "x" * 65, "a/b"), "a name of 1 to 64 bytes"),
    ("hub.region", "text", ("r", "x" * 64), ("", "x" * 65, "a+"), "a name of 1 to 64 bytes"),
    ("hub.registry", "text", ("reg", "x" * 255), ("", "re", "x" * 256), "a name of 3 to 255 bytes"),
    ("hub.device_id", "text", ("dev", "x" * 255), ("", "de", "x" * 256, "a/b#"), "a name of 3 to 255 bytes"),
)
_OMNICORE_SETTINGS = _TOKEN_SETTINGS + (
    ("hub.subscription", "text", ("s", "x" * 64), ("", "x" * 65), "a name of 1 to 64 bytes"),
    ("hub.registry", "text", ("reg", "x" * 128), ("", "re", "x" * 129), "a name of 3 to 128 bytes"),
    ("hub.device_id", "text", ("dev", "x" * 128), ("", "de", "x" * 129, "a#b"), "a name of 3 to 128 bytes"),
)
_AZURE_SETTINGS = (
    ("hub.device_id", "text", ("d", "x" * 128), ("", "x" * 129, "a/b"), "a name of 1 to 128 bytes"),
    ("hub.auth", "text", ("x509",), ("", "X509", "none"), "one of x509, sas"),
    ("hub.token_life_s", "number", (1200, 86400), (1199, 86401), "from 1200 to 86400"),
)
_HUBS = (
    (_SCALEWAY, _SCALEWAY_SETTINGS),
    (_CLEARBLADE, _CLEARBLADE_SETTINGS),
    (_OMNICORE, _OMNICORE_SETTINGS),
    (_AZURE, _AZURE_SETTINGS),
)
_PREFIXES = ("", "wifi.", "clock.", "dns.", "hub.", "tls.", "telemetry.", "memory.", "flash.")
_NETWORK_SETTINGS = (
    ("ssid", "text", ("s", "x" * 32), ("", "x" * 33, "\u00fc" * 17), "a text of 1 to 32 bytes"),
    ("password", "text", ("", "x" * 63), ("x" * 64,), "a text of 0 to 63 bytes"),
)


def _copy(of):
    return json.loads(json.dumps(of))


def _with_hub(hub):
    given = _copy(_BASE)
    given["hub"] = _copy(hub)
    if hub["type"] in ("clearblade", "omnicore"):  # they ask for no certificate, and for longer names
        del given["tls"]["cert"]
        given["device"] = "device-1"
    return given


# With a user, so that a password makes sense.
def _with_user():
    given = _copy(_BASE)
    given["hub"]["user"] = "me"
    return given


# given with the setting (a path with dots) set to value.
def _set(given, setting, value):
    given = _copy(given)
    at = given
    path = setting.split(".")
    for name in path[:-1]:
        at = at.setdefault(name, {})
    at[path[-1]] = value
    return given


def _get(parsed, setting):
    for name in setting.split("."):
        parsed = parsed[name]
    return parsed


def _parse(given):
    return config.parse(json.dumps(given).encode())


# The complaints about a configuration (a dict, or the file's bytes), one each.
def _complaints(given):
    try:
        config.parse(given if isinstance(given, bytes) else json.dumps(given).encode())
    except config.ConfigError as e:
        return str(e).split("\n")
    return []


def _each_good(base, settings):
    for setting, _, good, _, _ in settings:
        for value in good:
            given = _set(base, setting, value)
            assert _complaints(given) == [], (setting, value)
            if not isinstance(value, dict):
                assert _get(_parse(given), setting) == value, (setting, value)


# A bad value gives exactly one complaint: "setting: value, expected what".
def _each_bad(base, settings):
    for setting, kind, _, bad, expected in settings:
        for value in _WRONG[kind] + bad:
            complaints = _complaints(_set(base, setting, value))
            about = [c for c in complaints if c.startswith(setting + ": ")]
            assert len(about) == 1, (setting, value, complaints)
            shown = json.dumps(value)
            assert about[0].startswith("%s: %s" % (setting, shown[:37])), about
            assert ", expected " in about[0], about
            assert expected in about[0], about


# -- what is good --------------------------------------------------------------------------------


def case_the_least_is_enough_and_the_rest_has_defaults():
    assert _parse(_BASE) == {
        "device": "d1",
        "wifi": {"networks": [], "country": "", "hostname": "{device}"},
        "clock": {"servers": ["pool.ntp.org"]},
        "dns": {"servers": []},
        "hub": {
            "type": "generic",
            "host": "hub.example.test",
            "port": 8883,
            "keepalive_s": 60,
            "client_id": "{device}",
            "user": "",
            "password": "",
            "telemetry_topic": "{device}/telemetry",
            "state_topic": "{device}/state",
            "status_topic": "{device}/status",
            "config_topic": "",
            "commands_topic": "",
            "errors_filter": "",
            "errors_parser": "generic",
            "retain": True,
        },
        "tls": {"ca": ["ca.der"], "cert": "device.der", "key": "key.der"},
        "telemetry": {"qos": 1, "vitals_s": limits.VITALS_S},
        "memory": {"outbox_len": limits.OUTBOX_LEN, "receive_len": limits.RX_LEN, "window": limits.WINDOW},
        "flash": {
            "messages_len": limits.FLASH_LEN,
            "messages_max": limits.FLASH_COUNT,
            "when_full": "drop_oldest",
        },
    }


def case_a_scaleway_hub_has_its_own_settings():
    assert _parse(_with_hub(_SCALEWAY))["hub"] == {
        "type": "scaleway",
        "host": "iot.example.test",
        "port": 8883,
        "keepalive_s": 60,
        "device_id": "0f36-a1",
        "auth": "mtls",
        "plan": "shared",
        "events_prefix": "$SCW/events",
        "telemetry_topic": "{device}/telemetry",
        "state_topic": "{device}/state",
        "status_topic": "{device}/status",
        "config_topic": "",
        "commands_topic": "",
    }


def case_good_values_are_taken_as_they_are():
    _each_good(_with_user(), _SETTINGS)
    for hub, settings in _HUBS:
        _each_good(_with_hub(hub), settings)


def case_networks_are_taken_in_order():
    networks = [{"ssid": "a", "password": "secret12"}, {"ssid": "b"}]
    parsed = _parse(_set(_BASE, "wifi.networks", networks))
    assert parsed["wifi"]["networks"] == [
        {"ssid": "a", "password": "secret12"},
        {"ssid": "b", "password": ""},
    ]


def case_good_networks_are_taken():
    for name, _, good, _, _ in _NETWORK_SETTINGS:
        for value in good:
            network = {"ssid": "s"}
            network[name] = value
            assert _complaints(_set(_BASE, "wifi.networks", [network])) == [], (name, value)


def case_the_file_may_be_bytes_or_text_with_white_space():
    text = "\n " + json.dumps(_BASE) + "\n\n"
    assert config.parse(text.encode()) == config.parse(text) == _parse(_BASE)


def case_two_configurations_share_nothing():
    first = _parse(_BASE)
    first["wifi"]["networks"].append({"ssid": "mine", "password": ""})
    first["clock"]["servers"].append("mine")
    assert _parse(_BASE)["wifi"]["networks"] == []
    assert _parse(_BASE)["clock"]["servers"] == ["pool.ntp.org"]


# -- what is not ---------------------------------------------------------------------------------


def case_bad_values_are_named_shown_and_explained():
    _each_bad(_with_user(), _SETTINGS)


def case_bad_values_of_scaleway_are_named_shown_and_explained():
    for hub, settings in _HUBS:
        _each_bad(_with_hub(hub), settings)


def case_bad_networks_are_named_by_their_place():
    for name, kind, _, bad, expected in _NETWORK_SETTINGS:
        for value in _WRONG[kind] + bad:
            network = {"ssid": "s"}
            network[name] = value
            complaints = _complaints(_set(_BASE, "wifi.networks", [{"ssid": "ok"}, network]))
            assert len(complaints) == 1, (name, value, complaints)
            assert complaints[0].startswith("wifi.networks[1].%s: " % name), complaints
            assert expected in complaints[0]


def case_a_network_must_be_an_object_with_a_name():
    assert _complaints(_set(_BASE, "wifi.networks", ["home"])) == [
        'wifi.networks[0]: "home", expected an object of settings'
    ]
    assert _complaints(_set(_BASE, "wifi.networks", [{}])) == [
        "wifi.networks[0].ssid: missing, expected a text of 1 to 32 bytes"
    ]


def case_what_must_be_given_is_missed():
    for setting, expected in (
        ("device", "a name of 1 to 64 bytes"),
        ("hub.type", "one of generic, scaleway"),
        ("hub.host", "a host name"),
        ("tls.ca", "a list of 1 to 4 file names"),
        ("tls.cert", "a text"),
        ("tls.key", "a text"),
    ):
        given = _copy(_BASE)
        path = setting.split(".")
        at = given if len(path) == 1 else given[path[0]]
        del at[path[-1]]
        complaints = _complaints(given)
        assert len(complaints) == 1, (setting, complaints)
        assert complaints[0].startswith("%s: missing, expected %s" % (setting, expected)), complaints


def case_a_missing_section_is_missed_setting_by_setting():
    given = _copy(_BASE)
    del given["tls"]
    assert [c.split(":")[0] for c in _complaints(given)] == ["tls.ca", "tls.cert", "tls.key"]
    del given["hub"]
    assert "hub.type" in [c.split(":")[0] for c in _complaints(given)]


def case_a_scaleway_hub_needs_its_device_id():
    hub = _copy(_SCALEWAY)
    del hub["device_id"]
    complaint = "hub.device_id: missing, expected a name of 1 to 36 bytes without / + #"
    assert _complaints(_with_hub(hub)) == [complaint]


def case_settings_of_one_hub_are_unknown_to_another():
    given = _with_hub(_SCALEWAY)
    given["hub"]["retain"] = True
    assert len(_complaints(given)) == 1
    assert _complaints(given)[0].startswith("hub.retain: unknown setting, expected one of type, host")


def case_unknown_settings_are_refused_at_every_level():
    base = _set(_BASE, "wifi.networks", [{"ssid": "s"}])
    for section in _PREFIXES:
        for name in ("nonsense", "Device", "", "hosts"):
            complaints = _complaints(_set(base, section + name, 1))
            assert len(complaints) == 1, (section, name, complaints)
            assert complaints[0].startswith("%s%s: unknown setting, expected one of " % (section, name))
    base["wifi"]["networks"][0]["pasword"] = "x"
    assert _complaints(base) == [
        "wifi.networks[0].pasword: unknown setting, expected one of ssid, password"
    ]


def case_no_setting_switches_verification_off():
    names = (
        "verify", "verify_mode", "verify_hostname", "check_hostname", "cert_reqs", "insecure", "skip_verify",
        "ssl", "tls", "allow_insecure", "server_hostname", "ciphers",
    )  # fmt: skip
    for base in (_BASE, _with_hub(_SCALEWAY)):
        for name in names:
            for value in (False, True, 0, "none", None, {}):
                for section in _PREFIXES:
                    if section + name == "tls":
                        continue  # that one is a section, and an empty one lacks all it must have
                    assert _complaints(_set(base, section + name, value)), (section, name, value)
                network = {"ssid": "s"}
                network[name] = value
                assert _complaints(_set(base, "wifi.networks", [network])), (name, value)


def case_no_value_of_tls_stands_for_none():
    for setting in ("tls.ca", "tls.cert", "tls.key", "tls"):
        for value in (None, False, "", [], {}, 0):
            assert _complaints(_set(_BASE, setting, value)), (setting, value)


def case_everything_wrong_is_told_at_once():
    given = {
        "device": "a b",
        "hub": {"type": "generic", "host": "", "port": 0, "nonsense": 1},
        "tls": {"ca": [], "cert": 5},
        "telemetry": {"qos": 2},
        "memory": [],
        "extra": 1,
    }
    told = [c.split(":")[0] for c in _complaints(given)]
    expected = [
        "device", "extra", "hub.host", "hub.nonsense", "hub.port", "memory", "telemetry.qos", "tls.ca",
        "tls.cert", "tls.key",
    ]  # fmt: skip
    assert sorted(told) == expected, told


def case_files_that_prove_the_device_are_those_that_the_hub_asks_for():
    by_id = _copy(_SCALEWAY)
    by_id["auth"] = "device_id"
    by_sas = _copy(_AZURE)
    by_sas["auth"] = "sas"
    for hub, needed in (
        ({"type": "generic", "host": "hub.example.test"}, ("cert", "key")),
        (_SCALEWAY, ("cert", "key")),
        (by_id, ()),
        (_CLEARBLADE, ("key",)),
        (_OMNICORE, ("key",)),
        (_AZURE, ("cert", "key")),
        (by_sas, ("secret",)),
    ):
        given = _with_hub(hub)
        given["tls"] = {"ca": ["ca.der"]}
        for name in needed:
            given["tls"][name] = "file"
        assert _parse(given)["tls"] == given["tls"]
        for name in ("cert", "key", "secret"):
            changed = _copy(given)
            if name in needed:
                del changed["tls"][name]
                assert _complaints(changed) == ["tls.%s: missing, expected a text of 1 to 128 bytes" % name]
            else:
                changed["tls"][name] = "file"
                known = ", ".join(("ca",) + needed)
                assert _complaints(changed) == ["tls.%s: unknown setting, expected one of %s" % (name, known)]


def case_a_hub_of_unknown_type_is_judged_by_its_type_alone():
    complaints = _complaints(_with_hub({"type": "aws", "host": 5, "nonsense": 1}))
    assert complaints == ['hub.type: "aws", expected one of generic, scaleway, clearblade, omnicore, azure']


def case_a_long_value_is_shown_in_part():
    # With its quotes, 40 characters are shown whole.
    for length, shown in ((38, "x" * 38 + '"'), (39, "x" * 36 + "..."), (500, "x" * 36 + "...")):
        complaint = _complaints(_set(_BASE, "wifi.country", "x" * length))[0]
        assert complaint == 'wifi.country: "%s, expected a text of 0 to 2 bytes' % shown


def case_what_is_not_json_is_told():
    for data in (b"", b" ", b"device = 1", b"\xff\xfe", b'{"device": "\xff"', b"nul", b"{}}", b"{} {}"):
        complaints = _complaints(data)
        assert len(complaints) == 1, (data, complaints)
        assert complaints[0].startswith("the configuration is not JSON"), (data, complaints)


def case_what_is_no_object_is_told():
    for data in (b"[]", b"1", b'"text"', b"null", b"true", b"[{}]"):
        complaints = _complaints(data)
        assert complaints[0].startswith("configuration: "), (data, complaints)
        assert "expected an object of settings" in complaints[0]


def case_truncated_at_each_length_it_is_no_configuration():
    # MicroPython's json takes a text that ends too early for a whole one. A file that was half written
    # must not put defaults, or half a number, in force.
    # The order of keys is the interpreter's own: what may be left out comes last.
    whole = json.dumps(_BASE)[:-1] + ', "memory": {"outbox_len": 16384}, "telemetry": {"vitals_s": 3600}}'
    assert _complaints(whole.encode()) == []
    for length in range(len(whole)):
        assert _complaints(whole[:length].encode()), whole[:length]


def case_brackets_and_quotes_within_texts_are_text():
    for text in ('a"b', "a\\", '\\"', "{[", "}]", '"}', '\\\\"]', "\n"):
        given = _set(_BASE, "wifi.networks", [{"ssid": text, "password": text}])
        assert _complaints(given) == [], text
        assert _parse(given)["wifi"]["networks"] == [{"ssid": text, "password": text}]


def case_depth_has_a_limit():
    nested = 1
    for _ in range(7):
        nested = [nested]
    assert len(_complaints({"a": nested})) > 1  # that setting is unknown, others are missing
    complaints = _complaints({"a": [nested]})
    assert len(complaints) == 1
    assert "nested" in complaints[0]


def case_nesting_without_end_is_a_complaint_too():
    for data in (
        b"[" * 4000 + b"]" * 4000,
        b'{"a":' * 1500 + b"1" + b"}" * 1500,
        b'{"device":' + b"[" * 3000 + b"]" * 3000 + b"}",
    ):
        assert _complaints(data), data[:20]


# -- what only shows when it is used -------------------------------------------------------------


def case_a_password_needs_a_user():
    # MQTT 3.1.1, 3.1.2.9: no client may send one without the other.
    complaints = _complaints(_set(_BASE, "hub.password", "secret"))
    assert len(complaints) == 1
    assert complaints[0].startswith("hub.password: ")
    given = _set(_set(_BASE, "hub.password", "secret"), "hub.user", "me")
    assert _complaints(given) == []


def case_texts_that_mqtt_cannot_carry_are_refused():
    # MQTT 3.1.1, 1.5.3: no U+0000. The device's name becomes part of topics.
    for setting in ("device", "hub.client_id", "hub.user"):
        for text in ("\0", "\0a", "a\0b"):
            assert _complaints(_set(_BASE, setting, text)), setting
    assert _complaints(_set(_with_hub(_SCALEWAY), "hub.device_id", "a\0b"))


def case_a_dns_server_is_given_by_its_address():
    # A resolver cannot ask itself for its own server, and getaddrinfo may hang (platform-facts 2.3).
    for server in ("dns.example.test", "dns", "192.0.2", "192.0.2.256", "192.0.2.1.1", "a.b.c.d"):
        complaints = _complaints(_set(_BASE, "dns.servers", [server]))
        assert len(complaints) == 1, server
        assert complaints[0].startswith("dns.servers: ")


def case_characters_that_are_no_text_are_refused():
    # Half a surrogate pair is valid JSON, and no text in UTF-8 (MQTT 3.1.1, 1.5.3).
    for setting in ("device", "hub.user", "hub.telemetry_topic", "tls.cert"):
        data = json.dumps(_set(_BASE, setting, "HERE")).replace("HERE", "\\ud800").encode()
        complaints = _complaints(data)
        assert len(complaints) == 1, setting
        assert complaints[0].startswith(setting + ": ")


def case_digits_that_are_no_port_are_complained_about():
    assert len(_complaints(_set(_BASE, "clock.servers", ["a:\u00b2"]))) == 1


# -- certificates --------------------------------------------------------------------------------


def _der(content_len):
    if content_len < 128:
        return bytes([0x30, content_len]) + bytes(content_len)
    if content_len < 256:
        return bytes([0x30, 0x81, content_len]) + bytes(content_len)
    return bytes([0x30, 0x82, content_len >> 8, content_len & 255]) + bytes(content_len)


_FILES = {"ca.der": _der(500), "device.der": _der(400), "key.der": _der(135)}


# Reads credentials where one file holds data (None: it is not there); the complaints.
def _file_complaints(name, data):
    files = dict(_FILES)
    files[name] = data

    def read(asked):
        if files.get(asked) is None:
            raise OSError(2)
        return files[asked]

    try:
        config.read_credentials(_parse(_BASE), read)
    except config.ConfigError as e:
        return str(e).split("\n")
    return []


def case_credentials_are_read_by_name():
    found = config.read_credentials(_parse(_BASE), lambda name: _FILES[name])
    expected = {"ca": [_FILES["ca.der"]], "cert": _FILES["device.der"], "key": _FILES["key.der"]}
    assert found == dict(expected, secret=None)


def case_several_authorities_are_read_in_order():
    parsed = _parse(_set(_BASE, "tls.ca", ["two", "one"]))
    files = {"one": _der(201), "two": _der(202), "device.der": _der(400), "key.der": _der(135)}
    assert config.read_credentials(parsed, lambda name: files[name])["ca"] == [files["two"], files["one"]]


def case_der_of_each_length_is_taken():
    for content_len in (128, 135, 255, 256, 1000, 4000):
        assert _file_complaints("key.der", _der(content_len)) == [], content_len
        assert _file_complaints("key.der", _der(content_len) + b"\n") == [], content_len


def case_an_ec_key_as_openssl_writes_it_is_taken():
    # SEC1, P-256: 121 bytes that begin with 30 77, a length in one byte. 51 bytes without the public key.
    assert _file_complaints("key.der", b"\x30\x77\x02\x01\x01\x04\x20" + bytes(114)) == []
    assert _file_complaints("key.der", b"\x30\x31\x02\x01\x01\x04\x20" + bytes(44)) == []


def case_what_is_too_short_for_a_key_is_damaged():
    assert _file_complaints("key.der", _der(30)) == []
    assert len(_file_complaints("key.der", _der(29))) == 1
    assert len(_file_complaints("key.der", _der(0))) == 1


def case_a_missing_file_is_named():
    for setting, name in (("tls.ca", "ca.der"), ("tls.cert", "device.der"), ("tls.key", "key.der")):
        assert _file_complaints(name, None) == [
            "%s: %s cannot be read, expected a DER file beside the configuration" % (setting, name)
        ]


def case_pem_is_told_how_to_become_der():
    for pem in (b"-----BEGIN CERTIFICATE-----\nMIIB", b"\n-----BEGIN EC PRIVATE KEY-----\n" + b"M" * 200):
        assert _file_complaints("device.der", pem) == [
            "tls.cert: device.der is PEM, expected DER (openssl converts: -outform DER)"
        ]


def case_a_damaged_file_is_told():
    whole = _der(400)
    for data in (
        b"",
        b"\x30",
        b"\x30\x82",
        b"\0" * 404,
        b"\xff" * 404,
        whole[:-1],
        whole[:200],
        whole + b"\0\0",
        whole + whole,
        b"\x31" + whole[1:],
        b"\x30\x80" + whole[2:],  # BER's length without end
        b"\x30\x83\x00\x01\x8f" + bytes(399),
        b"\x30\xff" + whole[2:],
        b"not a certificate at all, but long enough to be one; who knows what it is",
    ):
        assert _file_complaints("device.der", data) == [
            "tls.cert: device.der is damaged or not DER, expected one DER structure"
        ], data[:5]


def case_truncated_at_each_length():
    for whole in (_der(135), _der(300)):
        for length in range(len(whole)):
            assert len(_file_complaints("device.der", whole[:length])) == 1, length


def case_only_a_newline_may_follow():
    for trailing in (b"\0", b"X", b" ", b"\r\n"):
        assert len(_file_complaints("device.der", _der(400) + trailing)) == 1, trailing


def case_every_bad_file_is_told_at_once():
    parsed = _parse(_set(_BASE, "tls.ca", ["a", "b"]))

    def read(_name):
        raise OSError(2)

    try:
        config.read_credentials(parsed, read)
    except config.ConfigError as e:
        told = [line.split(" ")[:2] for line in str(e).split("\n")]
    assert told == [["tls.ca:", "a"], ["tls.ca:", "b"], ["tls.cert:", "device.der"], ["tls.key:", "key.der"]]


def case_flash_holds_at_least_twice_the_outbox():
    given = _set(_BASE, "memory.outbox_len", 8192)
    assert _parse(_set(given, "flash.messages_len", 16384))["flash"]["messages_len"] == 16384
    complaint = "flash.messages_len: 16383, expected 16384, twice memory.outbox_len, or more"
    assert _complaints(_set(given, "flash.messages_len", 16383)) == [complaint]


def case_no_topic_is_where_the_hub_alone_reports():
    topics = [row[0] for row in _TOPIC_SETTINGS]
    for prefix in ("$SCW/events", "own/{device}"):
        base = _set(_with_hub(_SCALEWAY), "hub.events_prefix", prefix)
        for name in topics:
            for end in ("", "/error/device/{device}"):
                told = _complaints(_set(base, name, prefix + end))
                topic = (prefix + end).replace("{device}", "d1")
                expected = "expected a topic outside hub.events_prefix"
                assert told == ['%s: "%s", %s' % (name, topic, expected)]
            for good in ("$SCW/other", prefix + "-2", "$SCW"):
                assert _complaints(_set(base, name, good)) == []
    assert len(_complaints(_set(base, "hub.state_topic", "own/d1"))) == 1  # the same, once it is filled in
    for name in topics[-2:]:
        assert _complaints(_set(base, name, "")) == []


def case_names_on_a_hub_with_fixed_topics_are_such_as_it_admits():
    rule = "3 to 255 of letters, digits and -._~%, a letter first, not goog"
    for hub in (_CLEARBLADE, _OMNICORE):
        base = _with_hub(hub)
        for name in ("1abc", "goog-x", "a b c", "d\u00e9vice", "-abc"):
            for key in ("device_id", "registry"):
                told = _complaints(_set(base, "hub." + key, name))
                assert told == ["hub.%s: %s, expected %s" % (key, '"%s"' % name, rule)]
        told = _complaints(_set(base, "device", "d1"))
        assert told == ['hub.device_id: "d1", expected ' + rule]
        assert _complaints(_set(_set(base, "device", "1"), "hub.device_id", "d-{device}")) == []


def case_a_secret_is_base64_of_16_bytes_or_more():
    given = _with_hub(_AZURE)
    given["hub"]["auth"] = "sas"
    given["tls"] = {"ca": ["ca.der"], "secret": "device.key"}
    parsed = _parse(given)
    good = b"MDEyMzQ1Njc4OWFiY2RlZg=="
    for data in (
        good, good + b"\n", b"", b"MDEy", b"\xff" * 32, b"!!!!" + good, good[:8] + b"\n" + good[8:],
        good[:-1], good + b"=", b"-_" + good[2:], b"HostName=h.test;DeviceId=d;SharedAccessKey=" + good,
    ):  # fmt: skip

        def read(name, data=data):
            return data if name == "device.key" else _FILES[name]

        try:
            secret = config.read_credentials(parsed, read)["secret"]
        except config.ConfigError as e:
            secret = None
            expected = "tls.secret: device.key cannot be read, expected a key of 16 bytes or more in base64"
            assert str(e) == expected + "; of a connection string what follows SharedAccessKey="
        assert secret == (good if data.strip() == good else None), data


# -- the table itself ----------------------------------------------------------------------------


def case_every_setting_is_in_these_tables():
    tested = {row[0] for row in _SETTINGS}
    for section in ("wifi", "clock", "dns", "tls", "telemetry", "memory", "flash"):
        for name in _parse(_BASE)[section]:
            assert section + "." + name in tested, name
    for name in _parse(_BASE)["hub"]:
        assert "hub." + name in tested, name
    for hub, settings in _HUBS:
        tested_too = tested | {row[0] for row in settings}
        for name in _parse(_with_hub(hub))["hub"]:
            assert "hub." + name in tested_too, name
    assert hubs.NAMES == ("generic",) + tuple([hub["type"] for hub, _ in _HUBS])
