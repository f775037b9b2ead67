"""The `generic` dialect: a plain MQTT 3.1.1 broker that lets in every certificate of its authority.

The client ID is the identity, as MQTT has it. Nothing is filtered and there are no events.
"""

import secrets

from .dialect import Admission, Dialect, Grant, Identity, Verdict
from .packets import BAD_IDENTIFIER, SUBSCRIPTION_FAILED


class Generic(Dialect):
    name = "generic"

    def admit(self, connect, certificate):
        if not connect.client_id and not connect.is_clean:
            reason = "an empty client ID needs a clean session"  # MQTT 3.1.1, 3.1.3.1
            return Admission(code=BAD_IDENTIFIER, reason=reason)
        key = connect.client_id or "generated-" + secrets.token_hex(8)
        return Admission(Identity(key, f"certificate of {certificate.common_name!r}, signed by the CA"))

    def publish(self, identity, message, payload_len, digest):
        if not message.topic:
            return Verdict(None, False, True, "empty topic")
        if payload_len > self.payload_max_len:
            return Verdict(None, False, True, f"payload of {payload_len} bytes is too large")
        return Verdict(message)

    def subscribe(self, identity, wanted, qos, digest):
        return Grant(qos) if wanted else Grant(SUBSCRIPTION_FAILED, "empty topic filter")

    def handshake_refused(self, refusal):
        return ()

    def faulted(self, identity, fault):
        return ()
