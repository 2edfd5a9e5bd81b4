"""The command line `enamel`: thin over the library, so that the notebooks and the shell do the same things."""

import contextlib
import json
import os
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from enamel_lib import paths
from enamel_lib.cli import console, evolve, generator
from enamel_lib.errors import EnamelError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="The open virtual indenter: hardness of tooth enamel from its crystal-orientation map.",
)

app.add_typer(generator.commands)
app.add_typer(evolve.commands)

Root = Annotated[Path | None, typer.Option(help="Data in the authors' layout; data/raw if filled, else simulated.")]
Scale = Annotated[float, typer.Option(min=0.01, max=100, help="Enlarge the picture by this factor first.")]
Weights = Annotated[str, typer.Option("--model", help="Name of a shipped model, or path of a .keras file.")]


class World(StrEnum):
    """What hides behind the simulated pictures."""

    visible = "visible"
    confounded = "confounded"
    null = "null"


class Protocol(StrEnum):
    """How the dataset is split."""

    paper = "paper"
    audited = "audited"


class Engine(StrEnum):
    """What computes the network."""

    auto = "auto"
    keras = "keras"
    openvino = "openvino"


class Mode(StrEnum):
    """How the map is read off the picture."""

    raster = "raster"


def main() -> None:
    """Run the command; errors that the user can mend become one line and exit code 2."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        app()
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise SystemExit(console.complain(f"{error.strerror or error}{where}")) from None
    except EnamelError as error:
        raise SystemExit(console.complain(str(error))) from None


@app.command()
def reproduce(
    numbers: Annotated[list[str] | None, typer.Argument(metavar="[NN]...", help="Notebooks; all if none.")] = None,
    profile: Annotated[str, typer.Option(help="quick, default or full.")] = "default",
) -> None:
    """Run the notebooks; figures and facts go to the profile's folder, executed copies to build/."""
    from enamel_lib.reproduce import notebooks, report

    jobs = notebooks.plan(profile, numbers)
    records = {}
    with console.progress() as bar:
        task = bar.add_task("", total=sum(job.cells for job in jobs))
        for done, job in enumerate(jobs, 1):
            bar.update(task, description=job.notebook.stem)
            record = notebooks.run(job, lambda: bar.advance(task))
            bar.update(task, completed=sum(job.cells for job in jobs[:done]))
            bar.console.print(
                f"{job.notebook.stem:24} {record['minutes']:5.1f} min  {record['status']}", markup=False, soft_wrap=True
            )
            records[job.notebook.stem] = record
            report.write_manifest(paths.BUILD / profile / "manifest.json", profile, records)
    failed = [stem for stem, record in records.items() if record["status"] != "done"]
    typer.echo(f"{len(jobs) - len(failed)} of {len(jobs)} notebooks ran; copies in {paths.BUILD / profile}")
    if failed:
        raise typer.Exit(1)


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Folder for the tiles.")],
    count: Annotated[int, typer.Option(min=1, help="How many tiles.")] = 1,
    size: Annotated[int, typer.Option(min=1, max=4000, help="Side of a tile in pixels.")] = 200,
    pixel_size: Annotated[float, typer.Option(min=0.005, max=2, help="Micrometres per pixel.")] = 0.06,
    world: Annotated[World, typer.Option(help="What ties hardness to the picture.")] = World.confounded,
    seed: console.Seed = 0,
    force: console.Force = False,
) -> None:
    """Simulate PIC tiles (PNG) with their truth (.npz: director, hardness) and labels.csv."""
    import numpy as np
    import pandas as pd
    from skimage import io

    from enamel_lib.simulate import simulator

    console.refuse_overwriting(out / "labels.csv", force=force)
    rows = []
    with console.steps("simulating") as step, contextlib.ExitStack() as undo:  # a broken run takes its tiles with it
        seeds = range(seed, seed + count)
        sections = simulator.sections((size, size), seeds, pixel_size_um=pixel_size, world=world)
        for index, made in enumerate(sections):
            picture, truth = (out / f"tile_{index:05d}{suffix}" for suffix in (".png", ".npz"))
            with paths.atomic(picture) as temporary:
                io.imsave(temporary, made.rgb, check_contrast=False)
            undo.callback(picture.unlink)
            with paths.atomic(truth) as temporary:
                np.savez_compressed(temporary, director=made.director, hardness=made.hardness, depth=made.depth)
            undo.callback(truth.unlink)
            rows.append(
                {
                    "image": picture.name,
                    "seed": seed + index,
                    "hardness_gpa": made.hardness.mean(),
                    "hardness_centre_gpa": made.hardness[size // 2, size // 2],
                    "depth": made.depth.mean(),
                    "pixel_size_um": pixel_size,
                    "world": world.value,
                }
            )
            step(index + 1, count)
        with paths.atomic(out / "labels.csv") as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False, float_format="%.4g")
        undo.pop_all()
    typer.echo(f"{count} simulated tiles in {out}")


