"""The same bytes to the checker of the desk and to that of the device: what the one passes, the other takes.

MicroPython's json is laxer than CPython's in much (commas, control characters, unknown escapes), which harms
nobody, since the desk refuses it. What it is stricter in has to be refused at the desk by name.
"""

import codecs
import json
import subprocess

import pytest
from hublink_desk import device_code

from host_tests.both import interpreters

CONFIG = {
    "device": "d1",
    "hub": {"type": "generic", "host": "h", "port": 8883, "retain": True, "user": 'ü\\"/'},
    "tls": {"ca": ["ca.der"], "cert": "c", "key": "k"},
}
GOOD = json.dumps(CONFIG, ensure_ascii=False).encode()
PLAIN = b'{"device":"d1","hub":{"type":"generic","host":"h"},"tls":{"ca":["ca.der"],"cert":"c","key":"k"}}'
# Put in at every place of a good one.
PIECES = [
    *(
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\0",
        b"\x1f",
        b"\x7f",
        b"\n",
        b"\x0b",
        b"\xa0",
        b"\xc2\xa0",
        b"\xe2\x80\xa8",
    ),
    *(b"\xf0\x9f\x98\x80", b"\xed\xa0\xbd\xed\xb8\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xd9\xa3"),
    *(rb"\ud83d\ude00", rb"\ud83d", rb"\ude00", rb"\\ud83d\\ude00", rb"\u0041", rb"\u00e9", rb"\u0000"),
    *(rb"\/", rb"\b", rb"\x41", rb"\'", b"'", b"//", b"/**/", b",", b":", b"[", b"]", b"{}", b'""'),
    *(b"1e3", b"e2", b".0", b"0", b"-", b"+", b"_", b"0x", b"1" * 30, b"1" * 400),
    *(b"NaN", b"-Infinity", b"null", b"true", b'"device":"d2",', b'"port":1,', b'"hub":{},'),
]


@pytest.fixture(scope="module")
def passed():
    """dict of bytes -> the settings that the desk says the device takes them for."""
    made = [GOOD[:at] + piece + GOOD[at:] for piece in PIECES for at in range(len(GOOD) + 1)]
    made += [
        PLAIN.decode().encode(name) for name in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")
    ]
    found = {}
    for data in [GOOD, PLAIN, device_code.dump(CONFIG), *made]:
        try:
            found[data] = device_code.parse(data)
        except device_code.Refused:
            continue
    return found


@pytest.mark.parametrize("interpreter", interpreters.DEVICES)
def test_what_the_desk_passes_the_device_takes_for_the_same(interpreter, passed, tmp_path):
    interpreters.needs(interpreter)
    assert len(passed) > 500
    (tmp_path / "cases").write_text("\n".join(data.hex() for data in passed))
    script = interpreters.paths.ROOT / "host_tests/both/scripts/parse_config.py"
    arguments, environment = interpreters.command(interpreter, script, tmp_path / "cases")
    done = subprocess.run(arguments, env=environment, capture_output=True, check=True)
    told = done.stdout.decode(errors="replace").rstrip("\n").split("\n")  # others are in the texts
    other = [
        (data, line)
        for (data, settings), line in zip(passed.items(), told, strict=True)
        if line.startswith("refused") or json.loads(line) != settings
    ]
    assert other == []


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (codecs.BOM_UTF8 + GOOD, "it begins with a byte order mark, or is UTF-16; expected plain UTF-8"),
        (PLAIN.decode().encode("utf-16"), "it begins with a byte order mark"),
        (PLAIN.decode().encode("utf-16-le"), "or is UTF-16"),
        (GOOD.replace(b"d1", b"\xff"), "the configuration is not JSON: 'utf-8' codec can't decode byte 0xff"),
        (
            GOOD.replace(b"d1", rb"\\\ud83d\uDe00"),
            r"it has \ud83d\uDe00; expected that character itself, in UTF-8",
        ),
        (GOOD.replace(b"d1", rb"\ud83d"), r'device: "\ud83d", expected a name of'),
        (device_code.dump({**CONFIG, "device": "\udcff"}), r'device: "\udcff", expected a name of'),
    ],
)
def test_what_the_device_would_not_read_is_told(data, complaint):
    with pytest.raises(device_code.Refused) as refused:
        device_code.parse(data)
    (told,) = refused.value.complaints
    assert complaint in told


def test_characters_of_every_length_are_written_as_themselves():
    config = {**CONFIG, "device": "aü€😀"}
    assert '"device": "aü€😀"' in device_code.dump(config).decode()
    assert device_code.parse(device_code.dump(config))["device"] == "aü€😀"
