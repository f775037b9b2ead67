# Starts as firmware/main.py does. The file "broken" says how the program fails; without it, it counts.
import time

from hublink import start


def broken():
    try:
        with open("broken") as file:
            return file.read()
    except OSError:
        return ""


def program():
    how = broken()
    if how == "import":
        import no_such_driver  # noqa: F401
    from hublink import Node
    from hublink.device import system

    node = Node()
    count = 0

    @node.telemetry(every_s=0.1)
    def counted():
        nonlocal count
        count += 1
        while how == "hang" and node.uplink.link.online_count:
            time.sleep_ms(100)
        return count

    while how == "loop":
        node.uplink.wait(node.step(system.now_ms()))
        if node.uplink.link.online_count:
            raise KeyError("in the user's loop")
    node.run()


start(program)
