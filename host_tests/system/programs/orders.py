# Does what the hub orders: the payload of a command "do", or behind "do:" where commands have no names, is
# an expression. Prints what it hears.
import gc
import json

from hublink import Node, limits

limits.BACKOFF_BASE_MS = 100
limits.BACKOFF_CAP_MS = 400  # what the hub refuses waits about so long
limits.ATTACH_PAUSE_MS = 10

node = Node()
node.uplink.clock.stale = node.uplink.clock.servers != []  # so that the first connection needs them


@node.on_command
def command(name, payload):
    print("test: command %s %r" % (name, payload))
    if name == "add":
        return sum(json.loads(payload))
    if name == "fail":
        raise KeyError(name)
    if payload.startswith(b"do:"):
        name, payload = "do", payload[3:]
    if name == "do":
        try:
            print("test: did %r" % (eval(payload.decode()),))
        except Exception as e:
            print("test: did %r" % repr(e))
    return None


@node.on_config
def config(payload):
    print("test: config %r" % payload)


@node.on_event()
def event(event):
    print("test: event %s %s %s" % (event.severity, event.code, event.object_id))


if node.hub.is_gateway:

    @node.gateway.on_config
    def bound_config(name, payload):
        print("test: config of %s %r" % (name, payload))

    @node.gateway.on_command
    def bound_command(name, command, payload):
        print("test: command of %s %s %r" % (name, command, payload))


if node.hub.FREE_TOPICS:

    @node.on("plant/+/level", qos=1)
    def level(topic, payload):
        print("test: heard %s %r" % (topic.decode(), payload))


AUDIENCES = {"clearblade": "desk-project", "omnicore": "desk-subscription"}


# A token of a bound device, signed with the key in its file.
def token(name, life_s=3600):
    from hublink.protocol import der, jwt

    with open(name + ".key.der", "rb") as f:
        key = der.private_key(f.read())
    now_s = node.uplink.clock.now_s()
    for made in jwt.make(key, AUDIENCES[node.hub.NAME], now_s, now_s + life_s):  # noqa: B007 - the last is the token
        gc.collect()
    return made.decode()


node.run()
