# Runs cases on MicroPython: device_runner.py MODULE CASE [CASE ...], the module found on MICROPYPATH.
# What a case prints stands between "<mark>begin CASE" and "<mark>ok CASE" or "<mark>failed CASE";
# before "failed" comes its traceback. The mark is a character that no case prints.
import sys

_MARK = "\x1e"


def tell(word, name):
    print(_MARK + word, name)


def run(cases, name):
    tell("begin", name)
    try:
        getattr(cases, name)()
    except BaseException as e:
        sys.print_exception(e, sys.stdout)
        tell("failed", name)
    else:
        tell("ok", name)


cases = __import__(sys.argv[1])
for name in sys.argv[2:]:
    run(cases, name)
