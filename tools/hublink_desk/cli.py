"""The command line tool `hublink`: a table of verbs, each loaded when it is asked for."""

import importlib

import click

# verb -> module and the click command in it. The help text of a verb is its own.
_VERBS = {
    "bench": "hublink_desk.bench.cli:command",
    "build": "hublink_desk.builder.cli:command",
    "ca": "hublink_desk.fleet.ca:command",
    "config": "hublink_desk.check.cli:command",
    "demo": "hublink_desk.demo.cli:command",
    "deploy": "hublink_desk.deploy.cli:command",
    "device": "hublink_desk.fleet.device:command",
    "doctor": "hublink_desk.doctor.cli:command",
    "events": "hublink_desk.events.cli:command",
    "flash": "hublink_desk.flash.cli:command",
    "flash-cost": "hublink_desk.flash_cost:command",
    "hub": "hublink_desk.hub.cli:command",
    "hub-ctl": "hublink_desk.hub.ctl:command",
    "logs": "hublink_desk.logs:command",
    "reference": "hublink_desk.reference.cli:command",
    "repl": "hublink_desk.repl:command",
    "run": "hublink_desk.run.cli:command",
    "size": "hublink_desk.size:command",
    "watch": "hublink_desk.watch.cli:command",
    "webhook": "hublink_desk.webhook.cli:command",
}


class _Verbs(click.Group):
    def list_commands(self, ctx):
        return sorted(_VERBS)

    def get_command(self, ctx, name):
        if name not in _VERBS:
            return None
        module, attribute = _VERBS[name].split(":")
        return getattr(importlib.import_module(module), attribute)


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
def main():
    """Build, run, watch and test hublink nodes from a desk."""
