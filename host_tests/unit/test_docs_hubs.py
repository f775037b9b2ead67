"""docs/hubs.md and its pages tell what is so: their configurations, topics, codes, commands, links."""

import re
import subprocess

import pytest
from hublink_desk import paths, pki
from hublink_desk.fleet.identity import Identity
from hublink_desk.hub.iotcore.errors import ERROR_TYPES
from hublink_desk.workshop import Workshop

from host_tests.shim import install

DOCS = paths.ROOT / "docs"
PAGES = {path.stem: path.read_text("utf-8") for path in sorted((DOCS / "hubs").glob("*.md"))}
BOUND = "light-1"


def configurations(name):
    """The configuration files that a page shows, as bytes."""
    return [block.encode() for block in re.findall(r"```json\n(.*?)```", PAGES[name], re.DOTALL)]


def rows(text, heading):
    """The cells of each row of the first table behind a heading."""
    lines = text.split(f"\n## {heading}\n")[1].split("\n## ")[0].splitlines()
    table = [line for line in lines if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def codes(text, heading):
    """What is in backquotes in the first column."""
    return {code for row in rows(text, heading) for code in re.findall(r"`(\S+?)`", row[0])}


def spelled_out(topic, text):
    """A topic without the abbreviations that the page explains."""
    for short, meaning in re.findall(r"`(\w+)` stands for\s+`(\S+)`", text):
        topic = topic.replace(short, meaning)
    return topic


@pytest.fixture
def hublink():
    """The firmware's own modules."""
    with install():
        from hublink import config, hubs

        class Firmware:
            parse, read_credentials, hub_module = config.parse, config.read_credentials, hubs.module
            names = hubs.NAMES

        yield Firmware


def make_hub(hublink, data):
    settings = hublink.parse(data)
    return hublink.hub_module(settings["hub"]["type"]).Hub(settings["hub"], settings["device"])


def test_every_hub_has_a_page_that_the_first_names(hublink):
    assert set(PAGES) == set(hublink.names)
    first = (DOCS / "hubs.md").read_text("utf-8")
    assert all(f"(hubs/{name}.md)" in first for name in PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_configurations_are_accepted_and_read_their_files(hublink, tmp_path, name):
    home = Workshop(tmp_path / "desk").device("any", {}).parent
    (home / "device.secret").write_bytes(b"MDEyMzQ1Njc4OWFiY2RlZg==")
    shown = configurations(name)
    assert shown
    for data in shown:
        checked = hublink.parse(data)
        hublink.read_credentials(checked, lambda file: (home / file).read_bytes())
        assert checked["hub"]["type"] == name


@pytest.mark.parametrize("name", PAGES)
def test_topics_are_those_of_the_configuration(hublink, name):
    hub = make_hub(hublink, configurations(name)[0])
    kinds = [b"events", b"state"] + ([b"attach", b"detach"] if hub.ATTACHED_MAX else [])
    up = [hub.telemetry_topic, hub.telemetry("air"), hub.state_topic, hub.status_topic]
    up += [hub.bound_topic(BOUND, kind) for kind in kinds]
    up += [hub.greeting[0]] if hub.greeting else []
    wanted = {(topic.decode(), "up") for topic in up}
    for topic_filter, qos in hub.subscriptions() + hub.bound_filters(BOUND):
        wanted.add((topic_filter.decode(), f"down, QoS {qos}"))
    told = {(spelled_out(row[0].strip("`"), PAGES[name]), row[1]) for row in rows(PAGES[name], "Topics")}
    assert told == wanted


def test_what_is_said_of_wills_and_attaching_is_so(hublink):
    first = (DOCS / "hubs.md").read_text("utf-8")
    table = [line.strip("|").split("|") for line in first.splitlines() if line.startswith("| ")]
    told = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in table}
    for column, name in enumerate(cell.strip("`") for cell in told["`hub.type`"]):
        hub = make_hub(hublink, configurations(name)[0])
        assert told["last will"][column].startswith("none" if hub.will() is None else "yes")
        assert f"{hub.ATTACHED_MAX:,}" in told["gateway"][column] or not hub.ATTACHED_MAX
        assert told["topics"][column] == ("free" if hub.FREE_TOPICS else "fixed")
        assert told["session"][column] == ("clean" if hub.CLEAN_SESSION else "kept")
        assert told["QoS of what is heard, at most"][column].startswith(str(hub.SUBSCRIBE_QOS))
        assert told["QoS of what is sent"][column].endswith(str(hub.MAX_QOS))


def test_every_code_of_a_hub_event_is_there(hublink):
    known = {code for _, code in hublink.hub_module("scaleway")._CODES}
    assert codes(PAGES["scaleway"], "Hub Events") == known | {"route.s3", "scw.other", "unparsed"}


def test_every_error_of_a_gateway_is_there():
    assert codes(PAGES["clearblade"], "Errors") - {"error_type"} == {*ERROR_TYPES, "unparsed"}


def test_reasons_are_words_of_the_firmware():
    source = "\n".join(path.read_text("utf-8") for path in (paths.FIRMWARE / "hublink").rglob("*.py"))
    for reason in codes((DOCS / "hubs.md").read_text("utf-8"), "When the hub refuses"):
        assert f'"{re.sub("[0-9]+$", "%d", reason)}"' in source, reason


def test_commands_for_keys_make_what_a_device_can_use(hublink, tmp_path):
    """With the openssl that the page asks for."""
    shown = re.search(r"```sh\n(.*?)```", (DOCS / "hubs.md").read_text("utf-8"), re.DOTALL)[1]
    subprocess.run(["sh", "-ec", shown], cwd=tmp_path, capture_output=True, check=True)
    (tmp_path / "ca.der").write_bytes((tmp_path / "device.der").read_bytes())
    checked = hublink.parse(configurations("scaleway")[0])
    files = hublink.read_credentials(checked, lambda file: (tmp_path / file).read_bytes())
    from hublink.protocol import der

    assert der.private_key(files["key"])
    assert "BEGIN PUBLIC KEY" in (tmp_path / "device.public.pem").read_text()


def test_files_for_consoles_are_those_of_the_tool():
    key = pki.new_key()
    made = Identity(key, pki.self_certify("s1", key)).console_files()
    for page in [DOCS / "hubs.md", *(DOCS / "hubs").glob("*.md")]:
        named = set(re.findall(r"device\.[a-z.]*pem", page.read_text("utf-8")))
        assert named <= {*made, "device.key.pem"}, page


def test_links_lead_somewhere():
    for page in [paths.ROOT / "README.md", *DOCS.rglob("*.md")]:
        for target, part in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text("utf-8")):
            goal = page.parent / target if target else page
            assert goal.is_file(), f"{page}: {target}"
            headings = re.findall(r"^#+ (.*)$", goal.read_text("utf-8"), re.MULTILINE)
            slugs = {heading.lower().replace(" ", "-") for heading in headings}
            assert not part or part in slugs, f"{page}: {target}#{part}"
