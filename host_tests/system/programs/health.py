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

    @node.telemetry(every_s=60 if how.startswith("serve") else 0.1)
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
    if how.startswith("serve"):
        import asyncio

        asyncio.run(serve(asyncio, node, how))
    else:
        node.run()


# The loop as one of several tasks. What it is to do comes when the hub has nothing more to say.
async def serve(asyncio, node, how):
    task = asyncio.create_task(node.serve())
    while not node.uplink.link.online_count or node._outbox.count:
        await asyncio.sleep(0.01)
    if how == "serve and break":
        node.uplink.step = None
    if how == "serve and cancel":
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
    print("quiet")
    while True:
        await asyncio.sleep(0.01)


start(program)
