"""What the commands of the command line share: options, progress bars, one-line complaints."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from enamel_lib import paths
from enamel_lib.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from rich.progress import Progress

    from enamel_lib.inference.base import Predictor
    from enamel_lib.inference.hardness_map import HardnessMap
    from enamel_lib.inference.scaling import Scaled
    from enamel_lib.pictures import Picture

Drawing = Annotated[
    str, typer.Option(help="Name of a shipped generator, path of a .keras file, or of a snapshot .pkl.")
]
Indenter = Annotated[str, typer.Option("--model", help="Name of a shipped model, or path of a .keras file.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes for a long run; as many as cores if none.")]
Scheduler = Annotated[str | None, typer.Option(help="Address of a Dask scheduler whose workers do it, tcp://...")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there; start a run anew.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same result.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")]


def complain(message: str) -> int:
    """Print one line on standard error; give the exit code of bad input."""
    print(f"enamel: {' '.join(message.split())}", file=sys.stderr)
    return 2


claims = contextlib.ExitStack()  # folders kept until the command ends (`app.main`)


def claim(
    *results: Path, force: bool, checkpoints: Sequence[Path] = (), resume: bool = False, beside: bool = False
) -> None:
    """Make sure, before any work, that a command can write its results, and keep their folder until it ends.

    Parameters
    ----------
    results
        Files of one folder.
    force
        Overwrite what is there.
    checkpoints
        Files that grow while a run goes on; the first that is there can be resumed.
    resume
        Go on from a checkpoint, whose run's results may be there: all or none, as a run writes them.
    beside
        Other commands may write other files into the folder meanwhile.

    Raises
    ------
    InputError
        If a file would be overwritten, is a folder, or another run has the folder.
    """
    folder = results[0].parent
    for path in (folder, *folder.parents):
        if path.exists() and not path.is_dir():
            raise InputError(f"{path} is a file, not a folder; give another --out")
    claims.enter_context(paths.claimed(folder, f".{results[0].name}{paths.LOCK}" if beside else paths.LOCK))
    there = [path for path in (*results, *checkpoints) if path.exists()]
    for path in there:
        if path.is_dir():
            raise InputError(f"{path} is a folder, where a file is to be written; give another --out")
    if force or not there:
        return
    if not any(path.suffix == ".npz" for path in there if path in checkpoints):
        raise InputError(f"{there[0]} is there already; give --force to overwrite it, or another --out")
    if not resume:
        raise InputError(
            f"{folder} holds a run already; go on with --resume, start anew with --force, or another --out"
        )
    done = [path for path in there if path in results]
    if done and len(done) < len(results):
        raise InputError(f"{done[0]} is not of the run in {folder}; give --force to overwrite it, or another --out")


def note(path: Path, notes: Iterable[str]) -> None:
    """Print what to know of a picture, a line each, on standard error."""
    for text in notes:
        complain(f"{path}: {text}")


def read_picture(
    path: Path,
    scale: str = "auto",
    *,
    pixel_size: float | None = None,
    mask: Path | None = None,
    resample: bool = True,
    picture: "Picture | None" = None,
) -> "Scaled":
    """Read a picture, mask it, bring it to the scale that networks learned at, and print what to know of it.

    `picture` is what the file holds, if it was read already.
    """
    from enamel_lib import pictures
    from enamel_lib.inference import scaling

    factor = scaling.factor(scale)
    picture = picture or pictures.read_picture(path)
    picture = picture.masked(mask) if mask else picture
    try:
        bring = scaling.to_scale if resample else scaling.as_it_is
        scaled = bring(picture, scale=factor, pixel_size_um=pixel_size)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    note(path, scaled.notes)
    return scaled


def predictor(model: str, engine: str) -> "Predictor":
    """Load a model behind an engine: tiles -> hardness in GPa."""
    from enamel_lib import inference
    from enamel_lib.indenter import network

    return inference.make_predictor(network.load_indenter(model), engine=engine)


def mapped(
    path: Path, model: str, *, engine: str, stride: int, scale: str = "auto", **reading
) -> "tuple[Scaled, HardnessMap, dict[str, Any]]":
    """Map the hardness of a picture; give the picture as read, the map, and how the model did it.

    A dense model reads every 0.24 um of the picture as it is, a window network windows `stride` px apart at the scale
    that it learned at; `reading` is for `read_picture`.
    """
    from enamel_lib import dense
    from enamel_lib.indenter import network as window_network
    from enamel_lib.inference import base, hardness_map

    network, is_dense = window_network.load_either(model)
    picture = read_picture(path, scale, resample=not is_dense, **reading)
    if is_dense:
        found = dense.reading.read(network, picture.rgb, pixel_size_um=picture.pixel_size_um, signal=picture.signal)
        made = dense.indenter.map_of(found, picture.rgb.shape[:2], pixel_size_um=picture.pixel_size_um)
        how = {"model": dense.indenter.path_of(model).stem, "weights_sha256": base.weights_sha256(network)}
        how |= {"engine": "openvino", "precision": "float32"}
        card = dense.card(model)
        made.facts()  # refused if there is no reading at all
        if known := dense.likeness.of_card(card, model):
            how["unlike"] = known.judge_read(found)
            complain_unlike(how, path)
        if not (picture.assumed or is_unlike(how)):  # what the card promises holds of enamel at its own scale
            how |= {key: card[key] for key in ("interval", "resolution") if key in card}
        return picture, made, how | outside(made.hardness, getattr(network, "labels_gpa", None), path)
    read_by = base.make_predictor(network, engine=engine)
    with steps("mapping") as step:
        made = hardness_map.raster(picture.rgb, read_by, stride=stride, signal=picture.signal, progress=step)
    made.facts()
    how = {name: getattr(read_by, name) for name in ("weights_sha256", "engine", "precision")}
    return picture, made, how | outside(made.hardness, read_by.labels_gpa, path)


def complain_unlike(about: Mapping[str, Any], path: Path) -> None:
    """Say so if a map was made of a picture unlike those that its model learned on."""
    if is_unlike(about):
        complain(
            f"{path}: is unlike the enamel that the model learned on (its structure lies "
            f"{about['unlike']['distance']:.1f} times as far off as is usual), so readings may mean nothing; is "
            "--pixel-size right, and is this a PIC map of enamel?"
        )


def is_unlike(about: Mapping[str, Any]) -> bool:
    """Whether a map was made of a picture unlike those that its model learned on."""
    return about.get("unlike", {}).get("flagged", False)


def outside(hardness: "np.ndarray", labels_gpa: tuple[float, float] | None, path: Path | None = None) -> dict[str, Any]:
    """Count the readings, GPa, beyond the range of the labels that a model learned from, and say so if there are any.

    Gives what to write down: nothing where the range is not known.
    """
    if labels_gpa is None:
        return {}
    low, high = labels_gpa
    count = sum(int(((line < low) | (line > high)).sum()) for line in hardness)  # line by line, to save memory
    if count:
        place = f"{path}: " if path else ""
        complain(
            f"{place}{count:,} readings lie beyond the labels that the model learned from, {low:g} to {high:g} GPa"
        )
    return {"labels_gpa": [low, high], "readings_outside": count}


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


@contextlib.contextmanager
def stages() -> Iterator[Callable[[str, int, int], None]]:
    """Give a callback `(stage, done, total)` that moves a progress bar for each stage."""
    tasks = {}
    with progress() as bar:

        def step(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage)
            bar.update(tasks[stage], completed=done, total=total)

        yield step
