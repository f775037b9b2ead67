# The verified TLS context, the memory set aside for it, and what its failures mean.
# Verification cannot be switched off here, and nowhere else is a context made.
import errno
import gc

import tls

REQUIRED = tls.CERT_REQUIRED


# A client context that verifies the hub and, with a certificate, proves the device. ca: list of DER
# certificates (bytes); cert, key: DER bytes, or None where something else proves it. Raises ValueError
# that names which of them is unreadable.
def make_context(ca, cert, key):
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = REQUIRED
    # The ssl module's wrapper silently verifies nothing (platform-facts 1.1): read it back.
    if context.verify_mode != REQUIRED:
        raise ValueError("tls: this interpreter does not verify certificates")
    for der in ca:
        try:
            context.load_verify_locations(der)
        except (ValueError, OSError):
            raise ValueError("tls.ca: expected certificates in DER form")
    if not cert:
        return context
    try:
        context.load_cert_chain(cert, key)
    except (ValueError, OSError) as e:
        name = "tls.key" if "key" in str(e) else "tls.cert"
        raise ValueError("%s: expected DER form, unencrypted" % name)
    return context


class Reserve:
    """Memory for TLS's record buffers, held while no connection is open. sizes_len: board data.

    A fragmented heap has no 17 kB in one piece left when they are needed (platform-facts 1.8).
    """

    def __init__(self, sizes_len):
        self._sizes_len = sizes_len
        self._held = None
        self.take()

    def take(self):
        if self._sizes_len and not self._held:
            gc.collect()
            try:
                self._held = [bytearray(n) for n in self._sizes_len]
            except MemoryError:  # the connection may still succeed; the next take() tries again
                self._held = None

    def release(self):
        self._held = None
        gc.collect()


# What an exception out of connect, handshake or transfer means: one word for logs and telemetry.
# heap_low: TLS takes its memory from the Python heap, and little of it is free.
def classify(e, heap_low):
    if isinstance(e, MemoryError):
        return "out_of_memory"
    text = str(e)
    if isinstance(e, ValueError):
        if "expired" in text:
            return "certificate_expired"
        if "future" in text:
            return "certificate_not_yet_valid"
        # mbedTLS reports a failed allocation as a bad signature (Mbed-TLS#1971).
        if heap_low:
            return "out_of_memory"
        return "wrong_host" if "expected CN" in text else "untrusted_hub"
    return _of_number(e.args[0] if e.args else 0)


def _of_number(number):
    if not isinstance(number, int):
        return "network"  # esp32 raises OSError with a text
    if number in (errno.ENOMEM, -errno.ENOMEM, -17040, -17168, -32512):
        return "out_of_memory"
    if number == -30592:  # fatal alert (0x7780): the hub refuses our certificate
        return "hub_refuses_certificate"
    if number in (-29184, -29312):  # invalid record (0x7200), end of stream (0x7280)
        return "tls_broken_off"
    if number < -255:
        return "tls_%d" % number
    if abs(number) == errno.ECONNREFUSED:
        return "connection_refused"
    if abs(number) in (errno.ECONNRESET, 32):  # EPIPE is not in the boards' errno
        return "reset"
    return "network"
