"""The reference interpreter is what it claims to be: a board's words, a board's TLS, a board's heap.

What a board does is written in platform-facts sections 1.1 to 1.3 and 1.8. Each program below runs on the
interpreter itself, as MicroPython would run it on a board.
"""


import errno
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading

import pytest
from hublink_desk import paths
from hublink_desk.errors import DeskError
from hublink_desk.mosquitto import Mosquitto
from hublink_desk.pki import Authority
from hublink_desk.reference import Unavailable, build, count_instructions, interpreter
from hublink_desk.reference.heap import measure_frozen_heap

LIMIT_S = 30
RENEGOTIATION_INFO = 0x00FF  # not a suite, but offered among them (RFC 5746)
SUPPORTED_VERSIONS = 43  # the extension without which there is no TLS 1.3 (RFC 8446)


def built(frozen):
    """The interpreter, or a test that is listed as not run, with the reason."""
    try:
        return build(frozen)
    except Unavailable as reason:
        pytest.skip(reason.message)


@pytest.fixture(scope="module")
def plain():
    return built(frozen=False)


@pytest.fixture(scope="module")
def frozen():
    return built(frozen=True)


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def broker(ca, tmp_path_factory):
    """Takes nobody who does not prove himself by a certificate."""
    with Mosquitto(tmp_path_factory.mktemp("broker"), ca, ca.issue("hub", kind="hub")) as broker:
        yield broker


@pytest.fixture(scope="module")
def device(ca):
    """The files a device shows and trusts, in the order in which the programs take them."""
    identity = ca.issue("device")
    return [ca.cert_der, identity.cert_der, identity.key_der]


@pytest.fixture
def run(tmp_path):
    """run(interpreter, program, ...) is what the program prints; it has ended without an exception."""
    started = []

    def start(interpreter, program, *arguments, heap="200k", search=".frozen"):
        script = tmp_path / "program.py"
        script.write_text(program)
        words = [interpreter, "-X", f"heapsize={heap}", script, *arguments]
        env = os.environ | {"MICROPYPATH": str(search)}
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
        process = subprocess.Popen([str(word) for word in words], env=env, cwd=tmp_path, text=True, **streams)
        started.append(process)
        said, _ = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, said
        return said

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LIMIT_S)
        yield server


# --- words and blocks ---


def test_its_words_have_32_bits(plain, run):
    program = "import sys; print(sys.maxsize, sys.implementation.version[:2] >= (1, 25))"
    assert run(plain, program).split() == [str(2**31 - 1), "True"]


def test_its_heap_is_given_in_blocks_of_16_bytes(plain, run):
    program = """
import gc

def cost(length):
    gc.collect()
    before = gc.mem_alloc()
    held = bytearray(length)
    return gc.mem_alloc() - before

print(cost(64), cost(65))
"""
    assert run(plain, program).split() == ["80", "96"]  # the object's own block, and its data


# --- what TLS it speaks ---

CLIENT = """
import socket, sys, tls

def read(name):
    with open(name, "rb") as file:
        return file.read()

def context_of(names):
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(read(names[0]))
    context.load_cert_chain(read(names[1]), read(names[2]))
    return context

def connect(port):
    sock = socket.socket()
    sock.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    return sock
"""
GREET = (
    CLIENT
    + """
context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
try:
    context.wrap_socket(connect(int(sys.argv[1])), server_hostname="localhost")
except OSError as e:
    print("refused", e.args[0])
"""
)


def answered_by(listener, answer):
    """A thread that takes one connection and does something with it."""

    def serve():
        with listener.accept()[0] as sock:
            sock.settimeout(LIMIT_S)
            answer(sock)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


