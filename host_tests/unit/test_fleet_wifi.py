"""Where `hublink device add --wifi` has passwords from: the terminal, or a file; nowhere else."""

import json
import os
import select
import subprocess
import sys

import pytest

from host_tests.fleets import GENERIC, add
from host_tests.verbs import ENVIRONMENT, SOURCE, refused

LIMIT_S = 30
ADD = ("device", "add", "s1", *GENERIC, "--wifi", "home")


def networks(fleet):
    return json.loads((fleet / "devices/s1/config.json").read_bytes())["wifi"]["networks"]


def run(source, given):
    """A process without a terminal, in a session of its own; `given` is its standard input."""
    return subprocess.Popen(
        [sys.executable, "-c", source, *ADD],
        env={**ENVIRONMENT, "HUBLINK_FLEET": os.environ["HUBLINK_FLEET"]},
        stdin=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def names(tmp_path):
    """A file that a loop of the shell is reading, with further devices in it."""
    (tmp_path / "names").write_text("s2\ns3\n")
    with (tmp_path / "names").open() as names:
        yield names


def test_without_a_terminal_there_is_no_password_and_the_list_stays_whole(fleet, names):
    with run(SOURCE, names) as adding:
        out, err = adding.communicate(timeout=LIMIT_S)
    assert (adding.returncode, out) == (1, "")
    assert err == (
        "hublink: There is no terminal to ask for the password of home on.\n"
        "  hint: give it with --wifi-passwords FILE, or in a pipe with --wifi-passwords -\n"
    )
    assert os.lseek(names.fileno(), 0, os.SEEK_CUR) == 0
    assert not (fleet / "devices").exists()


def test_terminal_is_asked_whatever_standard_input_is(fleet, names):
    ours, theirs = os.openpty()
    opens_it = f"import os; os.open({os.ttyname(theirs)!r}, os.O_RDWR); "
    try:
        with run(opens_it + SOURCE, names) as adding:
            assert select.select([ours], [], [], LIMIT_S)[0]  # it has asked, and shows nothing from now on
            os.write(ours, b"secret\n")
            adding.communicate(timeout=LIMIT_S)
        assert adding.returncode == 0
        assert os.read(ours, 1000).strip() == b"Password of home:"
    finally:
        os.close(ours)
        os.close(theirs)
    assert networks(fleet) == [{"ssid": "home", "password": "secret"}]
    assert os.lseek(names.fileno(), 0, os.SEEK_CUR) == 0


def test_file_has_a_line_for_each_network(fleet, tmp_path):
    file = tmp_path / "passwords"
    file.write_text("secret\n\nmore\n")
    add("s1", *ADD[3:], "--wifi", "open", "--wifi-passwords", file)
    assert [each["password"] for each in networks(fleet)] == ["secret", ""]


@pytest.mark.parametrize(("given", "missing"), [("", "home"), ("secret\n", "hall")])
def test_end_of_file_is_no_password(fleet, given, missing):
    message, hint = refused(*ADD, "--wifi", "hall", "--wifi-passwords", "-", text=given)
    assert message == f"--wifi-passwords: there is no line with the password of {missing}."
    assert "an empty one if it is open" in hint
    assert not (fleet / "devices").exists()


def test_password_that_is_no_text_is_refused(fleet, tmp_path):
    (tmp_path / "passwords").write_bytes(b"\xff\xfe\n")
    message, _ = refused(*ADD, "--wifi-passwords", tmp_path / "passwords")
    assert "wifi.networks[0].password: " in message
    assert "expected a text of 0 to 63 bytes" in message
