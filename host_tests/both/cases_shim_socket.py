# What the shim promises of plain sockets and poll, held against the real ones (see cases_shim_modules).
# Each case talks to itself over loopback.

import errno
import os
import select
import socket

POLLNVAL = 32
LOOPBACK = "127.0.0.1"
SOON_MS = 5000  # loopback; a limit, never reached


def address_of(port, kind=socket.SOCK_STREAM):
    return socket.getaddrinfo(LOOPBACK, port, socket.AF_INET, kind)[0][-1]


# (bound socket, its address). Device sockets cannot tell which port they were given for port 0.
def bound(kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_INET, kind)
    start = os.urandom(2)
    for n in range(100):
        address = address_of(20000 + (start[0] << 5 | start[1] >> 3) + n, kind)
        try:
            s.bind(address)
            return s, address
        except OSError as e:
            assert e.args == (errno.EADDRINUSE,)
    raise AssertionError("no free port")


class Pair:
    """The two ends of one TCP connection, the client's non-blocking."""

    def __init__(self):
        self.listener, self.address = bound()
        self.listener.listen(1)
        self.client = socket.socket()
        self.client.connect(self.address)
        self.client.setblocking(False)
        self.server, self.peer = self.listener.accept()

    def __enter__(self):
        return self.client, self.server

    def __exit__(self, *_):
        for each in (self.client, self.server, self.listener):
            each.close()


def raises(number, function, *arguments):
    try:
        function(*arguments)
    except OSError as e:
        assert type(e) is OSError, type(e)
        assert e.args == (number,), e.args
        return
    raise AssertionError("nothing was raised")


# Waits until s has something to read; the events.
def readable(s):
    poll = select.poll()
    poll.register(s, select.POLLIN)
    return poll.poll(SOON_MS)[0][1]


def case_nothing_there_is_none_for_streams_and_eagain_for_recv():
    with Pair() as (client, _):
        assert client.read(4) is None
        assert client.read() is None
        assert client.readinto(bytearray(4)) is None
        assert client.readline() is None
        raises(errno.EAGAIN, client.recv, 4)
        raises(errno.EAGAIN, client.recvfrom, 4)


def case_a_short_read_gives_what_is_there():
    with Pair() as (client, server):
        buf = bytearray(8)
        server.write(b"ab")
        readable(client)
        assert client.read(8) == b"ab"
        server.write(b"ab")
        readable(client)
        assert client.readline() == b"ab"
        server.write(b"ab")
        readable(client)
        assert client.readinto(buf) == 2
        server.write(b"abcdef")
        readable(client)
        assert client.readinto(buf, 3) == 3
        assert client.read() == b"def"
        assert buf == b"abc" + bytes(5)


def case_readline_leaves_the_rest():
    with Pair() as (client, server):
        server.write(b"one\ntwo\n")
        readable(client)
        assert client.readline() == b"one\n"
        assert client.readline() == b"two\n"


def case_write_takes_a_length_and_an_offset_and_cuts_them():
    with Pair() as (client, server):
        assert client.write(b"abcdef", 3) == 3
        assert client.write(b"abcdef", 2, 3) == 3
        assert client.write(b"xyz", 9) == 3
        assert client.write(b"xyz", 2, 9) == 1
        assert client.write(b"xyz", 9, 1) == 0
        assert client.write(memoryview(b"xyz")[1:]) == 2
        assert client.write("h\u00e9") == 3
        assert client.write(b"") == 0
        assert client.send(b"!") == 1
        want = b"abccdexyzzyzh\xc3\xa9!"
        assert server.read(len(want)) == want


def case_a_full_socket_takes_none():
    with Pair() as (client, _):
        while client.write(b"x" * 65536) is not None:
            pass
        raises(errno.EAGAIN, client.send, b"x")
        poll = select.poll()
        poll.register(client, select.POLLOUT)
        assert poll.poll(0) == []


def case_a_timeout_is_etimedout_in_read_and_eagain_in_recv():
    with Pair() as (client, _):
        client.settimeout(0.05)
        raises(errno.ETIMEDOUT, client.read, 4)
        raises(errno.ETIMEDOUT, client.readinto, bytearray(4))
        raises(errno.ETIMEDOUT, client.readline)
        raises(errno.EAGAIN, client.recv, 4)


def case_a_read_that_times_out_throws_away_what_it_had():
    with Pair() as (client, server):
        client.settimeout(0.05)
        server.write(b"ab")
        raises(errno.ETIMEDOUT, client.read, 4)
        server.write(b"cd")
        assert client.read(2) == b"cd"


