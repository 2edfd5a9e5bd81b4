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
    from enamel_lib.pictures import Picture

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
    from enamel_lib.dataset import comparison, registration
    from enamel_lib.reproduce import report

    files = [out / f"{image.stem}-comparison{suffix}" for suffix in (".csv", ".png", ".json")]
    console.claim(*files, force=force, beside=True)
    read, measured, size = _read(image, indents, pixel_size)
    picture, mapped, how = console.mapped(
        image, model, engine=engine.value, stride=registration.STRIDE, pixel_size=size, picture=read
    )
    table, scores = comparison.compare(mapped, measured, pixel_size_um=size, scale=picture.scale)
    figure = plots.own_map.comparison(table, {"predicted": table["predicted"]}, {"predicted": scores})
    csv, png, about = files
    with paths.atomic(csv) as temporary:
        columns = ["row", "col", "hardness", "predicted"]
        table[columns].to_csv(temporary, float_format="%.4f", index_label="line")
    with paths.atomic(png) as temporary:
        figure.savefig(temporary, dpi=report.DPI, metadata={"Software": None})
    content = {"image": image.name, "indents": indents.name, "model": how.get("model", model), "scale": picture.scale}
    plain = json.loads(scores.to_json(orient="index", double_precision=4))
    report.write_json(about, content | {"scores": plain})
    typer.echo(scores.round(2).to_string())
    for name in ("hardness", "predicted"):
        if table[name].nunique() == 1:
            console.complain(f"r is not defined: {name} is the same at all indents")
    typer.echo(f"{len(table)} of {len(measured.table)} indents have a reading; {csv.name}, {png.name} in {out}")


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
    from enamel_lib import paths
    from enamel_lib.dataset import registration

    file = out / f"{indents.stem}-registered.csv"
    console.claim(file, force=force, beside=True)
    read, measured, size = _read(image, indents, pixel_size)
    if points:
        found = registration.affine(*registration.read_points(points, size), path=points)
    else:
        picture, mapped, _ = console.mapped(
            image, model, engine=engine.value, stride=registration.STRIDE, pixel_size=size, picture=read
        )
        found = registration.shift(mapped, measured, pixel_size_um=size, scale=picture.scale)
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
    """Fit what a dense model makes of structure to the indents of one map, judged on strips that were left out."""
    from enamel_lib import dense

    if out.suffix != ".keras":
        raise InputError(f"{out}: a network is written as a .keras file; name it {out.with_suffix('.keras').name}")
    console.claim(out, out.with_suffix(".json"), force=force, beside=True)
    known = dense.load(model)
    read, measured, size = _read(image, indents, pixel_size)
    picture = console.read_picture(image, pixel_size=size, resample=False, picture=read)
    fitted = dense.own_map.fit(known, picture.rgb, measured, pixel_size_um=size, signal=picture.signal)
    kept = {"likeness": card["likeness"]} if "likeness" in (card := dense.card(model)) else {}
    fitted.save(out, image=image.name, table=indents.name, model=model, pixel_size_um=size, **kept)
    typer.echo(fitted.scores.round(2).to_string())
    if fitted.doubt:
        console.complain(fitted.doubt)
    typer.echo(f"{out}: {'written, but not recommended' if fitted.doubt else f'use it with --model {out}'}")


def _read(image: Path, indents: Path, pixel_size: float | None) -> "tuple[Picture, Indents, float]":
    """Read a map, the indents on it, and the size of its pixels, um; say what was recognised."""
    from enamel_lib import pictures
    from enamel_lib.dataset import own

    picture = pictures.read_picture(image)
    size = picture.pixel_size_um if pixel_size is None else pictures.check_pixel_size(pixel_size)
    if size is None:
        raise InputError(f"{image}: indents are only found where the size of its pixels is known; give --pixel-size")
    measured = next(iter(own.read_indents(indents, size, named=image.stem).values()), None)
    if measured is None:
        raise InputError(f"{indents}: no line is of the map {image.stem!r}; name it so in the column 'map'")
    if measured.said:
        typer.echo(measured.said, err=True)
    return picture, measured, size


@commands.command("fit-axes")
def fit_axes(
    root: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="With maps.csv, indents.csv and maps/; the titanium of 13, if none."),
    ] = None,
    name: Annotated[str, typer.Option(help="Of the material.")] = "titanium",
    out: Annotated[Path | None, typer.Option(help="build/axes if none.")] = None,
    force: console.Force = False,
) -> None:
    """Learn hardness from the c-axes of another material, and judge it on grains, blocks and batches left out.

    Colours of the maps show the c-axis against the surface: dark is out of it. Written are the model with its card,
    and tables of predictions, scores, shifts, labels and intervals; some minutes on two cores.
    """
    from enamel_lib import paths, reference
    from enamel_lib.dense import axes, study

    if not name or Path(name).name != name:
        raise InputError(f"{name!r} is no name of a file; give --name of the material, such as titanium")
    out = paths.BUILD / "axes" if out is None else out
    console.claim(out / f"{name}.json", *(out / f"{name}-{table}.csv" for table in study.TABLES), force=force)
    about = {}
    if root is None:
        root = reference.titanium().save(paths.BUILD / "titanium")
        items = {file: reference.REGISTRY[file] for file in (reference.INDENTS, reference.ORIENTATION)}
        files = {file: {"licence": item.licence, "sha256": item.sha256} for file, item in items.items()}
        about = {"data": {"citation": reference.TITANIUM_CITATION, "files": files}}
    scores = study.study(axes.read(root), out, name, progress=typer.echo, **about)
    means = scores.groupby("kind").mean(numeric_only=True).drop(columns="seed")
    typer.echo(means.T.round(3).to_string())
    typer.echo(f"{name}.json and its tables in {out}")
