"""Modules that CPython has too: the device's names of them, minus what only CPython accepts."""

import array
import binascii
import collections
import hashlib
import io
import json
import random
import struct
from types import SimpleNamespace

from ..numbers import numbers

_RANDOM_BITS_MAX = 32

class Json:
    def __init__(self, world):
        pass

    # Non-ASCII stays as it is. The device orders keys by their hash.
    @staticmethod
    def dumps(value, separators=None):
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=separators)

    def dump(self, value, stream, separators=None):
        stream.write(self.dumps(value, separators))

    @staticmethod
    def loads(text):
        try:
            return json.loads(text, parse_constant=_refuse)
        except ValueError:
            raise ValueError("syntax error in JSON") from None

    def load(self, stream):
        return self.loads(stream.read())


def _refuse(constant):
    raise ValueError(constant)


class Struct:
    """Buffers too small are ValueError, as on the device. A value out of range is too: there it wraps."""

    def __init__(self, world):
        self.calcsize = struct.calcsize
        for name in ("pack", "pack_into", "unpack_from"):
            setattr(self, name, _value_errors(getattr(struct, name)))

    # Longer data is accepted, as on the device.
    @staticmethod
    def unpack(layout, data):
        return _value_errors(struct.unpack_from)(layout, data)


def _value_errors(function):
    def call(*args):
        try:
            return function(*args)
        except struct.error as exc:
            raise ValueError(str(exc)) from None

    return call


class Hash:
    """A digest that can be asked for once: the device frees the state then."""

    def __init__(self, kind, data=b""):
        self._hash = hashlib.new(kind, data)

    def update(self, data):
        self._live().update(data)

    def digest(self):
        value = self._live().digest()
        self._hash = None
        return value

    def _live(self):
        if self._hash is None:
            raise ValueError("hash is final")
        return self._hash


def _hashlib(world):
    return SimpleNamespace(
        sha256=lambda data=b"": Hash("sha256", data), sha1=lambda data=b"": Hash("sha1", data)
    )


def _random(world):
    source = random.Random()
    names = {name: getattr(source, name) for name in "choice randint random randrange seed uniform".split()}
    return SimpleNamespace(getrandbits=_getrandbits(source), **names)


def _getrandbits(source):
    def getrandbits(bits):
        if bits > _RANDOM_BITS_MAX:
            raise ValueError("bits must be 32 or less")
        return source.getrandbits(bits)

    return getrandbits


# A device deque always has a limit.
def _deque(iterable, maxlen):
    return collections.deque(iterable, maxlen)


def _errno(world):
    table = numbers(world.port)
    return SimpleNamespace(errorcode={number: name for name, number in table.items()}, **table)


def _names(module, names):
    picked = SimpleNamespace(**{name: getattr(module, name) for name in names.split()})
    return lambda world: picked


MODULES = {
    "array": _names(array, "array"),
    "binascii": _names(binascii, "a2b_base64 b2a_base64 crc32 hexlify unhexlify"),
    "collections": lambda world: SimpleNamespace(
        OrderedDict=collections.OrderedDict, deque=_deque, namedtuple=collections.namedtuple
    ),
    "errno": _errno,
    "hashlib": _hashlib,
    "io": _names(io, "BytesIO StringIO"),
    "json": Json,
    "random": _random,
    "struct": Struct,
}
