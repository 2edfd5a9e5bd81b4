"""Commands for a map of one's own with indents on it: compare, register, fit."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from enamel_lib.cli import console
from enamel_lib.cli.maps import Computing
from enamel_lib.errors import InputError
from enamel_lib.inference.base import Engine

if TYPE_CHECKING:
    import numpy as np

    from enamel_lib.dataset.own import Indents

commands = typer.Typer()

Map = Annotated[Path, typer.Argument(metavar="MAP", help="The picture of the PIC map.")]
Measured = Annotated[
    Path, typer.Argument(metavar="INDENTS", help="Table of hardness and place: x_um and y_um, or col and row.")
]
PixelSize = Annotated[float | None, typer.Option(min=0.005, max=2, help="Micrometres per pixel of MAP.")]
Folder = Annotated[Path, typer.Option(help="Folder of what is written.")]


@commands.command()
def compare(
    image: Map,
    indents: Measured,
    pixel_size: PixelSize = None,
    out: Folder = Path(),
    model: console.Indenter = "default",
    engine: Computing = Engine.auto,
    force: console.Force = False,
) -> None:
    """Set predicted against measured hardness at each indent: table, figure, r, RMSE and bias, whole and blocked."""
    from enamel_lib import paths, plots
    from enamel_lib.indenter import own_map
    from enamel_lib.reproduce import report

    files = [out / f"{image.stem}-comparison{suffix}" for suffix in (".csv", ".png", ".json")]
    console.claim(*files, force=force, beside=True)
    picture, scale, measured = _read(image, indents, pixel_size)
    table, scores = own_map.compare(picture, measured, console.predictor(model, engine.value), scale=scale)
    figure = plots.own_map.comparison(table, {"predicted": table["predicted"]}, {"predicted": scores})
    csv, png, about = files
    with paths.atomic(csv) as temporary:
        columns = ["row", "col", "hardness", "predicted"]
        table[columns].to_csv(temporary, float_format="%.4f", index_label="line")
    with paths.atomic(png) as temporary:
        figure.savefig(temporary, dpi=report.DPI, metadata={"Software": None})
    content = {"image": image.name, "indents": indents.name, "model": model, "scale": scale}
    plain = json.loads(scores.to_json(orient="index", double_precision=4))
    report.write_json(about, content | {"scores": plain})
    typer.echo(scores.round(2).to_string())
    typer.echo(f"{len(table)} of {len(measured.table)} indents have a whole window; {csv.name}, {png.name} in {out}")


@commands.command()
def register(
    image: Map,
    indents: Measured,
    pixel_size: PixelSize = None,
    points: Annotated[
        Path | None, typer.Option(help="Pairs of points, for an affine: x_um, y_um or col, row; map_col, map_row.")
    ] = None,
    out: Folder = Path(),
    model: console.Indenter = "default",
    engine: Computing = Engine.auto,
    force: console.Force = False,
) -> None:
    """Find the shift, or the affine from three pairs of points or more, that takes the indents onto the map.

    The indents, moved, are written as a table for the other commands.
    """
    from enamel_lib import inference, paths
    from enamel_lib.dataset import registration

    file = out / f"{indents.stem}-registered.csv"
    console.claim(file, force=force, beside=True)
    picture, scale, measured = _read(image, indents, pixel_size)
    if points:
        found = registration.affine(*registration.read_points(points, pixel_size), path=points)
    else:
        with console.steps("mapping") as step:
            predictor = console.predictor(model, engine.value)
            mapped = inference.raster(picture, predictor, stride=registration.STRIDE, progress=step)
        found = registration.shift(mapped, measured, scale=scale)
    moved = found(measured).table.rename(columns={"hardness": "hardness_gpa", "sd": "hardness_sd_gpa"})
    with paths.atomic(file) as temporary:
        moved.dropna(axis=1, how="all").to_csv(temporary, index=False, float_format="%.4f")
    for name, value in found.facts.items():
        typer.echo(f"{name:16} {value:8.3f}")
    typer.echo(f"{file}: {'a sharp optimum' if found.sharp else 'NOT sharp: do not rely on it'}")


@commands.command()
def fit(
    image: Map,
    indents: Measured,
    out: Annotated[Path, typer.Option(help="The network to write, a .keras file; its card goes beside it.")],
    pixel_size: PixelSize = None,
    model: console.Indenter = "default",
    force: console.Force = False,
) -> None:
    """Fit the dense layer of a network to the indents of one map, judged on strips that were left out."""
    from enamel_lib.indenter import network, own_map

    if out.suffix != ".keras":
        raise InputError(f"{out}: a network is written as a .keras file; name it {out.with_suffix('.keras').name}")
    console.claim(out, out.with_suffix(".json"), force=force, beside=True)
    picture, scale, measured = _read(image, indents, pixel_size)
    fitted = own_map.refit(network.load_indenter(model), picture, measured, scale=scale)
    fitted.save(out, image=image.name, table=indents.name, model=model, scale=scale)
    typer.echo(fitted.scores.round(2).to_string())
    if fitted.doubt:
        typer.echo(f"enamel: {fitted.doubt}", err=True)
    typer.echo(f"{out}: use it with --model {out}")


def _read(image: Path, indents: Path, pixel_size: float | None) -> "tuple[np.ndarray, float, Indents]":
    """Read a map at the training scale, the factor that brought it there, and its indents; say what was recognised."""
    from enamel_lib.dataset import own
    from enamel_lib.images import read_image

    picture = read_image(image)
    if pixel_size is None:
        raise InputError(f"{image}: the size of its pixels is not known; give --pixel-size in um")
    known = own.read_indents(indents, pixel_size, named=image.stem)
    measured = next(iter(known.values()), None)
    if measured is None:
        raise InputError(f"{indents}: no line is of the map {image.stem!r}; name it so in the column 'map'")
    picture, scale = own.at_training_scale(picture, pixel_size)
    said = f"{pixel_size:g} um per pixel, resampled {scale:.3g}-fold to {own.PIXEL_UM}" if scale != 1 else ""
    for remark in filter(None, (measured.said, said)):
        typer.echo(remark, err=True)
    return picture, scale, measured
