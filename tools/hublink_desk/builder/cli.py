"""`hublink build`: compiles what a board needs into a folder."""

import json
import shutil
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from .. import boards, device_code, paths
from ..build import compile_source
from ..errors import DeskError
from ..files import replaced_folder, write
from ..size import ALL_MAX_LEN, NODE_MAX_LEN
from .needs import needed_modules, not_frozen
from .package_json import NAME, board_of, package_json

_FILE = click.Path(path_type=Path)


@click.command("build")
@click.option("--board", "board_name", required=True, type=click.Choice(boards.names()), help="The board.")
@click.option("--config", "config_file", type=_FILE, help="Take only what this configuration needs.")
@click.option("--program", type=_FILE, help="The device's main.py.  [default: firmware/main.py]")
@click.option(
    "--frozen", "is_frozen", is_flag=True, help="Take only what an image with hublink frozen lacks."
)
@click.option("--out", type=_FILE, help="Folder that receives it, replaced whole.  [default: build/BOARD]")
@click.option("--json", "is_json", is_flag=True, help="As JSON.")
def command(board_name, config_file, program, is_frozen, out, is_json):
    """Compile the firmware for a board (mpy-cross -O2), and print its size against its budget.

    main.py and boot.py are copied as they are, because a board runs no other form of them. package.json lists
    the compiled modules for `mpremote mip install`.

    \b
    Example: hublink build --board RPI_PICO_W --config fleet/devices/sensor-1/config.json
    """
    board = boards.find(board_name)
    settings = _settings(config_file) if config_file else None
    program = (program or paths.FIRMWARE / "main.py").absolute()
    if out:
        _check_is_ours(out)
    out = out or paths.BUILD / board.name  # build/ holds nothing but what was built
    modules = needed_modules(program, board, settings)
    if is_frozen:
        modules = not_frozen(modules, board)
    with replaced_folder(out) as fresh:
        sizes = {}
        for name, source in _with_progress(modules.items()):
            target = _target(name, source)
            sizes[target] = compile_source(source, fresh / target)
        shutil.copyfile(program, fresh / "main.py")
        shutil.copyfile(paths.FIRMWARE / "boot.py", fresh / "boot.py")
        write(fresh / NAME, package_json({target: target for target in sizes}, board=board.name))
    budget = NODE_MAX_LEN if settings else ALL_MAX_LEN
    total = sum(sizes.values())
    if is_json:
        about = {"board": board.name, "folder": str(out), "files": sizes, "total": total, "budget": budget}
        click.echo(json.dumps(about, indent=2))
    else:
        Console().print(_table(sizes, total, budget))
        click.echo(f"in {out}")


def _with_progress(items):
    console = Console(stderr=True)
    return track(items, "compiling", console=console, transient=True, disable=not console.is_terminal)


def _settings(path):
    try:
        return device_code.parse(path.read_bytes())
    except OSError as error:
        raise DeskError(f"{path} cannot be read ({error.strerror}); expected a configuration.") from error


def _target(name, source):
    """Where a module is on the device, seen from the folder that modules are searched in."""
    path = name.replace(".", "/")
    return f"{path}/__init__.mpy" if source.name == "__init__.py" else f"{path}.mpy"


def _check_is_ours(folder):
    """Raise DeskError if there is something at that place that no build has put there."""
    is_built = board_of(folder) is not None
    for path in (folder, *folder.rglob("*")) if folder.exists() else ():
        is_ours = is_built and (path.suffix == ".mpy" or path.name in ("main.py", "boot.py", NAME))
        if not (path.is_dir() or is_ours):
            hint = "a build replaces its folder whole: name another with --out"
            raise DeskError(f"{path} is in the way; expected nothing but an earlier build.", hint)


def _table(sizes, total, budget):
    table = Table("file", "bytes")
    for target, length in sorted(sizes.items(), key=lambda item: -item[1]):
        table.add_row(target, f"{length:,}")
    table.add_section()
    table.add_row(f"all, {100 * total / budget:.0f} % of the budget of {budget:,}", f"{total:,}")
    return table
