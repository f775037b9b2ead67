# The demo's gateway: readings of its own and of devices that it is told to speak for, a state that
# configuration and commands change, and a handler that says what it heard.
import json

from hublink import Node

node = Node()
count = 0
state = {}
devices = []


@node.telemetry(every_s=0.5)
def room():
    global count
    count += 1
    return {"celsius": 20 + count % 10 / 10}


@node.telemetry(every_s=1, folder="air")
def air():
    return {"humidity": 40 + count % 10}


# Who of the devices may speak; those that may, do.
@node.telemetry(every_s=1)
def bound():
    for name in devices:
        node.gateway.publish(name, b'{"lux":%d}' % count)
    return {name: node.gateway.is_ready(name) for name in devices} or None


@node.on_config
def configured(payload):
    if payload:  # empty if there is none
        state["config"] = json.loads(payload)
        node.set_state(state)


@node.on_command
def commanded(name, payload):
    if name == "attach":
        devices.append(payload.decode())
        node.gateway.attach(devices[-1])
    else:
        state[name] = payload.decode()
        node.set_state(state)


@node.on_event(severity="error")
def trouble(event):
    print("demo: handled %s about %s" % (event.code, event.object_id))


node.run()
