"""docs/events.md tells what is so: options, keys, codes, numbers, lines."""

import json
import re

import pytest
from hublink_desk import device_code, follow, paths
from hublink_desk.events import cli, order, record, webhook
from hublink_desk.webhook.cli import command as sender

from host_tests.shim import install
from host_tests.system.webhook_parts import EVENT
from host_tests.unit.test_docs_hubs import codes, rows
from host_tests.unit.test_events_record import of_mqtt, of_post

PAGE = (paths.ROOT / "docs" / "events.md").read_text("utf-8")


def test_options_are_those_of_the_verbs():
    known = {name for command in (cli.command, sender) for each in command.params for name in each.opts}
    shown = set(re.findall(r"(--[a-z][a-z-]+)", PAGE))
    assert shown <= known
    assert {name for each in cli.command.params for name in each.opts} <= shown


def test_every_hub_is_listed():
    assert codes(PAGE, "Who listens") == set(device_code.hub_names())


def test_every_code_has_its_severity():
    with install():
        from hublink.hubs import eventgrid

        known = {**eventgrid._SEVERITIES, "unparsed": "warning"}
    assert {row[0].strip("`"): row[1] for row in rows(PAGE, "Webhooks")} == known


def test_every_key_is_there():
    assert codes(PAGE, "JSON") == set(json.loads(record.json_line(of_post(), False)))


def test_every_filter_is_there():
    given = {option for row in rows(PAGE, "Filters") for option in re.findall(r"--[a-z-]+", row[0])}
    others = {"--config", "--webhook", "--bind", "--state", "--json"}
    assert given == {name for each in cli.command.params for name in each.opts} - others


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (order.IDS_MAX, "the last 50,000 are"),
        (follow._PAUSE_MAX_S, "up to 32 s"),
        (webhook._BODY_MAX_LEN >> 20, "more than 1 MB"),
    ],
)
def test_numbers_are_those_of_the_code(number, text):
    assert text in PAGE
    assert f"{number:,.0f}" in text


def test_lines_are_those_that_are_printed():
    shown = re.search(r"```\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()
    renamed = json.dumps(EVENT).replace("LogicAppTestDevice", "lamp-1").replace("egtesthub1", "my-hub")
    event = json.loads(renamed.replace("IOTHUBS/h", "IOTHUBS/MY-HUB"))
    expected = [record.line(of_mqtt(), False), record.line(of_post(event), True)]
    assert shown == expected