def case_the_end_is_empty_bytes():
    with Pair() as (client, server):
        server.write(b"last")
        server.close()
        readable(client)
        client.setblocking(True)
        assert client.read() == b"last"
        assert client.read(1) == b""
        assert client.recv(1) == b""
        assert client.readinto(bytearray(1)) == 0
        assert client.readline() == b""


def case_writing_to_a_peer_that_reset_is_an_error():
    with Pair() as (client, server):
        client.write(b"unread")
        readable(server)
        server.close()
        readable(client)
        raises(errno.ECONNRESET, client.read, 1)
        raises(32, client.write, b"x")  # EPIPE, which has no name on a device


def case_a_closed_socket_is_ebadf_and_closing_it_again_is_nothing():
    with Pair() as (client, _):
        client.close()
        raises(errno.EBADF, client.write, b"x")
        raises(errno.EBADF, client.read, 1)
        raises(errno.EBADF, client.recv, 1)
        raises(errno.EBADF, client.setblocking, True)
        client.close()


def case_a_refused_connection_is_econnrefused():
    s, address = bound()
    client = socket.socket()
    raises(errno.ECONNREFUSED, client.connect, address)
    client.close()
    s.close()


def case_a_refused_connection_shows_in_poll():
    s, address = bound()
    client = socket.socket()
    client.setblocking(False)
    raises(errno.EINPROGRESS, client.connect, address)
    poll = select.poll()
    poll.register(client, select.POLLOUT)
    events = poll.poll(SOON_MS)[0][1]
    assert events & select.POLLERR and events & select.POLLHUP
    client.close()
    s.close()


def case_a_connection_that_is_made_shows_as_writable():
    listener, address = bound()
    listener.listen(1)
    client = socket.socket()
    client.setblocking(False)
    raises(errno.EINPROGRESS, client.connect, address)
    poll = select.poll()
    poll.register(client, select.POLLIN | select.POLLOUT)
    assert poll.poll(SOON_MS)[0][1] == select.POLLOUT
    client.close()
    listener.close()


def case_accept_without_a_caller_is_eagain():
    listener, _ = bound()
    listener.listen(1)
    listener.setblocking(False)
    raises(errno.EAGAIN, listener.accept)
    listener.close()


def case_poll_tells_the_object_and_its_events():
    with Pair() as (client, server):
        poll = select.poll()
        poll.register(client, select.POLLIN | select.POLLOUT)
        poll.register(server, select.POLLIN)
        assert poll.poll(0) == [(client, select.POLLOUT)]
        server.write(b"x")
        poll.modify(client, select.POLLIN)
        assert [(each[0], each[1]) for each in poll.ipoll(SOON_MS)] == [(client, select.POLLIN)]
        poll.unregister(client)
        assert poll.poll(10) == []


def case_poll_refuses_to_modify_what_it_does_not_know():
    with Pair() as (client, server):
        poll = select.poll()
        poll.register(server)
        raises(errno.ENOENT, poll.modify, client, select.POLLIN)
        poll.unregister(client)


def case_poll_of_a_closed_socket_is_nval():
    with Pair() as (client, _):
        poll = select.poll()
        poll.register(client, select.POLLIN)
        client.close()
        assert poll.poll(SOON_MS) == [(client, POLLNVAL)]


def case_datagrams_carry_the_sender_and_are_cut():
    receiver, address = bound(socket.SOCK_DGRAM)
    sender, origin = bound(socket.SOCK_DGRAM)
    assert sender.sendto(b"hello", address) == 5
    assert receiver.recvfrom(3) == (b"hel", origin)
    receiver.setblocking(False)
    raises(errno.EAGAIN, receiver.recvfrom, 3)
    receiver.close()
    sender.close()


def case_an_address_is_what_getaddrinfo_gave():
    listener, address = bound()
    listener.listen(1)
    client = socket.socket()
    try:
        client.connect((LOOPBACK, 1))
        raise AssertionError("a tuple is no address on the unix port")
    except TypeError:
        pass
    client.connect(address)
    client.close()
    listener.close()
    assert socket.sockaddr(address)[:2] == (socket.AF_INET, b"\x7f\x00\x00\x01")


def case_getaddrinfo_answers_tuples_of_five():
    entry = socket.getaddrinfo(LOOPBACK, 80, 0, socket.SOCK_STREAM)[0]
    assert entry[:3] == (socket.AF_INET, socket.SOCK_STREAM, 6)
    assert entry[3] is None
    assert bytes(entry[4]) == b"\x02\x00\x00\x50\x7f\x00\x00\x01" + bytes(8)


def case_a_socket_has_no_context_manager():
    try:
        with socket.socket():
            raise AssertionError("entered")
    except (AttributeError, TypeError):
        pass
