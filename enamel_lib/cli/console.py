"""What the commands of the command line share: options, progress bars, one-line complaints."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from enamel_lib.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from rich.progress import Progress

Drawing = Annotated[
    str, typer.Option(help="Name of a shipped generator, path of a .keras file, or of a snapshot .pkl.")
]
Indenter = Annotated[str, typer.Option("--model", help="Name of a shipped model, or path of a .keras file.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same result.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")]


def complain(message: str) -> int:
    """Print one line on standard error; give the exit code of bad input."""
    print(f"enamel: {' '.join(message.split())}", file=sys.stderr)
    return 2


def refuse_overwriting(*targets: Path, force: bool) -> None:
    """Raise `InputError` if any of the files exists, unless forced."""
    there = [path for path in targets if path.exists()]
    if there and not force:
        raise InputError(f"{there[0]} is there already; give --force to overwrite it, or another --out")


def read_picture(path: Path, scale: float) -> "np.ndarray":
    """Read a picture, `(H, W, 3)` uint8, scale it, and check that one window fits."""
    from enamel_lib import images

    picture = images.read_image(path)
    try:
        picture = images.resize(picture, scale)
        images.windows(picture)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return picture


def predictor(model: str, engine: str) -> "Callable[[np.ndarray], np.ndarray]":
    """Load a model behind an engine: tiles -> hardness in GPa."""
    from enamel_lib import inference
    from enamel_lib.indenter import network

    return inference.make_predictor(network.load_indenter(model), engine=engine)


def progress() -> "Progress":
    """Give a progress bar on standard error; it is only drawn on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:20}"), BarColumn(), TimeElapsedColumn(), "left", TimeRemainingColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


@contextlib.contextmanager
def steps(description: str) -> Iterator[Callable[[int, int], None]]:
    """Give a callback `(done, total)` that moves a progress bar; the bar appears at its first call."""
    bar = progress()
    task = bar.add_task(description)

    def step(done: int, total: int) -> None:
        bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield step
    finally:
        if bar.live.is_started:
            bar.stop()
