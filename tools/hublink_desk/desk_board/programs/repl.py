# The REPL of the board on the desk, friendly and raw, as MicroPython's own (shared/runtime/pyexec.c) speaks.
# Ctrl-C is no byte here: the host's signal raises KeyboardInterrupt, at the prompt too.
import gc
import sys

import pico

_CTRL_A = b"\x01"
_CTRL_B = b"\x02"
_CTRL_D = b"\x04"
_RAW_PASTE = b"\x05A"
_WINDOW_LEN = 128

_RAW = "raw REPL; CTRL-B to exit\n"
_HELP = 'Type "help()" for more information.'
_FRIENDLY = "\n%s; %s\n%s\n" % (sys.version[7:], pico.Implementation._machine, _HELP)

_own = None  # names of the modules that a soft reset leaves
_globals = {}


class SoftReset(Exception):
    pass


def run():
    global _own
    _own = set(sys.modules)
    speak = friendly
    start(speak)
    while True:
        try:
            speak = speak()
        except KeyboardInterrupt:  # what was typed so far is forgotten
            write("\n")
        except SoftReset:
            print("MPY: soft reboot")
            start(speak)


def start(speak):
    for name in sys.modules:
        if name not in _own:
            del sys.modules[name]
    _globals.clear()
    _globals["__name__"] = "__main__"
    gc.collect()
    run_file("boot.py")
    if speak == friendly:
        run_file("main.py")
    enter(speak)


def enter(speak):
    write(_FRIENDLY if speak == friendly else _RAW)
    return speak


# Each reads from its prompt to the end of a command, does it, and returns what reads the next one.


def friendly():
    write(">>> ")
    line = b""
    while True:
        c = read()
        if c == _CTRL_A:
            return enter(raw)
        if c == _CTRL_B:
            return enter(friendly)
        if c == _CTRL_D and not line:
            write("\n")
            raise SoftReset
        if c == b"\r":
            break
        if c in b"\x08\x7f":
            if line:
                line = line[:-1]
                write("\x08 \x08")
        elif c >= b" ":
            line += c
            write(c.decode())
    write("\n")
    run_source(line, "<stdin>", "single")
    return friendly


def raw():
    write(">")
    line = b""
    while True:
        c = read()
        if c == _CTRL_A:
            if line == _RAW_PASTE:
                run_raw(paste())
                return raw
            return enter(raw)
        if c == _CTRL_B:
            write("\n")
            return enter(friendly)
        if c == _CTRL_D:
            break
        line += c
    write("OK")
    if not line:
        write("\n")
        raise SoftReset
    run_raw(line)
    return raw


# The host may send a window more at each Ctrl-A.
def paste():
    more = b"R\x01" + bytes((_WINDOW_LEN, 0)) + _CTRL_A
    source = bytearray()
    while True:
        if len(source) % _WINDOW_LEN == 0:
            sys.stdout.buffer.write(more)
            more = _CTRL_A
        c = read()
        if c == _CTRL_D:
            write("\x04")
            return source
        source += c


def run_raw(source):
    def ended():
        write("\x04")

    run_source(source, "<stdin>", "exec", ended)
    write("\x04")


def run_file(name):
    try:
        with open(name, "rb") as f:
            source = f.read()
    except OSError:
        return
    run_source(source, name, "exec")


def run_source(source, name, kind, ended=lambda: None):
    try:
        exec(compile(str(source, "utf-8"), name, kind), _globals)
        ended()
    except SystemExit as e:
        if e.args:  # machine.reset()
            raise
        ended()
        raise SoftReset
    except BaseException as e:
        ended()
        sys.print_exception(e)


def read():
    c = sys.stdin.buffer.read(1)
    if not c:
        raise SystemExit(0)
    return c


def write(text):
    sys.stdout.write(text)
