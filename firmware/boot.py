# Runs before main.py. Nothing here may fail, and nothing here starts anything.
import os


# `hublink deploy` copies a version into hublink.next, beside the one that runs, and its plan last. From then
# on it is the version: each start goes on with the renames where power failed, until all are done.
def switch():
    try:
        with open("hublink.plan") as f:
            plan = f.read().split("\n")
    except OSError:
        return
    for line in plan:
        path = line[1:]
        try:
            if line[0] == "+":
                os.rename("hublink.next/" + path.replace("/", ","), path)
            else:
                os.remove(path)
        except OSError as e:
            if line[0] == "+" and e.errno != 2:  # ENOENT: that was done before
                raise
    os.remove("hublink.plan")
    print("hublink: boot.py: new version in place, %d changes" % len(plan))


try:
    switch()
    import board

    if board.maintenance():
        print("hublink: maintenance mode; neither node nor watchdog runs. To leave it:")
        print("hublink: import hublink; hublink.maintenance(False)")
except Exception as e:
    print("hublink: boot.py:", e)
