"""What `hublink watch` shows of a fleet: a line for each change, and the table."""

import io
import re

import pytest
from hublink_desk.watch.fleet import Fleet
from hublink_desk.watch.lines import line
from hublink_desk.watch.table import age, table
from rich.console import Console

from host_tests.unit.test_watch_fleet import EVENT, OFFLINE, ONLINE, Told, message


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (message(1, 5, "room", {"c": 20}), '00:00:09 d1: room {"c":20} (boot 1, seq 5)'),
        (message(1, 5, dropped=7), "00:00:09 d1: room 1 (boot 1, seq 5, 7 dropped)"),
        (message(1, 5, "vitals", {"up_s": 1}), '00:00:09 d1: vitals {"up_s":1} (boot 1, seq 5)'),
        (message(1, 3), "00:00:09 d1: 1 lost: boot 1, seq 2"),
        (message(1, 5), "00:00:09 d1: 3 lost: boot 1, seq 2 to 4"),
        (message(1, 1), "00:00:09 d1: twice: boot 1, seq 1"),
        (b"x", "00:00:09 d1: unreadable: no JSON"),
    ],
)
def test_lines_for_people(payload, text):
    fleet = Fleet()
    fleet.telemetry(8.0, "d1", message(1, 1), False)
    assert text in [line(change) for change in fleet.telemetry(9.0, "d1", payload, False)]


def test_lines_about_the_hub_and_the_fleet():
    fleet = Fleet(1)
    told = fleet.event(9.0, None, EVENT) + fleet.status(9.0, "a", OFFLINE, False)
    told += fleet.status(10.0, "b", ONLINE, False) + fleet.listening(11.0)
    assert [line(change) for change in told] == [
        "00:00:09 hub: hub reports error sec.topic_denied about id-1: unauthorized",
        "00:00:09 a: OFFLINE",
        "00:00:10 b: online",
        "00:00:10 a: forgotten after 1 s of silence: there are more than 1 devices",
        "00:00:11 hub: listening",
    ]


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (200_000, "2 d"),
    ],
)
def test_age_is_in_the_unit_that_a_person_would_take(duration_s, text):
    assert age(duration_s) == text


def test_table_has_who_is_offline_on_top():
    told = Told()
    told.says(4, 17, "room", {"celsius": 20.5}, device="[b]")
    vitals = {"heap_free": 97344, "rssi": -61, "online": 3, "cert_days": 900, "ca_days": 9}
    told.says(4, 20, "vitals", vitals, device="[b]")
    told.says(4, 21, "troubles", {"reset": 2}, device="[b]")
    told.status(OFFLINE, "24:6f:28:ab:cd:ef")
    told.says(1, 1, "crash", {"boot": 0, "cause": "watchdog"}, device="c\x1b")
    told.says(2, 1, "crash", {"boot": 1, "cause": "reset", "error": "KeyError: x"}, device="c\x1b")
    told.says(2, 1, device="c\x1b")
    told.fleet.event(1004.0, "c\x1b", EVENT)
    console = Console(width=240, record=True, file=io.StringIO())
    console.print(table(told.fleet, 1127.0, "hub:8883", "no connection: refused"))
    lines = [re.split(r"  +", text.strip()) for text in console.export_text().splitlines() if text.strip()]
    assert lines == [
        ["hub:8883: 2 of 3 online"],
        ["device", "state", "last telemetry", "boot/seq", "lost", "vitals", "went wrong"],
        lines[2],
        ["24:6f:28:ab:cd:ef", "OFFLINE 2 min", "0"],
        [
            *("[b]", "online 2 min", 'room {"celsius":20.5}, 2 min ago', "4/21", "2"),
            *("-61 dBm, 2 reconnects, 97 kB free, 9 d to expiry", "trouble: reset 2x, 2 min ago"),
        ],
        [
            *("c\\x1b", "online 2 min", "2/1", "0, 1 twice"),
            "2 crashes, the last: reset: KeyError: x, 2 min ago",
        ],
        ["hub event: sec.topic_denied: unauthorized, 2 min ago"],
        ["no connection: refused; what is above may be old"],
    ]
