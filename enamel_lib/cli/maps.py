"""Commands that read hardness off pictures: one number each, or a map."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from enamel_lib.cli import console
from enamel_lib.inference.base import Engine

commands = typer.Typer()

Computing = Annotated[Engine, typer.Option("--engine", help="What computes the network.")]
Scale = Annotated[float, typer.Option(min=0.01, max=100, help="Enlarge the picture by this factor first.")]


@commands.command()
def predict(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Pictures of at least 200 x 200 px.")],
    scale: Scale = 1.0,
    model: console.Indenter = "default",
    engine: Computing = Engine.auto,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print one hardness per picture: that of the 200-px window in its middle."""
    import numpy as np

    from enamel_lib.images import TILE

    tiles = np.empty((len(images), TILE, TILE, 3), np.uint8)
    for tile, path in zip(tiles, images, strict=True):
        picture = console.read_picture(path, scale)
        top, left = ((side - TILE) // 2 for side in picture.shape[:2])
        tile[:] = picture[top : top + TILE, left : left + TILE]
    pairs = list(zip(images, console.predictor(model, engine.value)(tiles), strict=True))
    if as_json:
        found = [{"image": str(path), "hardness_gpa": round(float(gpa), 4)} for path, gpa in pairs]
        typer.echo(json.dumps(found, indent=2))
    else:
        for path, gpa in pairs:
            typer.echo(f"{gpa:.2f} GPa  {path}")


@commands.command(name="map")
def map_(
    image: Annotated[Path, typer.Argument(help="The PIC map.")],
    out: Annotated[Path, typer.Option(help="Folder for the .npy, .csv, .png and .json.")],
    scale: Scale = 1.0,
    stride: Annotated[int, typer.Option(min=1, help="Pixels between windows.")] = 1,
    model: console.Indenter = "default",
    engine: Computing = Engine.auto,
    pixel_size: Annotated[float | None, typer.Option(min=0.001, help="Micrometres per pixel of IMAGE.")] = None,
    force: console.Force = False,
) -> None:
    """Draw the hardness map of a picture.

    .npy: GPa at every pixel of the scaled picture, NaN where no window has its centre.

    .csv: one line per window, at its place in the picture as given.
    """
    from enamel_lib import plots
    from enamel_lib.inference import hardness_map

    stem = out.resolve() / f"{image.stem}-hardness"
    console.claim(*(Path(f"{stem}{suffix}") for suffix in hardness_map.FILES), force=force, beside=True)
    picture = console.read_picture(image, scale)
    predictor = console.predictor(model, engine.value)
    start = time.monotonic()
    with console.steps("mapping") as step:
        made = hardness_map.raster(picture, predictor, stride=stride, progress=step)
    about = {
        "image": image.name,
        "scale": scale,
        "stride": stride,
        "pixel_size_um": pixel_size,
        "model": model,
        "weights_sha256": predictor.weights_sha256,
        "engine": predictor.engine,
        "precision": predictor.precision,
        "seconds": round(time.monotonic() - start, 2),
    }
    figure = plots.maps.beside(
        picture, {"predicted": made}, pixel_size_um=pixel_size and pixel_size / scale, crop=False
    )
    about = made.save(stem, about, figure, scale=scale)
    typer.echo(f"{about['mean_gpa']:.2f} +- {about['sd_gpa']:.2f} GPa, {about['windows']:,} windows, in {stem.parent}")
