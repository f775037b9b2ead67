# Cuts the power at every operation of the flash, while a new version is copied and while boot.py puts it in
# place: deploy_cut.py BOOT_PY. After each cut a second device starts from a copy of the flash as it is then,
# and runs boot.py, which is cut at every operation, too. It must have one version whole: the old one until
# the plan is there, the new one from then on.
import os
import sys

import vfs
from power_cut import CutNor, check

PAGE_LEN = 256
LEVELS = 2

# path -> contents; small files lie in littlefs' metadata, large ones in blocks of their own.
OLD = {"main.py": b"old", "lib/a.mpy": b"A" * 5000, "lib/b.mpy": b"B" * 300, "lib/old/c.mpy": b"C" * 2000}
NEW = {"main.py": b"new" * 500, "lib/a.mpy": b"a" * 4000, "lib/b.mpy": b"B" * 300, "lib/d.mpy": b"d"}
KEPT = {"config.json": b"{}", "hublink.notes": b"7"}
STAGED = ("main.py", "lib/a.mpy", "lib/d.mpy")
PLAN = "+main.py\n+lib/a.mpy\n+lib/d.mpy\n-lib/old/c.mpy\n-lib/old\n-hublink.next"


class Board:
    @staticmethod
    def maintenance():
        return False


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def files(folder=""):
    found = {}
    for entry in os.ilistdir(folder or "."):
        path = folder + entry[0]
        if entry[1] == 0x4000:
            found.update(files(path + "/"))
        else:
            found[path] = read(path)
    return found


def stage():
    os.mkdir("hublink.next")
    for path in STAGED:
        write("hublink.next/" + path.replace("/", ","), NEW[path])
    write("hublink.next/plan", PLAN.encode())


# What is there when boot.py was run, without what nobody runs.
def version_after(boot):
    exec(boot, {})
    return {path: data for path, data in files().items() if not path.startswith("hublink.next/")}


def with_kept(version):
    both = dict(version)
    both.update(KEPT)
    return both


def main(boot):
    sys.modules["board"] = Board
    nor = CutNor(PAGE_LEN)
    vfs.VfsLfs2.mkfs(nor, progsize=PAGE_LEN)
    vfs.mount(vfs.VfsLfs2(nor, progsize=PAGE_LEN), "/flash")
    os.chdir("/flash")
    os.mkdir("lib")
    os.mkdir("lib/old")
    for path, data in with_kept(OLD).items():
        write(path, data)
    expected = [OLD]
    cuts = {"old": 0, "new": 0}

    # level: how many devices were cut one after the other.
    def judge(blocks, level):
        here, there = os.getcwd(), "/cut%d" % level
        copy = CutNor(PAGE_LEN)
        copy.blocks = [bytearray(block) for block in blocks]
        vfs.mount(vfs.VfsLfs2(copy, progsize=PAGE_LEN), there)
        os.chdir(there)
        if level < LEVELS:
            copy.on_cut = lambda blocks: judge(blocks, level + 1)
        try:
            found = version_after(boot)
            check(found in [with_kept(version) for version in expected], "%s" % sorted(found))
            is_new = found["main.py"] == NEW["main.py"]
            cuts["new" if is_new else "old"] += 1
            check(not is_new or "hublink.next" not in os.listdir(), "hublink.next is left over")
            check(not is_new or "old" not in os.listdir("lib"), "lib/old is left over")
        finally:
            os.chdir(here)
            vfs.umount(there)

    nor.on_cut = lambda blocks: judge(blocks, 1)
    stage()
    expected.append(NEW)
    os.rename("hublink.next/plan", "hublink.plan")
    expected.remove(OLD)
    exec(boot, {})
    nor.on_cut = None
    check(files() == with_kept(NEW), "%s" % sorted(files()))
    print("deploy-cut: %d cuts had the old version, %d the new one" % (cuts["old"], cuts["new"]))


if __name__ == "__main__":
    main(read(sys.argv[1]).decode())