@app.command()
def dataset(
    root: Root = None,
    seed: console.Seed = 0,
) -> None:
    """Build and check the united dataset; print its counts and the leakage audit."""
    from enamel_lib.dataset import curation, sources

    root = _root(root)
    table = curation.united_table(sources.load_sources(root), seed=seed)
    labels = table["label"]
    typer.echo(f"{root}: {table['tile_id'].nunique():,} tiles, {len(table):,} rows")
    typer.echo(f"labels {labels.min():.2f} to {labels.max():.2f} GPa, mean {labels.mean():.2f}, sd {labels.std():.2f}")
    for protocol in Protocol:
        split = curation.split(table, protocol, seed=seed)
        counts = ", ".join(f"{name} {count:,}" for name, count in split["split"].value_counts().items())
        typer.echo(f"\nsplit {protocol}: {counts}\n{curation.leakage_audit(split).round(4).to_string()}")


@app.command()
def train(
    split: Annotated[Protocol, typer.Option(help="paper: rows at random; audited: no leakage.")] = Protocol.audited,
    recipe: Annotated[str, typer.Option(help="cpu, gpu, quick, or path of a YAML file.")] = "cpu",
    root: Root = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; build/training/... if none.")] = None,
    seed: console.Seed = 0,
    resume: console.Resume = False,
) -> None:
    """Train the indenter; may be killed at any moment and resumed."""
    console.load_keras()
    from enamel_lib.indenter import training

    root = _root(root)
    with console.steps("training") as step:
        card = training.train(recipe, protocol=split.value, seed=seed, root=root, out=out, resume=resume, progress=step)
    typer.echo(json.dumps({"name": card["name"], "metrics": card["metrics"]}, indent=2))


@app.command()
def predict(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Pictures of at least 200 x 200 px.")],
    scale: Scale = 1.0,
    model: Weights = "default",
    engine: Engine = Engine.auto,
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
    pairs = list(zip(images, console.predictor(model, engine)(tiles), strict=True))
    if as_json:
        found = [{"image": str(path), "hardness_gpa": round(float(gpa), 4)} for path, gpa in pairs]
        typer.echo(json.dumps(found, indent=2))
    else:
        for path, gpa in pairs:
            typer.echo(f"{gpa:.2f} GPa  {path}")


@app.command(name="map")
def map_(
    image: Annotated[Path, typer.Argument(help="The PIC map.")],
    out: Annotated[Path, typer.Option(help="Folder for the .npy, .csv, .png and .json.")],
    scale: Scale = 1.0,
    stride: Annotated[int, typer.Option(min=1, help="Pixels between windows.")] = 1,
    mode: Mode = Mode.raster,
    model: Weights = "default",
    engine: Engine = Engine.auto,
    pixel_size: Annotated[float | None, typer.Option(min=0.001, help="Micrometres per pixel of IMAGE.")] = None,
    force: console.Force = False,
) -> None:
    """Draw the hardness map of a picture.

    .npy: GPa at every pixel of the scaled picture, NaN where no window has its centre.

    .csv: one line per window, at its place in the picture as given.
    """
    import numpy as np

    from enamel_lib.inference import hardness_map
    from enamel_lib.plots import maps
    from enamel_lib.reproduce import report

    out = out.resolve()
    targets = [out / f"{image.stem}-hardness{suffix}" for suffix in (".npy", ".csv", ".png", ".json")]
    console.refuse_overwriting(*targets, force=force)
    picture = console.read_picture(image, scale)
    predictor = console.predictor(model, engine)
    start = time.monotonic()
    with console.steps("mapping") as step:
        made = hardness_map.raster(picture, predictor, stride=stride, progress=step)
    seconds = time.monotonic() - start
    table = made.to_frame()
    table[["row", "col"]] /= scale
    settings = {
        "image": image.name,
        "scale": scale,
        "stride": stride,
        "mode": mode.value,
        "pixel_size_um": pixel_size,
        "model": model,
        "weights_sha256": predictor.weights_sha256,
        "engine": predictor.engine,
        "precision": predictor.precision,
        "seconds": round(seconds, 2),
        "windows": made.hardness.size,
        "mean_gpa": round(float(np.mean(made.hardness)), 4),
        "sd_gpa": round(float(np.std(made.hardness)), 4),
    }
    figure = maps.hardness_map_figure(made, image=picture, pixel_size_um=pixel_size and pixel_size / scale)
    with contextlib.ExitStack() as together:  # all four files appear, or none
        npy, table_csv, png, settings_json = (together.enter_context(paths.atomic(target)) for target in targets)
        np.save(npy, made.full())
        table.to_csv(table_csv, index=False, float_format="%.4f")
        report.save_figure(figure, png.stem, png.parent)
        report.write_json(settings_json, settings)
    typer.echo(f"{settings['mean_gpa']:.2f} +- {settings['sd_gpa']:.2f} GPa, {settings['windows']:,} windows, in {out}")


@app.command()
def doctor() -> None:
    """Show what is installed and works here, and how to get what is missing."""
    console.load_keras()
    from enamel_lib.cli import doctor

    for what, there, detail in doctor.examine():
        typer.echo(f"{'ok' if there else 'missing':8} {what:20} {detail}")


def _root(root: Path | None) -> Path:
    """Give the data folder, making the simulated one where it is the default and not there yet."""
    from enamel_lib.dataset import sources

    with console.steps("simulating the data") as step:
        return root or sources.default_root(progress=step)
