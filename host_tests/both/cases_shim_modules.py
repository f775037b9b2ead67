# What the shim promises of the plain modules, held against the real ones: on MicroPython these cases
# say how a device behaves, on CPython that the shim behaves so too.

import binascii
import collections
import errno
import gc
import hashlib
import json
import os
import random
import struct
import sys
import time

import micropython
from micropython import const

_LIMIT = const(32)


def raises(kind, function, *arguments):
    try:
        function(*arguments)
    except kind as e:
        assert type(e) is kind, type(e)
        return e.args
    raise AssertionError("nothing was raised")


def case_modules_that_a_device_lacks_are_import_errors():
    for name in ("ssl", "typing", "dataclasses", "threading", "logging", "pathlib", "usocket_", "no_such"):
        try:
            __import__(name)
        except ImportError:
            continue
        raise AssertionError(name)


def case_names_that_a_module_lacks_are_import_errors():
    try:
        from time import perf_counter  # noqa: F401
    except ImportError:
        return
    raise AssertionError


def case_builtins_that_a_device_lacks_are_name_errors():
    for name in ("ConnectionResetError", "TimeoutError", "FileNotFoundError", "ModuleNotFoundError", "aiter"):
        raises(NameError, eval, name)


def case_const_is_its_value():
    assert _LIMIT == 32
    assert micropython.const(5) == 5


def case_errors_of_files_are_plain_os_errors_with_a_number():
    assert raises(OSError, open, "/no/such/file") == (errno.ENOENT,)
    assert raises(OSError, os.stat, "/no/such/file") == (errno.ENOENT,)
    assert raises(OSError, os.listdir, "/no/such/file") == (errno.ENOENT,)
    assert raises(OSError, os.mkdir, "/") == (errno.EEXIST,)


def case_an_error_of_the_system_has_errno():
    try:
        os.remove("/no/such/file")
    except OSError as e:
        assert e.errno == errno.ENOENT == 2


def case_stat_and_statvfs_are_tuples_of_ten_numbers():
    for numbers in (os.stat("/"), os.statvfs("/")):
        assert type(numbers) is tuple
        assert [type(n) for n in numbers] == [int] * 10
    assert os.stat("/")[0] & 0x4000


def case_ilistdir_tells_folders_from_files():
    kinds = {entry[0]: entry[1] for entry in os.ilistdir("/")}
    assert kinds["tmp"] == 0x4000


def case_getenv_without_a_value_is_none():
    assert os.getenv("HUBLINK_NO_SUCH_SETTING") is None
    assert len(os.urandom(5)) == 5


def case_errno_has_the_numbers_of_this_port():
    assert (errno.EAGAIN, errno.ECONNRESET, errno.ETIMEDOUT, errno.EINPROGRESS) == (11, 104, 110, 115)
    assert errno.errorcode[104] == "ECONNRESET"
    assert not hasattr(errno, "EPIPE")


def case_a_digest_is_given_once():
    h = hashlib.sha256(b"a")
    h.update(b"b")
    assert binascii.hexlify(h.digest())[:8] == b"fb8e20fc"
    assert raises(ValueError, h.digest) == ("hash is final",)
    assert raises(ValueError, h.update, b"c") == ("hash is final",)
    assert not hasattr(h, "hexdigest")


def case_json_keeps_text_and_takes_separators():
    assert json.dumps({"\u00e9": [1, None, True, 1.5]}) == '{"\u00e9": [1, null, true, 1.5]}'
    assert json.dumps({"a": [1, 2]}, separators=(",", ":")) == '{"a":[1,2]}'


def case_json_takes_bytes_and_refuses_what_is_not_json():
    assert json.loads(b"[1]") == [1]
    for text in ("NaN", "", "[1]x", "{a}"):
        assert raises(ValueError, json.loads, text) == ("syntax error in JSON",)


def case_struct_refuses_short_buffers_as_value_errors():
    raises(ValueError, struct.unpack, "!H", b"a")
    raises(ValueError, struct.unpack_from, "!H", b"ab", 1)
    raises(ValueError, struct.pack_into, "!H", bytearray(1), 0, 1)
    assert struct.unpack("!H", b"\x01\x02\x03") == (0x0102,)
    assert struct.pack("!HB", 258, 3) == b"\x01\x02\x03"


def case_base64_ends_with_a_line_unless_told():
    assert binascii.b2a_base64(b"abc") == b"YWJj\n"
    assert binascii.b2a_base64(b"abc", newline=False) == b"YWJj"
    assert binascii.hexlify(b"ab", ":") == b"61:62"


def case_random_bits_have_a_limit():
    assert 0 <= random.getrandbits(32) < 1 << 32
    assert raises(ValueError, random.getrandbits, 33) == ("bits must be 32 or less",)


def case_a_deque_always_has_a_limit():
    raises(TypeError, collections.deque, ())
    d = collections.deque((), 2)  # noqa: RUF037 - the device wants it
    for n in range(3):
        d.append(n)
    assert list(d) == [1, 2]


def case_heap_lock_counts():
    micropython.heap_lock()
    micropython.heap_lock()
    inner = micropython.heap_unlock()
    outer = micropython.heap_unlock()
    assert (inner, outer) == (1, 0)


def case_memory_is_a_number():
    gc.collect()
    assert gc.mem_free() > 0
    assert gc.mem_alloc() > 0


def case_gmtime_starts_with_the_epoch_and_mktime_goes_back():
    assert time.gmtime(0)[:8] == (1970, 1, 1, 0, 0, 0, 3, 1)
    assert time.gmtime(86400 * 365)[:3] == (1971, 1, 1)
    assert time.gmtime(1709210096)[:8] == (2024, 2, 29, 12, 34, 56, 3, 60)
    assert int(time.time()) > 1700000000


def case_ticks_refuse_a_span_too_long():
    period_bits = 30 if sys.maxsize == 0x7FFFFFFF else 62
    assert raises(OverflowError, time.ticks_add, 5, 1 << period_bits - 1) == ("ticks interval overflow",)
    start = time.ticks_ms()
    time.sleep_ms(5)
    assert time.ticks_diff(time.ticks_ms(), start) >= 5
    assert time.ticks_diff(time.ticks_add(start, 7), start) == 7


def case_sleeping_a_negative_time_is_no_sleep():
    time.sleep_ms(-5)


def case_the_interpreter_says_what_it_is():
    assert sys.implementation.name == "micropython"
    assert sys.implementation._mpy & 0xFF == 6
    assert sys.platform == "linux"


def case_exceptions_are_printed_to_a_stream():
    try:
        raise ValueError("seen by nobody")
    except ValueError as e:
        sys.print_exception(e)
        sys.print_exception(e, sys.stdout)
