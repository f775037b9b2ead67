"""What a desk hub says while a demo runs."""

from ..hub.lines import line


class DeskHubLog:
    """Printed, but for what happens all the time, and kept to wait for.

    Args:
        stage: Stage.
        names: dict of device ID -> name to print in its place.
        unsaid: function of a topic: whether what is published there is too much to be printed.
    """

    def __init__(self, stage, names, unsaid):
        self._stage, self._names, self._unsaid = stage, names, unsaid
        self._seen = stage.seen()
        self.mark = self._seen.mark

    def __call__(self, record):
        """Take in a record, in any thread."""
        self._seen.add(record)
        is_message = record["what"] in ("publish", "event")
        if record["what"] == "ready" or (is_message and self._unsaid(record["topic"])):
            return
        text = line(record)
        for device_id, name in self._names.items():
            text = text.replace(device_id, name)
        self._stage.say("hub", text)

    def wait(self, what, since=0, **wanted):
        """The first record of that kind with those details. Raises DeskError if there is none in time."""
        return self._seen.wait(
            f"the hub's '{what}'",
            lambda record: record["what"] == what and all(record.get(k) == v for k, v in wanted.items()),
            since,
        )

    def proof(self, device):
        """How a device proved itself."""
        ids = {name: device_id for device_id, name in self._names.items()}
        return self.wait("connect", client=ids.get(device, device))["proof"]

    def refusal(self, since):
        """Why a connection was refused."""
        return self.wait("refuse", since)["reason"]
