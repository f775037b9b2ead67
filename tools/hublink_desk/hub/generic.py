"""The `generic` dialect: a plain MQTT 3.1.1 broker that lets in every certificate of its authority.

The client ID is the identity, as MQTT has it. Nothing is filtered and there are no events.
"""

import secrets

from ..errors import DeskError
from .dialect import Admission, Dialect, Grant, Identity, Verdict
from .packets import BAD_IDENTIFIER, SUBSCRIPTION_FAILED


class Generic(Dialect):
    name = "generic"

    def __init__(self, devices, settings):
        if devices:
            raise DeskError("the generic dialect was given devices; expected none: any certificate will do.")

    def admit(self, connect, certificate, peer):
        if not connect.client_id and not connect.is_clean:
            reason = "an empty client ID needs a clean session"  # MQTT 3.1.1, 3.1.3.1
            return Admission(code=BAD_IDENTIFIER, reason=reason)
        key = connect.client_id or "generated-" + secrets.token_hex(8)
        return Admission(Identity(key, f"certificate of {certificate.common_name!r}, signed by the CA"))

    def publish(self, identity, packet):
        if not packet.message.topic:
            return Verdict(None, False, True, "empty topic")
        if packet.payload_len > self.payload_max_len:
            return Verdict(None, False, True, f"payload of {packet.payload_len} bytes is too large")
        return Verdict(packet.message)

    def subscribe(self, identity, wanted, qos, packet):
        return Grant(qos) if wanted else Grant(SUBSCRIPTION_FAILED, "empty topic filter")
