"""What the answers of a hub mean, in plain words, each with a hint. Tables; nothing here connects.

A row is (code for scripts, what happened, what to do). `{...}` are filled in by `connect`.
"""

NO_SUCH_HOST = ("no_such_host", "{host} has no IPv4 address", "look for a slip in hub.host")
DNS_FAILED = (
    "dns_failed",
    "no name server told the address of {host}",
    "is this desk online? Are the servers in dns.servers right?",
)

TCP_REFUSED = (
    "connection_refused",
    "nobody listens on port {port}",
    "is the hub running, and hub.port right?",
)
TCP_SILENT = (
    "tcp_timeout",
    "no answer on port {port} within {limit_s:g} s",
    "a firewall between here and the hub may not let this port out",
)
TCP_FAILED = ("unreachable", "port {port} cannot be reached: {reason}", "is this desk online?")

UNTRUSTED = (
    "untrusted_hub",
    "the hub's certificate is not by an authority in tls.ca: {reason}",
    "take the hub's authority from its console or its documentation, and name it in tls.ca",
)

# X.509 verification codes of OpenSSL (x509_vfy.h); all others are UNTRUSTED.
VERIFY = {
    9: (
        "not_yet_valid",
        "the hub's certificate, or its authority's, is not valid yet by this desk's clock",
        "set the clock; if it is right, tell who runs the hub",
    ),
    10: (
        "expired",
        "the hub's certificate, or its authority's, has expired",
        "renew the hub's certificate, or replace an old authority in tls.ca",
    ),
    26: (
        "wrong_purpose",
        "the certificate that the hub shows is not one for servers",
        "look at hub.host and hub.port, then at the hub's own certificate",
    ),
    62: (
        "wrong_host",
        "the certificate is another host's: {reason}",
        "hub.host has to be the name that the hub's console shows, not an address",
    ),
    64: (
        "wrong_host",
        "the certificate does not name this address: {reason}",
        "hub.host has to be a name that the hub's certificate has",
    ),
}

# Ends of the names that OpenSSL gives to the alerts of the other side (RFC 5246, section 7.2).
ALERTS = (
    (
        "CERTIFICATE_EXPIRED",
        "certificate_expired",
        "the hub says that the device's certificate has expired",
        "renew it: hublink device renew",
    ),
    (
        "UNKNOWN_CA",
        "unknown_authority",
        "the hub does not know the authority of the device's certificate",
        "give the hub that authority, or the certificate itself, in its console",
    ),
    (
        "CERTIFICATE_REVOKED",
        "certificate_revoked",
        "the hub says that the device's certificate was revoked",
        "make a new one: hublink device renew --new-key",
    ),
    (
        "ALERT_PROTOCOL_VERSION",
        "no_tls_1_2",
        "the hub does not speak TLS 1.2, and boards speak nothing else",
        "allow TLS 1.2 at the hub",
    ),
    (
        "UNRECOGNIZED_NAME",
        "wrong_name",
        "the hub does not know the name that it was called by",
        "hub.host has to be the name that the hub's console shows",
    ),
    (
        "HANDSHAKE_FAILURE",
        "handshake_refused",
        "the hub broke off the handshake: no certificate that it takes, or no cipher that boards have",
        "is a certificate expected that tls.cert does not name? Allow ECDHE with AES-GCM at the hub",
    ),
    (
        "CERTIFICATE",  # BAD_, UNSUPPORTED_
        "certificate_refused",
        "the hub refuses the device's certificate",
        "{refused}",
    ),
    (
        "CERTIFICATE_UNKNOWN",
        "certificate_refused",
        "the hub refuses the device's certificate",
        "{refused}",
    ),
    (
        "WRONG_VERSION_NUMBER",
        "no_tls",
        "what answers there does not speak TLS",
        "hub.port has to be the port for MQTT over TLS, mostly 8883",
    ),
)
TLS_FAILED = ("tls_failed", "the handshake failed: {reason}", "look at hub.port, and at the hub's log")
TLS_CUT = (
    "certificate_refused",
    "the hub cut the connection in the handshake without saying why",
    "mostly it does not take the device's certificate; {refused}",
)
TLS_SILENT = (
    "tls_timeout",
    "nothing that speaks TLS answered within {limit_s:g} s",
    "hub.port has to be the port for MQTT over TLS, mostly 8883",
)

# Return codes of CONNACK (MQTT 3.1.1, 3.2.2.3).
CONNACK = {
    1: ("connack_1", "the hub does not speak MQTT 3.1.1", "use a hub or a listener that does"),
    2: (
        "connack_2",
        "the hub does not take the client ID (code 2)",
        "look at the device ID in the section hub; {refused}",
    ),
    3: (
        "connack_3",
        "the hub is there, but not in service (code 3)",
        "try again later; look at its status page",
    ),
    4: ("connack_4", "the hub refuses user name or password (code 4)", "{refused}"),
    5: ("connack_5", "the hub does not let this device in (code 5)", "{refused}"),
}
CONNACK_OTHER = (
    "connack_{number}",
    "the hub refused with code {number}, which MQTT 3.1.1 does not have",
    "{refused}",
)
MQTT_CLOSED = ("mqtt_closed", "the hub closed the connection instead of an answer to CONNECT", "{refused}")
MQTT_SILENT = (
    "mqtt_timeout",
    "the hub took CONNECT and did not answer within {limit_s:g} s",
    "is it MQTT that is spoken on this port?",
)
MQTT_GARBLED = (
    "mqtt_garbled",
    "the hub answered {data}, which is no CONNACK",
    "is it MQTT that is spoken on this port?",
)
