"""What a check has found: one line for a person, one object for a script."""

from dataclasses import dataclass

OK, WARNING, ERROR = "ok", "warning", "error"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: OK, WARNING or ERROR.
        what: what was looked at: a section or file of the configuration, or a step of connecting.
        text: what was found, in one sentence.
        hint: what to do about it; "" if nothing.
        code: for scripts, what went wrong in one word; "" if nothing did.
    """

    level: str
    what: str
    text: str
    hint: str = ""
    code: str = ""
