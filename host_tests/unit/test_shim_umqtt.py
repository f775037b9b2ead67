"""umqtt.simple, unchanged, says the same to Mosquitto under the shim and on MicroPython."""

import subprocess

import pytest
from hublink_desk import paths
from hublink_desk.mosquitto import Mosquitto

from host_tests.both import interpreters

SCRIPT = paths.HOST_TESTS / "both" / "scripts" / "umqtt_client.py"
DEADLINE_S = 30

TRANSCRIPT = """\
connect: 0
nothing: None
heard: b'talk/0' b'at most once' 12
heard: b'talk/1' b'at least once' 13
heard: b'talk/2' b'xxxxxxxxxxxxxxxxxxxx' 300
heard: b'talk/kept' b'kept' 4
ping: None
pong: None
heard: b'talk/kept' b'kept' 4
after disconnect: 9
"""


@pytest.mark.parametrize("interpreter", interpreters.INTERPRETERS)
def test_umqtt_talks_to_mosquitto(interpreter, tmp_path):
    interpreters.needs(interpreter)
    with Mosquitto(tmp_path, plain=True) as broker:
        command, env = interpreters.command(interpreter, SCRIPT, broker.port)
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
    assert (done.stdout, done.returncode) == (TRANSCRIPT, 0), done.stderr