class ClientHello:
    """What a client offers (RFC 5246, section 7.4.1.2)."""

    def __init__(self, sock):
        with sock.makefile("rb") as stream:
            self._bytes = stream.read(int.from_bytes(stream.read(5)[3:], "big"))
        self._at = 4 + 2 + 32  # header, version, random
        self.version = self._bytes[4:6]
        self._take(1)  # session id
        suites = self._take(2)
        self.suites = [int.from_bytes(suites[at : at + 2], "big") for at in range(0, len(suites), 2)]
        self._take(1)  # compression
        self.extensions = self._extensions(self._take(2))

    def _take(self, size_len):
        start = self._at + size_len
        self._at = start + int.from_bytes(self._bytes[self._at : start], "big")
        return self._bytes[start : self._at]

    @staticmethod
    def _extensions(data):
        kinds, at = [], 0
        while at < len(data):
            kinds.append(int.from_bytes(data[at : at + 2], "big"))
            at += 4 + int.from_bytes(data[at + 2 : at + 4], "big")
        return kinds


@pytest.fixture
def hello(plain, run, listener):
    """What it says to a server that then hangs up."""
    seen = []
    thread = answered_by(listener, lambda sock: seen.append(ClientHello(sock)))
    assert run(plain, GREET, listener.getsockname()[1]).startswith("refused")
    thread.join(LIMIT_S)
    return seen[0]


def test_it_offers_18_cipher_suites(hello):
    assert len([suite for suite in hello.suites if suite != RENEGOTIATION_INFO]) == 18


def test_it_offers_tls_1_2_and_nothing_newer(hello):
    assert hello.version == b"\x03\x03"
    assert hello.extensions and SUPPORTED_VERSIONS not in hello.extensions


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_it_meets_a_server_of_tls_1_2_alone(plain, run, listener, ca, version):
    identity = ca.issue(f"hub-{version}", kind="hub")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    context.load_cert_chain(identity.cert_pem, identity.key_pem)

    def answer(sock):
        try:
            context.wrap_socket(sock, server_side=True).close()
        except OSError:
            pass

    program = GREET.replace("\ntry:", "\ncontext.load_verify_locations(read(sys.argv[2]))\ntry:")
    thread = answered_by(listener, answer)
    said = run(plain, program, listener.getsockname()[1], ca.cert_der)
    thread.join(LIMIT_S)
    assert said == ("" if version == "TLSv1_2" else "refused -30592\n")  # fatal alert


@pytest.mark.parametrize(
    "call", ["load_verify_locations(pem)", "load_cert_chain(pem, key)", "load_cert_chain(der, key)"]
)
def test_it_refuses_pem(plain, run, tmp_path, call):
    identity = Authority.create(tmp_path / "pem").issue("device")
    program = """
import sys, tls
pem, der, key = [open(name, "rb").read() for name in sys.argv[1:]]
try:
    tls.SSLContext(tls.PROTOCOL_TLS_CLIENT).%s
except ValueError as e:
    print(e)
"""
    said = run(plain, program % call, identity.cert_pem, identity.cert_der, identity.key_pem)
    assert said in ("invalid cert\n", "invalid key\n")


# --- where its TLS memory is ---


def test_its_tls_memory_is_in_the_heap_and_comes_back(plain, run, broker, device):
    program = """
import gc
context = context_of(sys.argv[2:])

def alloc():
    gc.collect()
    return gc.mem_alloc()

sock = connect(int(sys.argv[1]))
before = alloc()
secure = context.wrap_socket(sock, server_hostname="localhost")
during = alloc()
secure.close()
secure = None
print(during - before, alloc() - before)
"""
    taken, left = map(int, run(plain, CLIENT + program, broker.port, *device).split())
    assert 22_000 < taken < 25_000
    assert left < 100


