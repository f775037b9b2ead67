"""Which records somebody wants to see. Pure."""

from dataclasses import dataclass

from .. import device_code

SEVERITIES = device_code.severities()


@dataclass(frozen=True)
class Filter:
    """What a record must have; of several values it needs one. Without any, all are wanted.

    Args:
        severity: this one or a worse one; None: any.
        codes, devices: codes, and IDs of what the events are about.
        hubs: kinds of hubs or names of hubs, in letters of any size.
        subject_prefix, subject_suffix: of the subject, in letters of any size, as Event Grid compares them
            unless it is told not to (isSubjectCaseSensitive). Only what comes from there has a subject.
    """

    severity: str | None = None
    codes: tuple = ()
    devices: tuple = ()
    hubs: tuple = ()
    subject_prefix: str = ""
    subject_suffix: str = ""

    def wants(self, record):
        """True if the record is one of those."""
        event = record.event
        return (
            self._is_bad_enough(event)
            and (not self.codes or event.code in self.codes)
            and (not self.devices or event.object_id in self.devices)
            and self._is_of_hub(record)
            and self._has_subject(record)
        )

    def _is_bad_enough(self, event):
        return not self.severity or SEVERITIES.index(event.severity) >= SEVERITIES.index(self.severity)

    def _is_of_hub(self, record):
        names = (record.event.hub, (record.hub_name or "").lower())
        return not self.hubs or any(hub.lower() in names for hub in self.hubs)

    def _has_subject(self, record):
        if not self.subject_prefix and not self.subject_suffix:
            return True
        subject = (record.subject or "").lower()
        prefix, suffix = self.subject_prefix.lower(), self.subject_suffix.lower()
        return subject.startswith(prefix) and subject.endswith(suffix)
