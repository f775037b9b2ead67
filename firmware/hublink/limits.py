# Every bound and every wait of hublink, with its unit, its cost and why this number.
# A test asserts the order: SOCKET_STEP_MS < PING_REPLY_MS < half the keep-alive, and every single
# blocking call below the smallest watchdog (RP2040: 8,388 ms).
from micropython import const

# -- waits -------------------------------------------------------------------------------------
# Longest sleep in the loop's wait for the socket; bounds how late a button or a timer is seen.
SOCKET_STEP_MS = const(1000)
# The same under asyncio, which cannot wait for our socket: how late an arriving message is seen.
SERVE_STEP_MS = const(50)
# How often a state is looked at that no arriving byte can end.
POLL_MS = const(20)
# TCP handshake with one address: two SYN re-sends at lwIP's 3 s fit.
TCP_CONNECT_MS = const(10000)
# TLS handshake until CONNECT is written. An RP2040 needs 0.9-1.5 s of CPU in slices of at most
# 0.5 s (EC P-256); the rest is the network's.
TLS_HANDSHAKE_MS = const(20000)
CONNACK_MS = const(10000)
SUBACK_MS = const(10000)
# A packet that the socket does not take for this long: the peer is gone or reads nothing.
WRITE_MS = const(10000)
PUBACK_MS = const(20000)
PING_REPLY_MS = const(10000)
KEEPALIVE_S = const(60)
KEEPALIVE_MIN_S = const(30)
# MQTT 3.1.1 3.1.2.10 allows 65535; Azure stops at 1177.
KEEPALIVE_MAX_S = const(1177)
# One attempt to join one network: association, handshake, DHCP.
WIFI_JOIN_MS = const(15000)
# Between leaving and joining again (esp32 raises 'Wifi Internal State Error' without it, #17661).
WIFI_PAUSE_MS = const(200)
DNS_REPLY_MS = const(2000)
DNS_TRIES = const(3)
# An address is used again without asking for this long at least, and for the record's TTL at most.
DNS_CACHE_MIN_S = const(60)
DNS_CACHE_MAX_S = const(86400)
SNTP_REPLY_MS = const(2000)
SNTP_TRIES = const(3)
# The clock is set again this often while online: crystals drift about 2 s a day.
SNTP_AGAIN_S = const(6 * 3600)
# A subscription that the hub refused is asked for again after this long.
SUBSCRIBE_AGAIN_MS = const(60000)
# A bound device is attached by then, or it is asked for again later: the hub does not answer a refusal.
ATTACH_MS = const(10000)
# Between two of them (gateways with many devices were cut off without, google-cloud-iot-arduino #189).
ATTACH_PAUSE_MS = const(50)
ATTACH_AGAIN_MS = const(5000)
ATTACH_AGAIN_MAX_MS = const(300000)
BACKOFF_BASE_MS = const(1000)
BACKOFF_CAP_MS = const(32000)
# A connection that held this long starts the next backoff from its base.
STABLE_MS = const(60000)
WATCHDOG_MS = const(8388)
# Before the reset that answers an exception nobody caught, so that its traceback can be read.
RESET_PAUSE_MS = const(1000)

# Failures in a row behind Wi-Fi, before the radio is restarted: some 20 minutes. Rarer than leaving the
# network, because CYW43's deinit() may hang (platform-facts 3.3).
RADIO_FAILURES = const(30)
# Without the hub for so long, and nothing works: the board is reset. An access point that is off for a week
# costs 28 resets, of four small writes at most; messages meanwhile cost one a minute.
RESTART_S = const(6 * 3600)
# A start that ran for so long was a good one, hub or no hub: two waits of the longest backoff fit.
GOOD_S = const(60)
# Crashes within GOOD_S in a row, before a start without user code.
BAD_BOOTS = const(5)
# What is kept of a traceback: its end, some ten calls. In JSON at most six times as long.
ERROR_LEN = const(512)
# A certificate that expires is reported from then on, once a day.
EXPIRY_DAYS = const(30)

# A message that nobody acknowledges is written to flash before it has waited for this long. One write a
# minute for ever wears a Pico W's flash out in 30 years (platform-facts 5.3).
SPILL_MS = const(60000)

# -- sizes -------------------------------------------------------------------------------------
RX_LEN = const(1024)
CONTROL_LEN = const(1024)
OUTBOX_LEN = const(4096)
# While there is no link, messages are written to flash when this many wait.
SPILL_COUNT = const(8)
# The newest messages, while older ones fill the outbox or are on flash: SPILL_COUNT of 180 bytes.
STAGE_LEN = const(1536)
# A block of littlefs on all boards; what is written to flash goes there in files of whole blocks.
BLOCK_LEN = const(4096)
# Files of messages. One folder with more than 50 makes littlefs slow.
FLASH_FILES = const(48)
# As many files of one block: 1,150 messages of 128 bytes. A Pico W has 848 kB for files.
FLASH_LEN = const(196608)
FLASH_COUNT = const(10000)
# Bytes kept free behind a message that is being received, so that pieces are copied whole.
CHUNK_LEN = const(64)
WINDOW = const(8)
# What a record takes of the IP stack's memory beside its bytes: 29 are TLS 1.2's (measured), the rest stands
# for the segment that it is. A Pico W has 32 of those for everything; bytes alone would allow for more.
RECORD_COST_LEN = const(100)
# A node that is told nothing but its name and its hub sends this often.
VITALS_S = const(60)
# Bound devices, on hubs that set no limit.
BOUND_MAX = const(1000)
TROUBLES_MAX = const(16)
# Seconds from one report of troubles to the next.
TROUBLES_S = const(5)
# Handlers hear of events about the device itself no more often: what they send may be the next one's cause.
OWN_EVENTS_S = const(5)
EVENT_TEXT_LEN = const(256)
CONFIG_LEN = const(8192)
CERTIFICATE_LEN = const(4096)

# -- time --------------------------------------------------------------------------------------
# No clock is believed below this: 2026-11-01T00:00:00Z, the month this source was written.
CLOCK_FLOOR_S = const(1793491200)
# Nor above this: 2100-01-01, where a reply is more likely garbage than late.
CLOCK_CEILING_S = const(4102444800)
