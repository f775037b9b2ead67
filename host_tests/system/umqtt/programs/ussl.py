# What boards had under this name when umqtt.simple 1.3.4 was written: TLS that verifies nothing.
import tls


def wrap_socket(sock, server_hostname=None):
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_NONE
    return context.wrap_socket(sock, server_hostname=server_hostname)
