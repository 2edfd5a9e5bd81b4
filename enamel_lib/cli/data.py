"""Commands around data: fetch what others published, simulate tiles, check the dataset, train on it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from enamel_lib import paths
from enamel_lib.cli import console
from enamel_lib.errors import InputError

commands = typer.Typer()

Root = Annotated[Path | None, typer.Option(help="Data in the authors' layout; data/raw if filled, else simulated.")]


@commands.command()
def fetch() -> None:
    """Get and verify all reference data ahead of time; list what each file is, its licence and size."""
    from enamel_lib import reference

    missing = []
    for name, item in reference.REGISTRY.items():
        try:
            where = f"as published (SHA-256), in {reference.fetch(name).parent}"
        except InputError as error:
            where = "missing"
            missing.append(error)
        typer.echo(f"{name}: {item.what}\n    {item.size / 1000:,.0f} kB, {item.licence}; {where}")
    if missing:
        raise missing[0]


@commands.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Folder for the tiles.")],
    count: Annotated[int, typer.Option(min=1, help="How many tiles.")] = 1,
    size: Annotated[int, typer.Option(min=1, max=4000, help="Side of a tile in pixels.")] = 200,
    pixel_size: Annotated[float, typer.Option(min=0.005, max=2, help="Micrometres per pixel.")] = 0.06,
    world: Annotated[
        str, typer.Option(help="What ties hardness to the picture: visible, confounded or null.")
    ] = "confounded",
    texture: Annotated[str, typer.Option(help="prior, real-map, or a file from fit-texture.")] = "prior",
    seed: console.Seed = 0,
    force: console.Force = False,
) -> None:
    """Simulate PIC tiles (PNG) with their truth (.npz: director, hardness) and labels.csv."""
    from enamel_lib.simulate import write_tiles

    names = ("labels.csv", *(f"tile_{index:05d}{suffix}" for index in range(count) for suffix in (".png", ".npz")))
    console.claim(*(out / name for name in names), force=force)
    with console.steps("simulating") as step:
        seeds = range(seed, seed + count)
        write_tiles(out, seeds, size=size, pixel_size_um=pixel_size, world=world, texture=texture, progress=step)
    typer.echo(f"{count} simulated tiles in {out}")


@commands.command()
def fit_texture(
    out: Annotated[Path, typer.Option(help="Folder for texture.yml and history.csv.")],
    image: Annotated[Path | None, typer.Argument(help="PIC map; the public real map if none.")] = None,
    pixel_size: Annotated[
        float | None, typer.Option(min=0.03, max=0.5, help="Micrometres per pixel; as the file states, if not given.")
    ] = None,
    start: Annotated[str, typer.Option(help="Preset or file of the texture to begin with.")] = "start",
    generations: Annotated[int, typer.Option(min=1, help="Of 16 simulated maps each.")] = 40,
    step: Annotated[float, typer.Option(min=0.01, max=0.5, help="First step, as a share of each range.")] = 0.05,
    seed: console.Seed = 0,
    force: console.Force = False,
) -> None:
    """Fit the simulator's texture to the statistics of a PIC map (half an hour); keep a record of the fit."""
    from enamel_lib import pictures, reference
    from enamel_lib.simulate import fitting, preset

    file, history = out / "texture.yml", out / "history.csv"
    console.claim(file, history, force=force)
    if image:
        read = pictures.read_picture(image)
        console.note(image, read.notes)
        picture, pixel_size = read.rgb, pixel_size or read.pixel_size_um
        if pixel_size is None:
            raise InputError(f"{image}: states no size of its pixels; give --pixel-size in um")
    else:
        picture, pixel_size = reference.real_map(), pixel_size or reference.REAL_MAP_UM
    settings = {"pixel_size_um": pixel_size, "generations": generations, "step": step, "seed": seed}
    with console.steps("fitting") as progress:
        texture, table = fitting.fit(picture, start=preset(start), **settings, progress=progress)
    with paths.atomic(history) as temporary:
        table.to_csv(temporary, index=False, float_format="%.4g")
    texture.write(file, map=image.name if image else reference.REAL_MAP, start=start, **settings)
    first, last = table["loss"].iloc[[0, -1]]
    typer.echo(f"{file}: mean distance {last:.2f} of what is wanted, {first:.2f} at first")


