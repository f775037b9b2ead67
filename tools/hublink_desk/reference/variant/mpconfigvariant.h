// The reference interpreter: MicroPython's unix port with what decides about memory on boards.

// What rp2 and esp32 choose.
#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)

#include "ports/unix/variants/mpconfigvariant_common.h"

// TLS takes its memory from the GC heap through these allocations (boards_mbedtls.h).
#define MICROPY_TRACKED_ALLOC (1)
