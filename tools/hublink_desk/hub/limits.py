"""Every bound of the desk hub, with its unit and why this number. Tests make their own, smaller ones."""

from dataclasses import dataclass

MEBI = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """How much of what the hub gives one client, and all of them together."""

    # Handshake and CONNECT together. A Pico W needs 1.5 s of it, an RSA key there 8 s.
    connect_s: float = 20.0
    # One write to a client that does not read; then it is taken for dead.
    write_s: float = 10.0
    # After a refusal: for the client to read it before the socket goes (a reset would overtake it).
    linger_s: float = 1.0
    # A packet that is not a PUBLISH. The largest sensible one is a CONNECT of five full strings.
    control_packet_len: int = 512 * 1024
    connections: int = 200
    subscriptions: int = 100  # filters of one client
    # Messages that wait for one slow client, by count and by bytes of payload. The oldest QoS 0 goes first.
    queue_count: int = 1_000
    queue_len: int = 16 * MEBI
    in_flight: int = 20  # QoS 1 and 2 messages that one client has not acknowledged
    # Retained messages of the whole hub. Scaleway reserves 140 MiB (hubs reference page).
    retained_count: int = 10_000
    retained_len: int = 140 * MEBI
