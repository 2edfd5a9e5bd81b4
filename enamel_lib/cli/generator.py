"""Commands of the design half of the story: train a generator, take over a published one, draw pictures."""

from pathlib import Path
from typing import Annotated

import typer

from enamel_lib import paths
from enamel_lib.cli import console
from enamel_lib.errors import InputError

commands = typer.Typer()
DRAWN = 20  # pictures for each that is kept, where a hardness is wanted


@commands.command(name="train-generator")
def train_generator(
    images: Annotated[str, typer.Option(help="Folder of pictures, or `simulated`.")] = "simulated",
    recipe: Annotated[str, typer.Option(help="cpu, gpu, quick, or path of a YAML file.")] = "cpu",
    resolution: Annotated[int | None, typer.Option(help="Stop growing here, px; the recipe's last if none.")] = None,
    kimg: Annotated[float | None, typer.Option(min=0.001, help="Thousand pictures of the last stage.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; build/training/generator if none.")] = None,
    seed: console.Seed = 0,
    resume: console.Resume = False,
    force: console.Force = False,
) -> None:
    """Train a StyleGAN2; may be killed at any moment and resumed.

    The folder gets the generator with its card, the history (.csv), sample grids and the checkpoint.
    """
    from enamel_lib.stylegan2.recipe import load_recipe

    settings = load_recipe(recipe, resolution=resolution, kimg=kimg)
    out = paths.BUILD / "training" / "generator" if out is None else out
    results, along = ("generator.keras", "generator.json"), ("checkpoint.npz", "history.csv")
    console.claim(
        *(out / name for name in results), checkpoints=[out / name for name in along], resume=resume, force=force
    )
    from enamel_lib.generators import save_generator
    from enamel_lib.stylegan2.pictures import load_pictures
    from enamel_lib.stylegan2.training import Run

    run = Run(load_pictures(images), settings, out=out, seed=seed, resume=resume, anew=force and not resume)
    told = len(run.history)

    def tell() -> None:
        nonlocal told
        for row in run.history[told:]:
            typer.echo(
                f"{row['kimg']:9.3f} kimg  {row['resolution']} px  {row['kimg_per_hour']:.1f} kimg/h  "
                f"hue {row['hue']:.3f}  spectrum {row['spectrum']:.3f}"
            )
        told = len(run.history)

    with console.steps("training") as step:
        run.fit(lambda done, total: (step(done, total), tell()))
    tell()
    path = save_generator(run.average, out / "generator.keras", card=run.facts())
    typer.echo(f"{run.seen / 1000:.1f} kimg; generator in {path}")


@commands.command()
def generate(
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")],
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 16,
    psi: Annotated[float, typer.Option(min=0, max=2, help="Truncation: below 1 nearer to the average picture.")] = 1.0,
    hardness: Annotated[
        float | None, typer.Option(help="Draw 20 times as many, keep those read nearest to so many GPa, by structure.")
    ] = None,
    label: Annotated[int | None, typer.Option(min=0, help="Class to draw, if it learned any; the first is 0.")] = None,
    model: console.Drawing = "default",
    seed: console.Seed = 0,
    force: console.Force = False,
) -> None:
    """Draw pictures with a trained generator; of up to four channels, as PNG has no more."""
    import numpy as np
    from PIL import Image

    if hardness is not None:
        from enamel_lib.evolve.genetic import check_target

        check_target(hardness)
    targets = [out / f"generated_{index:05d}.png" for index in range(count)]
    console.claim(*targets, force=force)
    from enamel_lib.generators import BATCH_SIZE, load_generator

    generator = load_generator(model)
    if generator.channels > 4:
        raise InputError(f"{model} draws {generator.channels} channels, but a PNG has at most 4; use it from Python")
    if (label is not None and label >= generator.label_dim) or (label is None and generator.label_dim):
        raise InputError(f"{model} knows {generator.label_dim} classes; give a --label below that, or none if it is 0")
    drawn = count if hardness is None else DRAWN * count
    codes = np.random.default_rng(seed).standard_normal((drawn, generator.latent_dim)).astype(np.float32)

    def draw(some: np.ndarray) -> np.ndarray:
        labels = None if label is None else np.eye(generator.label_dim)[np.full(len(some), label)]
        return generator.generate(some, labels, psi=psi)

    if hardness is not None:
        from enamel_lib.evolve import designs, judges, search

        if generator.channels != 3:
            raise InputError(f"{model} draws {generator.channels} channels, no colours, from which hardness is read")
        evaluate = judges.load("dense").evaluate
        codes, read, among = designs.nearest(hardness, draw, evaluate, codes, count)
        if abs(read[0] - hardness) > search.REACHED:
            console.complain(
                f"no draw comes near {hardness:g} GPa: the nearest is read as {read[0]:.2f}, all {drawn} as "
                f"{among.min():.2f} to {among.max():.2f} GPa"
            )
    with console.steps("drawing") as step:
        for first in range(0, count, BATCH_SIZE):
            batch = slice(first, first + BATCH_SIZE)
            for target, picture in zip(targets[batch], draw(codes[batch]), strict=True):
                with paths.atomic(target) as temporary:
                    Image.fromarray(picture.squeeze()).save(temporary)
            step(min(first + BATCH_SIZE, count), count)
    kept = "" if hardness is None else f", read as {read.min():.2f} to {read.max():.2f} GPa"
    typer.echo(f"{count} pictures of {generator.resolution} px in {out}{kept}")


@commands.command(name="import-generator")
def import_generator(
    snapshot: Annotated[
        Path, typer.Argument(metavar="PKL", help="network-snapshot-*.pkl of NVIDIA's TensorFlow or PyTorch code.")
    ],
    out: Annotated[Path, typer.Option(help="The .keras file to write, with a card beside it.")],
    force: console.Force = False,
) -> None:
    """Convert a StyleGAN2 snapshot to Keras; nothing in the file is executed."""
    if out.suffix != ".keras":
        raise InputError(f"{out} does not end in .keras; name the file to write")
    console.claim(out, out.with_suffix(".json"), force=force, beside=True)
    from enamel_lib.generators import save_generator
    from enamel_lib.models import sha256
    from enamel_lib.stylegan2 import import_average

    average = import_average(snapshot)
    card = {"imported_from": snapshot.name, "snapshot_sha256": sha256(snapshot)}
    path = save_generator(average, out, card=card)
    typer.echo(f"{average.resolution} px, {average.count_params():,} parameters, in {path}")
