"""Commands that read hardness off pictures: one number each, or a map."""

import contextlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from enamel_lib.cli import console
from enamel_lib.errors import InputError
from enamel_lib.inference.base import Engine

if TYPE_CHECKING:
    import numpy as np

    from enamel_lib.inference.scaling import Scaled

commands = typer.Typer()

Computing = Annotated[Engine, typer.Option("--engine", help="What computes a window network.")]
Scale = Annotated[
    str, typer.Option(help="Enlarge the picture so many times; auto: by its pixel size, to the scale that was learned.")
]
PixelSize = Annotated[
    float | None, typer.Option(help="Micrometres per pixel of the picture; as its file states, if not given.")
]
Mask = Annotated[Path | None, typer.Option(help="Picture of the same size: white is read, black is not.")]


@commands.command()
def predict(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Pictures of at least 200 x 200 px.")],
    scale: Scale = "auto",
    pixel_size: PixelSize = None,
    mask: Mask = None,
    model: console.Indenter = "default",
    engine: Computing = Engine.auto,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print one hardness per picture: that of the 200-px window in its middle.

    It does not check whether a picture looks like enamel, as `enamel map` does: look at that first. Pictures that
    cannot be read are named, and the others are read; the exit code is then 2.
    """
    import numpy as np

    wrong, found, tiles = 0, [], []
    for path in images:
        try:
            picture = console.read_picture(path, scale, pixel_size=pixel_size, mask=mask)
            tiles.append(_middle(picture, path))
        except InputError as error:
            wrong = console.complain(str(error))
        else:
            found.append({"image": str(path), "scale": picture.scale, "pixel_size_um": picture.pixel_size_um})
    if tiles:
        predictor = console.predictor(model, engine.value)
        for one, gpa in zip(found, predictor(np.stack(tiles)), strict=True):
            one["hardness_gpa"] = round(float(gpa), 4)
            one |= console.outside(gpa[None], predictor.labels_gpa, Path(one["image"]))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        for one in found:
            typer.echo(f"{one['hardness_gpa']:.2f} GPa  {one['image']}")
    if wrong:
        raise typer.Exit(wrong)


def _middle(picture: "Scaled", path: Path) -> "np.ndarray":
    """Cut out the window in the middle; InputError if it has too little signal."""
    from enamel_lib import images

    rows, cols = (slice((side - images.TILE) // 2, (side + images.TILE) // 2) for side in picture.signal.shape)
    share = picture.signal[rows, cols].mean()
    if share < images.MIN_SIGNAL:
        raise InputError(
            f"{path}: no reading: {share:.0%} of the window in its middle carries signal, and {images.MIN_SIGNAL:.0%} "
            "must; see `enamel map`, or cut it"
        )
    return picture.rgb[rows, cols]


@commands.command(name="map")
def map_(
    image: Annotated[Path, typer.Argument(help="The PIC map: a picture, or an OME-Zarr.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    scale: Scale = "auto",
    stride: Annotated[int, typer.Option(min=1, help="Pixels between the windows of a window network.")] = 1,
    model: console.Indenter = "default",
    engine: Computing = Engine.auto,
    pixel_size: PixelSize = None,
    mask: Mask = None,
    force: console.Force = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a large map that was broken off.")] = False,
    workers: console.Workers = None,
    scheduler: console.Scheduler = None,
) -> None:
    """Draw the hardness map of a picture.

    The default model is the dense indenter, which reads every 0.24 um of a picture of 0.03 to 0.3 um per pixel; a
    window network, such as indenter-audited, reads windows of 200 px at the scale that it learned at.

    .npy: GPa at every pixel of the picture that was read, NaN where there is no reading, or too little signal (black,
    white, grey, transparent, masked).

    .csv: one line per reading, at its place in the picture as given.

    An OME-Zarr, or a TIFF of more than 60 megapixels, is read part by part, in a bounded memory, by the dense indenter.
    Instead of .npy there is a .zarr (OME-Zarr 0.5), and the .csv is of a smaller level; `enamel view` shows it.
    """
    from enamel_lib import plots
    from enamel_lib.inference import hardness_map

    if _is_large(image):
        large = {"scale": scale, "pixel_size": pixel_size, "mask": mask, "workers": workers, "scheduler": scheduler}
        return _map_large(image, out, model=model, force=force, resume=resume, **large)
    stem = out.resolve() / f"{image.stem}-hardness"
    console.claim(*(Path(f"{stem}{suffix}") for suffix in hardness_map.FILES), force=force, beside=True)
    start = time.monotonic()
    picture, made, how = console.mapped(
        image, model, engine=engine.value, stride=stride, scale=scale, pixel_size=pixel_size, mask=mask
    )
    about = {
        "image": image.name,
        "scale": picture.scale,
        "stride": made.stride,
        "pixel_size_um": picture.pixel_size_um,
        "pixel_size_assumed": picture.assumed,
        "notes": picture.notes,
        "model": model,
        **how,
        "seconds": round(time.monotonic() - start, 2),
    }
    known = picture.pixel_size_um and not picture.assumed
    size = picture.pixel_size_um / picture.scale if known else None
    figure = plots.maps.beside(picture.rgb, {_title(about): made}, pixel_size_um=size, crop=False)
    about = made.save(stem, about, figure, scale=picture.scale)
    kind = made.kind
    typer.echo(
        f"{about['mean_gpa']:.2f} +- {about['sd_gpa']:.2f} GPa, {about[f'{kind}_read']:,} of {about[kind]:,} "
        f"{kind} read, in {stem.parent}"
    )
    if "interval" in about and "resolution" in about:
        sure, rises = about["interval"], [edge["rise"] for edge in about["resolution"]]
        typer.echo(
            f"{sure['coverage']:.0%} of a map should lie within {sure['relative_half_width']:.0%} of the truth; "
            f"a boundary takes {min(rises):.1f} to {max(rises):.1f} um (10 to 90 %)"
        )


def _title(about: dict[str, Any]) -> str:
    return "predicted, of a picture unlike enamel" if console.is_unlike(about) else "predicted"


def _is_large(image: Path) -> bool:
    """Whether a picture is mapped part by part; small ones are not even looked into."""
    if not image.is_dir() and image.suffix.lower() not in (".tif", ".tiff", ".btf", ".tf8"):
        return False
    from enamel_lib.inference import large_pictures

    return large_pictures.is_large(image)


def _map_large(
    image: Path,
    out: Path,
    *,
    scale: str,
    pixel_size: float | None,
    mask: Path | None,
    model: str,
    force: bool,
    resume: bool,
    workers: int | None,
    scheduler: str | None,
) -> None:
    from enamel_lib import pictures, plots
    from enamel_lib.dense import large
    from enamel_lib.inference import large_pictures

    if mask or scale != "auto":
        raise InputError(f"{image}: a large picture takes no --mask and no --scale; paint black what is not to be read")
    picture = large_pictures.open_large(image)
    size = picture.pixel_size_um if pixel_size is None else pictures.check_pixel_size(pixel_size)
    if size is None:
        raise InputError(f"{image}: states no pixel size; give --pixel-size")
    stem = out.resolve() / f"{image.stem}-hardness"
    store = Path(f"{stem}.zarr")
    results = [Path(f"{stem}{suffix}") for suffix in (".csv", ".png", ".json")]
    console.claim(*results, force=force or resume, beside=True)
    if store.exists() and not (force or resume):
        raise InputError(f"{store} is there; go on with --resume, start anew with --force, or another --out")
    start = time.monotonic()
    run = {"pixel_size_um": size, "scheduler": scheduler, "workers": workers, "resume": resume}
    try:
        with console.stages() as progress:
            made = large.map_large(picture, model, stem, **run, progress=progress)
    except KeyboardInterrupt:
        console.complain(f"{store}: broken off; go on with --resume")
        raise
    for name in made["damaged"]:
        console.complain(f"{name}: damaged, and left out")
    console.complain_unlike(made, image)
    rgb, shown = large.overview(store, large.TABLE_CELLS)
    cell_px = picture.shape[0] / shown.image_shape[0]
    figure = plots.maps.beside(rgb, {_title(made): shown}, pixel_size_um=size * cell_px, crop=False)
    seconds = {"seconds": round(time.monotonic() - start, 2)}
    large.save_beside(stem, {"image": image.name, **made, **seconds}, figure, shown, cell_px)
    typer.echo(
        f"{made['mean_gpa']:.2f} +- {made['sd_gpa']:.2f} GPa, {made['cells_read']:,} of {made['cells']:,} "
        f"cells read, {made['damaged_chunks']} damaged chunks, in {store}"
    )


@commands.command()
def view(
    store: Annotated[Path, typer.Argument(metavar="MAP", help="The .zarr that `enamel map` wrote.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of this machine; a free one if 0.")] = 0,
) -> None:
    """Show a large map in a browser: zoom, read, drop virtual indents; only this machine can see it."""
    import webbrowser

    from enamel_lib.viewer import page

    with page.serve(store, port) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        typer.echo(f"{address}  (Ctrl+C ends it)")
        webbrowser.open(address)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
