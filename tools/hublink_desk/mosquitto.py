"""A Mosquitto broker on loopback, with mutual TLS like a hub's: started, restarted, killed, always ended.

The broker is a child process with a configuration of its own in a folder of its own. On Linux it ends
even if this process is killed (see `servers.end_with_parent`). The only sign of life trusted is the
broker's own word in its log, because another program may have taken its port.
"""

import atexit
import os
import re
import subprocess
import time
from pathlib import Path

from . import paths
from .errors import DeskError
from .servers import LOOPBACK, end_with_parent, lasting_listener

_START_MAX_S = 10
_STOP_MAX_S = 5
_LOOK_EVERY_S = 0.01
_PORT_TRIES = 5
_QUOTED_LINES = 8

_IS_RUNNING = re.compile(rb"mosquitto version \S+ running")
_PORT_TAKEN = b"Address already in use"

# Boards speak TLS 1.2 only, and a desk that spoke 1.3 would see another handshake than they do.
# Mosquitto's own `tls_version tlsv1.2` is a minimum (mosquitto.conf(5)); only OpenSSL sets a maximum.
_TLS_1_2_ONLY = """\
openssl_conf = everything
[everything]
ssl_conf = programs
[programs]
system_default = all_of_them
[all_of_them]
MinProtocol = TLSv1.2
MaxProtocol = TLSv1.2
"""


class Mosquitto:
    """A broker that listens from `start` (or the start of a `with` block) to `stop` (or its end).

    Args:
        folder: for its configuration and log, made if absent; one broker per folder.
        ca: the pki.Authority whose devices it accepts; None only if plain.
        identity: the pki.Identity it shows, of kind "hub"; None only if plain.
        require_certificate: refuse clients without a certificate of `ca`.
        use_identity_as_username: the certificate's common name is the user name, whatever the client
            sends; has a meaning only with require_certificate.
        plain: True for no TLS at all, and everybody is accepted.
        extra: lines added to the configuration (mosquitto.conf(5)).

    Attributes:
        port: TCP port on 127.0.0.1, once started; stays the same afterwards.
        log_path: Path of its log, which goes on over restarts.
        pid: process id, None while it does not run.

    Raises:
        DeskError: Mosquitto is not set up here; or, from start, it did not start: its last words.
    """

    def __init__(
        self,
        folder,
        ca=None,
        identity=None,
        require_certificate=True,
        use_identity_as_username=True,
        plain=False,
        extra="",
    ):
        if not plain and (ca is None or identity is None):
            raise DeskError("Mosquitto with TLS: an authority and an identity are expected.", "or plain=True")
        self._program = paths.program("mosquitto")
        self._folder = Path(folder).absolute()
        self._settings = ["log_dest stderr", "log_type all", "persistence false", "allow_anonymous true"]
        if os.getuid() == 0:  # else it would become a user who cannot read its key
            self._settings += ["user root"]
        if not plain:
            self._settings += _tls_settings(ca, identity)
            self._settings += _client_settings(require_certificate, use_identity_as_username)
        self._settings += [extra]
        self._process = None
        self.port = None
        self.log_path = self._folder / "mosquitto.log"

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()

    @property
    def pid(self):
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self):
        """Start it and return self when it listens. On Linux the calling thread must outlive the broker."""
        if self.pid:
            raise DeskError(f"Mosquitto runs already on port {self.port}.", "stop it first")
        self._process = None
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.port:
            words = self._start_on(self.port)
        else:
            words = self._start_on_free_port()
        if not self._process:
            last_words = "\n  ".join(words.decode(errors="replace").splitlines()[-_QUOTED_LINES:])
            message = f"Mosquitto did not start on port {self.port}:\n  {last_words}"
            raise DeskError(message, f"see {self.log_path}")
        atexit.register(self.kill)
        return self

    def stop(self):
        """Ask it to end, as a service manager does, and wait; nothing if it does not run."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(_STOP_MAX_S)
            except subprocess.TimeoutExpired:
                pass
        self.kill()

    def kill(self):
        """End it at once (SIGKILL), as a crash would; `start` starts it again on the same port."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None
            atexit.unregister(self.kill)

    def restart(self):
        """Stop it and start it again on the same port; retained messages and sessions are lost."""
        self.stop()
        self.start()

    def _start_on_free_port(self):
        """Between our finding a port free and the broker's binding it, another may be quicker: try again."""
        for _ in range(_PORT_TRIES):
            with lasting_listener() as probe:
                self.port = probe.getsockname()[1]
            words = self._start_on(self.port)
            if self._process or _PORT_TAKEN not in words:
                break
        return words

    def _start_on(self, port):
        """Sets _process if it listens; returns what it said, in bytes."""
        settings = [f"listener {port} {LOOPBACK}", *self._settings, ""]
        (self._folder / "mosquitto.conf").write_text("\n".join(settings))
        (self._folder / "openssl.cnf").write_text(_TLS_1_2_ONLY)
        with open(self.log_path, "ab") as log:
            start_len = log.tell()
            process = self._spawn(log)
        try:
            words = self._listen_for_life(process, start_len)
            if process.returncode is None and _IS_RUNNING.search(words):
                self._process = process
            return words
        finally:
            if self._process is not process:
                process.kill()
                process.wait()

    def _spawn(self, log):
        return subprocess.Popen(
            [self._program, "-c", self._folder / "mosquitto.conf"],
            env=os.environ | {"OPENSSL_CONF": str(self._folder / "openssl.cnf")},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us; the broker we end in good order
            preexec_fn=end_with_parent(),  # noqa: PLW1509 - the child calls one C function, which takes no lock
        )

    def _listen_for_life(self, process, start_len):
        """What it said until it runs, or has ended, or has had time enough."""
        deadline_s = time.monotonic() + _START_MAX_S
        while True:
            has_ended = process.poll() is not None
            with open(self.log_path, "rb") as log:
                log.seek(start_len)
                words = log.read()
            if has_ended or _IS_RUNNING.search(words) or time.monotonic() > deadline_s:
                return words
            time.sleep(_LOOK_EVERY_S)


def _tls_settings(ca, identity):
    return [
        f"cafile {ca.cert_pem}",
        f"certfile {identity.cert_pem}",
        f"keyfile {identity.key_pem}",
        "tls_version tlsv1.2",
    ]


def _client_settings(require_certificate, use_identity_as_username):
    flags = {
        "require_certificate": require_certificate,
        "use_identity_as_username": require_certificate and use_identity_as_username,
    }
    return [f"{name} {str(value).lower()}" for name, value in flags.items()]
