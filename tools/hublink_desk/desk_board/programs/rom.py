# The board on the desk from its power-on: opens what it has of the host, mounts its flash in place of the
# host's files, and hands over to the REPL. As a Pico W does (ports/rp2/modules/_boot.py), it formats a flash
# that cannot be mounted.
import sys

import machine  # noqa: F401 - both are there from now on, as a board's own
import network  # noqa: F401
import pico
import repl
import rp2
import vfs

flash = rp2.Flash()
vfs.umount("/")
try:
    vfs.mount(vfs.VfsLfs2(flash, progsize=rp2.PAGE_LEN), "/")
except OSError:
    vfs.VfsLfs2.mkfs(flash, progsize=rp2.PAGE_LEN)
    vfs.mount(vfs.VfsLfs2(flash, progsize=rp2.PAGE_LEN), "/")
sys.path[:] = ["", ".frozen", "/lib"]
sys.modules["sys"] = pico.Sys()
repl.run()
