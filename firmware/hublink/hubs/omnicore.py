# KORE OmniCore: ClearBlade's engine under other names (docs.iotcore.omnicore.korewireless.com).
from . import clearblade

# Lengths: all filters go into one packet, and each holds both the registry and the device.
FIELDS = (
    ("subscription", "id", None, 1, 64),
    ("registry", "id", None, 3, 128),
    ("device_id", "id", "{device}", 3, 128),
) + clearblade.TOKENS
credentials = clearblade.credentials


# A message on a gateway's errors topic. Its form is not documented: taken to be ClearBlade's.
def parse(topic, payload):
    return clearblade.parse(topic, payload, "omnicore")


class Hub(clearblade.Hub):
    """settings: config["hub"], checked. device: the device's name."""

    NAME = "omnicore"
    ATTACHED_MAX = 10000
    CLIENT_ID = "subscriptions/%(subscription)s/registries/%(registry)s/devices/%(device_id)s"
    PREFIX = "/{registry}/"
    AUDIENCE = "subscription"
