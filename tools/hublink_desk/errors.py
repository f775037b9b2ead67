"""The one error that a verb of the tool raises on purpose: a sentence for a person."""

import click


class DeskError(click.ClickException):
    """Something a person can mend. `main` prints it as one line and exits with `exit_code`.

    Args:
        message: one sentence that names what, where and what was expected.
        hint: what to do about it, printed on a second line; may be empty.
    """

    def __init__(self, message, hint=""):
        super().__init__(message)
        self.hint = hint

    def show(self, file=None):
        click.echo(f"hublink: {self.message}", err=True)
        if self.hint:
            click.echo(f"  hint: {self.hint}", err=True)
