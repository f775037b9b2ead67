# What the board is and has: prints a dict.
import os
import sys


def files(folder):
    for entry in os.ilistdir(folder):
        path = folder + entry[0]
        if entry[1] == 0x4000:
            folders.append(path)
            files(path + "/")
        else:
            found[path] = entry[3]


found = {}
folders = []
files("")
space = os.statvfs("")
this = sys.implementation
about = {
    "version": this.version[:3],
    "platform": sys.platform,
    "machine": this._machine,
    "build": getattr(this, "_build", ""),
    "mpy": this._mpy & 0xFF,
    "path": sys.path,
    "files": found,
    "folders": folders,
    "block_len": space[0],
    "flash_len": space[0] * space[2],
    "flash_free": space[0] * space[3],
}
print(repr(about))
