# The demo's device: a reading twice a second, a state that configuration and commands change, and a handler
# that says what it heard.
import json

from hublink import Node

node = Node()
count = 0


@node.telemetry(every_s=0.5)
def room():
    global count
    count += 1
    return {"celsius": 20 + count % 10 / 10}


@node.on_config
def configured(payload):
    node.set_state({"config": json.loads(payload)})


@node.on_command
def commanded(name, payload):
    state = {name: payload.decode()}
    node.set_state(state)
    return state


@node.on_event(severity="error")
def trouble(event):
    print("demo: handled %s about %s" % (event.code, event.object_id))


node.run()
