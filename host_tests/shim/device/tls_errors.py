"""What mbedTLS says where OpenSSL says something else; texts of the unix port 1.25 (mbedTLS 3.6.3)."""

import ssl

ALERT = (-30592, "SSL - A fatal alert message was received from our peer")
BAD_CONFIG = (-24192, "SSL - Invalid value in SSL config")
BAD_INPUT = (-28928, "SSL - Bad input parameters to function")
EOF = (-29312, "SSL - The connection indicated an EOF")
INVALID_MAC = (-29056, "SSL - Verification of the message MAC failed")
INVALID_RECORD = (-29184, "SSL - An invalid SSL record was received")
NO_AUTHORITY = (-30336, "SSL - No CA Chain is set, but required to operate")
PROTOCOL = (-28288, "SSL - Handshake protocol not within min/max boundaries")
VERIFY_FAILED = -9984

EXPIRED = "The certificate validity has expired"
NOT_YET_VALID = "The certificate validity starts in the future"
NOT_TRUSTED = "The certificate is not correctly signed by the trusted CA"
WRONG_NAME = "The certificate Common Name (CN) does not match with the expected CN"

# X509_V_ERR_* of OpenSSL. Whatever else went wrong with the chain, mbedTLS calls it not trusted.
_REASONS = {9: NOT_YET_VALID, 10: EXPIRED, 62: WRONG_NAME, 64: WRONG_NAME}

_CODES = {
    "DECRYPTION_FAILED_OR_BAD_RECORD_MAC": INVALID_MAC,
    "UNSUPPORTED_PROTOCOL": PROTOCOL,
}


def untrusted(reason):
    """The ValueError for a certificate that was refused. The device lists every reason, OpenSSL the first."""
    return ValueError(f"\n{reason}\n")


def verify_reason(exc):
    """The device's words for an `ssl.SSLCertVerificationError`."""
    return _REASONS.get(exc.verify_code, NOT_TRUSTED)


def code_of(exc):
    """(number, text) of mbedTLS for an `ssl.SSLError`."""
    if isinstance(exc, ssl.SSLEOFError):
        return EOF
    reason = exc.reason or ""
    return ALERT if "ALERT" in reason else _CODES.get(reason, INVALID_RECORD)
