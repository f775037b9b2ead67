# When a certificate expires (RFC 5280, 4.1), read from its DER. Pure.

_UTC_TIME_LEN = 13  # YYMMDDhhmmssZ; GeneralizedTime has the century before it


# Where the contents of the DER element at `at` begin and end.
def _contents(der, at):
    length = der[at + 1]
    at += 2
    if length > 127:
        begin = at + length - 128
        length = int.from_bytes(der[at:begin], "big")
        at = begin
    return at, at + length


# The Unix day (seconds // 86400) of its notAfter; 0 if it is no certificate in DER.
def expiry_day(der):
    try:
        at, _ = _contents(der, 0)  # Certificate
        at, _ = _contents(der, at)  # TBSCertificate
        for _ in range(3 + (der[at] == 0xA0)):  # the version may be missing; serial number, algorithm, issuer
            _, at = _contents(der, at)
        at, _ = _contents(der, at)  # Validity
        _, at = _contents(der, at)  # notBefore
        at, end = _contents(der, at)
        year = int(der[at : end - 11])
        month, day = int(der[end - 11 : end - 9]), int(der[end - 9 : end - 7])
    except (IndexError, ValueError):
        return 0
    if end - at == _UTC_TIME_LEN:
        year += 2000 if year < 50 else 1900
    # Years that begin in March have their leap day at the end (proleptic Gregorian calendar).
    if month < 3:
        year -= 1
        month += 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day - 719469
