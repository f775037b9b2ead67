"""What the HTTP servers of the desk have in common: they run in threads of their own, and print nothing."""

import contextlib
import errno
import re
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .errors import DeskError

LENGTH = re.compile("[0-9]{1,18}")  # of a body, as a header says it
_READ_LIMIT_S = 10.0
_POLL_S = 0.05  # how soon the server's thread sees that it shall end


class WebServer(contextlib.AbstractContextManager):
    """A server that listens at once, and for the length of a `with` block.

    Args:
        host, port: where, an address or a name; port 0 is a free one.
        handler: subclass of WebHandler.

    Attributes:
        port: TCP port.

    Raises:
        DeskError: the port cannot be had.
    """

    def __init__(self, host, port, handler):
        try:
            self._server = _Server((host, port), handler)
        except (OSError, TypeError) as error:  # TypeError: of a name that no host can have
            problem = f"port {port} on {host} cannot be listened on: {getattr(error, 'strerror', error)}."
            is_address = getattr(error, "errno", None) not in (errno.EADDRINUSE, errno.EACCES)
            hint = "name an address of this machine" if is_address else "choose another port; 0 is a free one"
            raise DeskError(problem, hint) from error
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), name="web")
        self._thread.start()

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class WebHandler(BaseHTTPRequestHandler):
    """Answers one request."""

    timeout = _READ_LIMIT_S

    def reply(self, status, body=b"", headers=()):
        """Send an answer. headers: dict, or what makes one."""
        self.send_response(status)
        for name, text in {**dict(headers), "Content-Length": str(len(body))}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass  # what a request does is told by whoever serves it


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # one that waits for something that is stopping holds nobody up
    block_on_close = False

    def __init__(self, address, handler):
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # as when the other side has gone
            super().handle_error(request, client_address)