# What a long-lived program makes of a heap: many pieces of 1 kB, and every other one is free.
FRAGMENTED = (
    CLIENT
    + """
import gc
from hublink.net.tls import Reserve, make_context

port, sizes_len, names = int(sys.argv[1]), eval(sys.argv[2]), sys.argv[3:]
context = make_context([read(names[0])], read(names[1]), read(names[2]))
reserve = Reserve(sizes_len)
pieces = [None] * 150
try:
    for i in range(len(pieces)):
        pieces[i] = bytearray(1000)
except MemoryError:
    pass
for i in range(0, len(pieces), 2):
    pieces[i] = None
reserve.release()
print(gc.mem_free())
try:
    secure = context.wrap_socket(connect(port), server_hostname="localhost")
    secure.write(b"\\x10\\x0e\\x00\\x04MQTT\\x04\\x02\\x00\\x3c\\x00\\x02ab")
    print("CONNACK", secure.read(4))
except OSError as e:
    print("OSError", e.args[0])
"""
)


@pytest.fixture
def connect_fragmented(plain, run, broker, device):
    """connect_fragmented(sizes_len of the reserve) is what came of it, in a heap of 150 kB."""

    def connect(sizes_len):
        options = {"heap": "150k", "search": f"{paths.FIRMWARE}:.frozen"}
        said = run(plain, FRAGMENTED, broker.port, sizes_len, *device, **options)
        free, outcome = said.splitlines()
        assert int(free) > 60_000  # memory enough, if not in one piece
        return outcome

    return connect


def test_a_fragmented_heap_has_no_room_for_tls(connect_fragmented):
    assert connect_fragmented("()") == f"OSError {errno.ENOMEM}"


def test_the_reserve_keeps_room_for_tls_in_a_fragmented_heap(connect_fragmented):
    assert connect_fragmented("(17000, 4600)") == "CONNACK b' \\x02\\x00\\x00'"  # boards/chip_rp2.py


# --- with hublink frozen into it ---


def test_every_module_of_hublink_is_frozen(frozen, run):
    files = [path.relative_to(paths.FIRMWARE) for path in paths.FIRMWARE.glob("hublink/**/*.py")]
    names = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in files]
    program = """
import sys
for name in sys.argv[1:]:
    __import__(name)
print(len(sys.argv) - 1)
"""
    assert int(run(frozen, program, *names, "umqtt.simple", "board", search=".frozen")) > 30


def test_a_node_of_frozen_code_comes_online_in_the_heap_of_a_board():
    empty, imported, node, online = measure_frozen_heap()
    assert 0 < empty < imported < min(node, online)


# --- counting its instructions ---

WORK = """
import gc, sys, time

def work(count):
    for i in range(count):
        text = "%d" % (i & 63)

work(100)
gc.collect()
gc.disable()
for arg in sys.argv[1:]:
    time.clock()
    work(int(arg))
time.clock()
"""


def test_the_instructions_of_a_program_are_always_as_many(plain, tmp_path):
    script = tmp_path / "work.py"
    script.write_text(WORK)
    command = [plain, "-X", "heapsize=200k", script, 200, 400, 600]
    one, two, three = counts = count_instructions(command)
    assert count_instructions(command) == counts
    assert one > 200 * 100  # it is the work that is counted
    assert two - one == pytest.approx(three - two, rel=0.01) == pytest.approx(one, rel=0.01)


def test_a_program_that_fails_is_not_counted(plain, tmp_path):
    script = tmp_path / "fails.py"
    script.write_text("1 // 0")
    with pytest.raises(DeskError, match="ZeroDivisionError"):
        count_instructions([plain, script])


# --- building it ---


def test_it_is_not_built_again(plain, monkeypatch):
    monkeypatch.setattr(interpreter, "run", None)
    assert build() == plain


@pytest.mark.parametrize("missing", ["gcc", "make"])
def test_what_a_machine_lacks_is_said_and_recorded(plain, missing, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    for command in {"gcc", "make"} - {missing}:
        (tmp_path / "bin" / command).symlink_to(shutil.which(command))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "DEPS", tmp_path / ".deps")
    with pytest.raises(Unavailable, match=f"{missing} is not on this machine"):
        build()
    assert plain  # else it lacks something else
    assert missing in json.loads((tmp_path / ".deps" / "missing.json").read_text())["micropython-ref"]

