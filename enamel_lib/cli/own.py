"""Commands for a map of one's own with indents on it: compare, register, fit."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from enamel_lib.cli import console
from enamel_lib.cli.maps import Computing, PixelSize
from enamel_lib.errors import InputError
from enamel_lib.inference.base import Engine

if TYPE_CHECKING:
    from enamel_lib.dataset.own import Indents
    from enamel_lib.inference.scaling import Scaled

commands = typer.Typer()

Map = Annotated[Path, typer.Argument(metavar="MAP", help="The picture of the PIC map.")]
Measured = Annotated[
    Path, typer.Argument(metavar="INDENTS", help="Table of hardness and place: x_um and y_um, or col and row.")
]
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
    picture, measured = _read(image, indents, pixel_size)
    predictor = console.predictor(model, engine.value)
    table, scores = own_map.compare(picture.rgb, measured, predictor, scale=picture.scale, signal=picture.signal)
    figure = plots.own_map.comparison(table, {"predicted": table["predicted"]}, {"predicted": scores})
    csv, png, about = files
    with paths.atomic(csv) as temporary:
        columns = ["row", "col", "hardness", "predicted"]
        table[columns].to_csv(temporary, float_format="%.4f", index_label="line")
    with paths.atomic(png) as temporary:
        figure.savefig(temporary, dpi=report.DPI, metadata={"Software": None})
    content = {"image": image.name, "indents": indents.name, "model": model, "scale": picture.scale}
    plain = json.loads(scores.to_json(orient="index", double_precision=4))
    report.write_json(about, content | {"scores": plain})
    typer.echo(scores.round(2).to_string())
    counts = f"{len(table)} of {len(measured.table)} indents have a whole window with signal"
    typer.echo(f"{counts}; {csv.name}, {png.name} in {out}")


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
    picture, measured = _read(image, indents, pixel_size)
    if points:
        found = registration.affine(*registration.read_points(points, picture.pixel_size_um), path=points)
    else:
        with console.steps("mapping") as step:
            predictor = console.predictor(model, engine.value)
            mapped = inference.raster(
                picture.rgb, predictor, stride=registration.STRIDE, signal=picture.signal, progress=step
            )
        found = registration.shift(mapped, measured, scale=picture.scale)
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
    picture, measured = _read(image, indents, pixel_size)
    fitted = own_map.refit(
        network.load_indenter(model), picture.rgb, measured, scale=picture.scale, signal=picture.signal
    )
    fitted.save(out, image=image.name, table=indents.name, model=model, scale=picture.scale)
    typer.echo(fitted.scores.round(2).to_string())
    if fitted.doubt:
        typer.echo(f"enamel: {fitted.doubt}", err=True)
    typer.echo(f"{out}: use it with --model {out}")


def _read(image: Path, indents: Path, pixel_size: float | None) -> "tuple[Scaled, Indents]":
    """Read a map at the training scale, and its indents; say what was recognised."""
    from enamel_lib.dataset import own

    picture = console.read_picture(image, pixel_size=pixel_size)
    if picture.pixel_size_um is None:
        raise InputError(f"{image}: indents are only found where the size of its pixels is known; give --pixel-size")
    known = own.read_indents(indents, picture.pixel_size_um, named=image.stem)
    measured = next(iter(known.values()), None)
    if measured is None:
        raise InputError(f"{indents}: no line is of the map {image.stem!r}; name it so in the column 'map'")
    if measured.said:
        typer.echo(measured.said, err=True)
    return picture, measured
