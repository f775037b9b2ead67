"""What boards differ in, as data: how long things take, how much fits, what the stack says when.

Times and sizes are the worst ones of platform-facts sections 1.3, 1.8, 2, 3, 5.3 and 11. What they
leave open is lwIP's own behaviour as its source has it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Port:
    """One board's figures. Names end in their unit."""

    send_buffer_len: int  # TCP, per socket
    receive_window_len: int
    arena_len: int  # all memory of the IP stack, 0 for plenty; when it is gone, a write blocks
    tcp_max: int  # connections at a time, lingering ones included
    linger_ms: int  # how long a closed connection keeps its place when nobody acknowledges the close
    datagrams_max: int  # that wait in a UDP socket
    syn_again_ms: int
    syn_tries: int
    verify_ms: int  # of one signature; the handshake makes two
    exchange_ms: int  # ECDHE, both halves
    sign_ms: int
    radio_start_ms: int
    scan_ms: int
    collect_ms: int
    erase_ms: int  # of a flash sector
    boot_ms: int


_RP2 = Port(
    send_buffer_len=6400,
    receive_window_len=6400,
    arena_len=8000,
    tcp_max=5,
    linger_ms=10_000,
    datagrams_max=4,
    syn_again_ms=3000,
    syn_tries=6,
    verify_ms=460,
    exchange_ms=450,
    sign_ms=130,
    radio_start_ms=400,
    scan_ms=10_000,
    collect_ms=20,
    erase_ms=400,
    boot_ms=1500,
)
_ESP32 = Port(
    send_buffer_len=5744,
    receive_window_len=5744,
    arena_len=0,
    tcp_max=10,
    linger_ms=0,
    datagrams_max=6,
    syn_again_ms=1500,
    syn_tries=12,
    verify_ms=450,
    exchange_ms=450,
    sign_ms=150,
    radio_start_ms=300,
    scan_ms=3000,
    collect_ms=10,
    erase_ms=400,
    boot_ms=800,
)
_UNIX = Port(
    send_buffer_len=87_040,
    receive_window_len=65_536,
    arena_len=0,
    tcp_max=1000,
    linger_ms=0,
    datagrams_max=100,
    syn_again_ms=1000,
    syn_tries=127,
    verify_ms=1,
    exchange_ms=1,
    sign_ms=1,
    radio_start_ms=0,
    scan_ms=0,
    collect_ms=1,
    erase_ms=0,
    boot_ms=100,
)


def port(name):
    """Port of a MicroPython port ("rp2", "esp32" or "unix")."""
    return {"rp2": _RP2, "esp32": _ESP32, "unix": _UNIX}[name]
