"""What a check has found: one line for a person, one object for a script."""

import json
from dataclasses import asdict, dataclass

import click

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


def show(finding, is_json):
    """Print it, as one JSON object where that is asked for. Returns True if it is an error."""
    if is_json:
        click.echo(json.dumps(asdict(finding), ensure_ascii=False))
    else:
        click.echo(f"{finding.level:8}{finding.what}: {finding.text}")
        if finding.hint:
            click.echo(f"        hint: {finding.hint}")
    return finding.level == ERROR
