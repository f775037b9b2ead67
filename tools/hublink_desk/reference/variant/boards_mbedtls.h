// mbedTLS as the rp2 port has it, and so with its memory in MicroPython's heap. Random numbers alone come from
// the system, as in the unix port: there is no hardware for them.
#define MBEDTLS_ECP_NIST_OPTIM
#define MICROPY_MBEDTLS_CONFIG_BARE_METAL (1)
#include "extmod/mbedtls/mbedtls_config_common.h"
#undef MBEDTLS_ENTROPY_HARDWARE_ALT
#undef MBEDTLS_NO_PLATFORM_ENTROPY
