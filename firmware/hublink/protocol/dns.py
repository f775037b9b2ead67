# DNS messages for one question: the IPv4 addresses of a name (RFC 1035). Pure.
from .. import limits


# Is the text an IPv4 address?
def is_address(text):
    parts = text.split(".")
    return len(parts) == 4 and all(0 < len(p) < 4 and _is_digits(p) and int(p) < 256 for p in parts)


# str.isdigit() is also true of digits that int() does not read.
def _is_digits(text):
    return all(c in "0123456789" for c in text)


# Is the text a port number?
def is_port(text):
    return 0 < len(text) < 6 and _is_digits(text) and 0 < int(text) < 65536


# The query for the A records of host, with the given 16-bit id. ValueError for an impossible name.
def query(host, query_id):
    out = bytearray(b"\0\0\x01\0\0\x01\0\0\0\0\0\0")  # recursion desired, one question
    out[0] = query_id >> 8
    out[1] = query_id & 255
    for label in host.encode().split(b"."):
        if not 0 < len(label) < 64:
            raise ValueError("host name %s: expected labels of 1 to 63 characters" % host)
        out.append(len(label))
        out.extend(label)
    out.extend(b"\0\0\x01\0\x01")  # root, type A, class IN
    return bytes(out)


# Reads the reply to that query. Returns (list of addresses as text, seconds to live); None when it
# is not the reply to it; a text when the server answers that there is none, or nonsense.
def reply(data, asked):
    if len(data) < len(asked) or data[:2] != asked[:2] or not data[2] & 0x80:
        return None
    if bytes(data[12 : len(asked)]).lower() != asked[12:].lower():
        return None
    code = data[3] & 15
    if code:
        return "dns_no_such_name" if code == 3 else "dns_refused"
    try:
        found = _addresses(data, len(asked), data[6] << 8 | data[7])
    except IndexError:
        return "dns_garbage"
    return found if found[0] else "dns_no_address"


def _addresses(data, at, count):
    addresses = []
    ttl_s = limits.DNS_CACHE_MAX_S
    for _ in range(min(count, 32)):
        at = _skip_name(data, at)
        kind = data[at] << 8 | data[at + 1]
        length = data[at + 8] << 8 | data[at + 9]
        end = at + 10 + length
        if kind == 1 and length == 4:
            addresses.append("%d.%d.%d.%d" % (data[end - 4], data[end - 3], data[end - 2], data[end - 1]))
            ttl_s = min(ttl_s, _ttl_s(data, at + 4))
        at = end
    return addresses, max(ttl_s, limits.DNS_CACHE_MIN_S)


# A time to live with the top bit set counts as 0 (RFC 2181, section 8).
def _ttl_s(data, at):
    if data[at] & 0x80:
        return 0
    return data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]


def _skip_name(data, at):
    while data[at]:
        if data[at] & 0xC0:
            return at + 2
        at += data[at] + 1
    return at + 1
