"""MicroPython's raw REPL at a serial port, as far as one piece of code is sent to it and none comes back."""

from .serial_peer import SerialPeer

_PROMPT = b"raw REPL; CTRL-B to exit\r\n>"


class RawRepl(SerialPeer):
    """A board that runs. ran: f(code), called with the code (text) that it is told to run."""

    def __init__(self, ran):
        self._ran = ran
        self._is_raw = False
        self._code = b""

    def received(self, data):
        for byte in data:
            self._type(bytes([byte]))

    def _type(self, key):
        if key == b"\x01" and not self._code.startswith(b"\x05"):
            self._is_raw, self._code = True, b""
            self.send(_PROMPT)
        elif self._is_raw and key == b"\x04":
            self.send(b"OK")
            self._ran(self._code.decode())
        elif self._is_raw and self._code + key == b"\x05A\x01":
            self._code = b""
            self.send(b"R\x00")  # it knows raw paste, and has none
        elif self._is_raw:
            self._code += key