@commands.command()
def dataset(
    root: Root = None,
    seed: console.Seed = 0,
) -> None:
    """Build and check the united dataset; print its counts and the leakage audit."""
    from enamel_lib.dataset import curation, sources

    root = _root(root)
    found = sources.load_sources(root)
    for note in dict.fromkeys(source.note for source in found.values() if source.note):
        typer.echo(note, err=True)
    table = curation.united_table(found, seed=seed)
    labels = table["label"]
    typer.echo(f"{root}: {table['tile_id'].nunique():,} tiles, {len(table):,} rows")
    typer.echo(f"labels {labels.min():.2f} to {labels.max():.2f} GPa, mean {labels.mean():.2f}, sd {labels.std():.2f}")
    for protocol in curation.PROTOCOLS:
        split = curation.split(table, protocol, seed=seed)
        counts = ", ".join(f"{name} {count:,}" for name, count in split["split"].value_counts().items())
        typer.echo(f"\nsplit {protocol}: {counts}\n{curation.leakage_audit(split).round(4).to_string()}")


@commands.command()
def train(
    split: Annotated[str, typer.Option(help="paper: rows at random; audited: no leakage.")] = "audited",
    recipe: Annotated[str, typer.Option(help="cpu, gpu, quick, or path of a YAML file.")] = "cpu",
    root: Root = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; build/training/... if none.")] = None,
    seed: console.Seed = 0,
    resume: console.Resume = False,
    force: console.Force = False,
) -> None:
    """Train the indenter; may be killed at any moment and resumed."""
    from enamel_lib.dataset import curation
    from enamel_lib.errors import check_choice
    from enamel_lib.indenter.recipe import load_recipe

    check_choice("split", split, curation.PROTOCOLS)
    load_recipe(recipe)
    out = paths.BUILD / "training" / f"indenter-{split}" if out is None else out
    along = [out / name for name in ("checkpoint.npz", "structure/0/checkpoint.npz", "history.csv")]
    results = [out / f"indenter-{split}{suffix}" for suffix in (".keras", ".json")]
    console.claim(*results, checkpoints=along, resume=resume, force=force)
    from enamel_lib.indenter import training

    root = _root(root)
    run = {"protocol": split, "seed": seed, "root": root, "out": out, "resume": resume, "anew": force and not resume}
    with console.steps("training") as step:
        card = training.train(recipe, **run, progress=step)
    typer.echo(json.dumps({"name": card["name"], "metrics": card["metrics"]}, indent=2))


@commands.command()
def train_dense(
    recipe: Annotated[str, typer.Option(help="cpu, gpu, quick, or path of a YAML file.")] = "cpu",
    out: Annotated[Path | None, typer.Option(help="Folder of the run; build/training/dense if none.")] = None,
    seed: console.Seed = 0,
    resume: console.Resume = False,
    force: console.Force = False,
) -> None:
    """Train the dense indenter on simulated enamel; may be killed at any moment and resumed.

    Its network learns structure; then hardness is fitted to the paper's three kinds of labels (dense-paper.keras), and
    to these and grids of indents (dense-grids.keras).
    """
    from enamel_lib.dense import learning, sources, training

    out = paths.BUILD / "training" / "dense" if out is None else out
    results = [out / f"dense-{name}{suffix}" for name in sources.LABELS for suffix in (".keras", ".json")]
    results += [out / learning.WORTH, out / learning.EDGES]
    along = [out / name for name in (training.CHECKPOINT, training.HISTORY)]
    console.claim(*results, checkpoints=along, resume=resume, force=force)
    with console.steps("training") as step:
        run = {"seed": seed, "out": out, "resume": resume, "anew": force and not resume}
        cards = learning.train(recipe, **run, progress=step)
    typer.echo(json.dumps({name: card["fit"] for name, card in cards.items()}, indent=2))


def _root(root: Path | None) -> Path:
    """Give the data folder, making the simulated one where it is the default and not there yet."""
    from enamel_lib.dataset import sources

    with console.steps("simulating the data") as step:
        return root or sources.default_root(progress=step)
