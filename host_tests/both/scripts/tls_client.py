# A TLS client that prints what it sees, to be compared between interpreters:
# tls_client.py SCENARIO PORT HOST CA CERTIFICATE KEY; those three are DER files, "-" for none.
import select
import socket
import sys

import tls

POLLIN = select.POLLIN
POLLOUT = select.POLLOUT
SOON_MS = 5000  # loopback; a limit, never reached
FOR_EVER_MS = -1  # where the answer is known already


# Prints what a call answers or raises, and answers it.
def show(name, function, *arguments):
    try:
        answer = function(*arguments)
    except (OSError, ValueError) as e:
        print(name + ":", type(e).__name__, *e.args)
        return None
    print(name + ":", answer)
    return answer


def data(path):
    with open(path, "rb") as f:
        return f.read()


def context(ca, certificate, key):
    made = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    if ca != "-":
        made.load_verify_locations(data(ca))
    if certificate != "-":
        made.load_cert_chain(data(certificate), data(key))
    return made


def connected(port):
    raw = socket.socket()
    raw.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    return raw


# (raw, TLS) on a non-blocking socket, the handshake still to come.
def deferred(port, host, context):
    raw = connected(port)
    raw.setblocking(False)
    return raw, context.wrap_socket(raw, server_hostname=host, do_handshake_on_connect=False)


def events(stream, mask, timeout_ms=SOON_MS):
    poll = select.poll()
    poll.register(stream, mask)
    return sum([event for _, event in poll.poll(timeout_ms)])


# Offers the same bytes until they are taken, waiting in between for the direction that TLS needs.
def write_all(stream, message):
    while True:
        taken = stream.write(message)
        if taken is not None:
            return taken
        events(stream, POLLOUT)


def read_soon(stream, n):
    events(stream, POLLIN)
    return stream.read(n)


def is_open(raw):
    try:
        raw.setblocking(False)
    except OSError:
        return False
    return True


# -- scenarios ---------------------------------------------------------------------------------


def refused(port, host, context):
    raw, stream = deferred(port, host, context)
    show("write", write_all, stream, b"hello")
    show("write again", stream.write, b"hello")
    show("read", stream.read, 1)
    print("poll:", events(stream, POLLIN | POLLOUT, 0))
    stream.close()
    print("raw socket open:", is_open(raw))


def refused_at_once(port, host, context):
    raw = connected(port)
    raw.settimeout(5)
    show("wrap", lambda: context.wrap_socket(raw, server_hostname=host))
    print("raw socket open:", is_open(raw))


def without_name(port, host, context):
    show("wrap", lambda: context.wrap_socket(connected(port)))


def unverified(port, host, context):
    context.verify_mode = tls.CERT_NONE
    _raw, stream = deferred(port, None, context)
    show("write", write_all, stream, b"hello")
    print("read:", read_soon(stream, 5))


def optional(port, host, context):
    context.verify_mode = tls.CERT_OPTIONAL
    _raw, stream = deferred(port, host, context)
    show("write", write_all, stream, b"hello")


def talk(port, host, context):
    context.set_ciphers(["TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256"])
    raw, stream = deferred(port, host, context)
    print("poll before:", events(stream, POLLOUT))
    show("write", write_all, stream, b"hello")
    print("cipher:", stream.cipher())
    print("poll:", events(stream, POLLIN))
    print("read:", stream.read(2))
    print("poll:", events(stream, POLLIN, FOR_EVER_MS), "raw:", events(raw, POLLIN, 0))
    buf = bytearray(10)
    print("readinto:", stream.readinto(buf), bytes(buf[:3]))
    print("nothing:", stream.read(1), stream.read(), stream.readinto(buf), stream.readline())
    print("poll:", events(stream, POLLIN | POLLOUT, 0))
    show("write n", stream.write, b"abcdef", 3)
    print("read:", read_soon(stream, 9))
    show("write offset n", stream.write, b"a\nb\nc", 1, 3)
    events(stream, POLLIN)
    print("readline:", stream.readline(), stream.readline())
    stream.close()
    print("raw socket open:", is_open(raw))
    show("read closed", stream.read, 1)
    show("read closed", stream.read, 1)
    print("poll:", events(stream, POLLIN, 0))


def talk_blocking(port, host, context):
    raw = connected(port)
    stream = context.wrap_socket(raw, server_hostname=host)
    show("write", stream.write, b"x" * 10000)
    print("read:", len(stream.read(10000)))
    show("write", stream.write, b"one\ntwo")
    print("readline:", stream.readline())
    print("read:", stream.read(3))
    stream.write(b"drop")
    print("end:", stream.read(10), stream.read())


def ends_dropped(port, host, context):
    end(b"drop", port, host, context)


def ends_with_notice(port, host, context):
    end(b"close", port, host, context)


def ends_reset(port, host, context):
    end(b"reset", port, host, context)


def end(word, port, host, context):
    raw, stream = deferred(port, host, context)
    write_all(stream, word)
    show("read", read_soon, stream, 5)
    show("read", stream.read, 5)
    print("raw socket open:", is_open(raw))


def timeout(port, host, context):
    raw = connected(port)
    stream = context.wrap_socket(raw, server_hostname=host)
    raw.settimeout(0.05)
    stream.write(b"quiet")
    show("read", stream.read, 1)
    show("read", stream.read, 1)
    show("write", stream.write, b"x")
    print("poll:", events(stream, POLLIN | POLLOUT, 0))
    print("raw socket open:", is_open(raw))


def silent(port, host, context):
    raw = connected(port)
    raw.settimeout(0.05)
    show("wrap", lambda: context.wrap_socket(raw, server_hostname=host))


def direction(port, host, context):
    _raw, stream = deferred(port, host, context)
    print("write:", stream.write(b"hello"))
    print("poll OUT:", events(stream, POLLOUT, 50))
    print("read:", stream.read(1))
    print("poll OUT:", events(stream, POLLOUT, 50))
    print("poll IN:", events(stream, POLLIN, 50))


# What is there to read lets the caller write: its write goes on with the handshake.
# The server answers when the port named by a further argument has been called.
def direction_met(port, host, context):
    _raw, stream = deferred(port, host, context)
    print("write:", stream.write(b"hello"))
    connected(int(sys.argv[7])).close()
    print("poll OUT:", events(stream, POLLOUT))


globals()[sys.argv[1]](int(sys.argv[2]), sys.argv[3], context(*sys.argv[4:7]))
