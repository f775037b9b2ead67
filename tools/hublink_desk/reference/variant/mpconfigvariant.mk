# Off is what boards lack, what needs sources that Debian's archive leaves out, and threads: they would
# make the number of instructions depend on the day.
MICROPY_PY_BTREE = 0
MICROPY_PY_FFI = 0
MICROPY_PY_THREAD = 0
MICROPY_VFS_FAT = 0
MICROPY_VFS_LFS1 = 0

MBEDTLS_CONFIG_FILE = \"boards_mbedtls.h\"

FROZEN_MANIFEST ?= $(VARIANT_DIR)/manifest.py
