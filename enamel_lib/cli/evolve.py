"""The commands `enamel evolve`, a design of given hardness, and `enamel contest`, eight ways to search side by side."""

from pathlib import Path
from typing import Annotated

import typer

from enamel_lib.cli import console
from enamel_lib.errors import InputError
from enamel_lib.evolve.protocols import ProtocolName
from enamel_lib.generators.loading import Engine

commands = typer.Typer()
Judge = Annotated[
    str, typer.Option(help="What reads hardness: window, as in the paper, dense, by structure, or a model or its file.")
]
Penalty = Annotated[
    float, typer.Option(min=0, help="GPa off the target for each step by which a dense judge finds it unlike enamel.")
]
SHEET = ("designs.png", "designs.csv")  # of several designs
CONTEST_TARGETS = [3.0, 3.5, 4.0, 4.5, 5.0]  # GPa, of the paper's seven those well within the generator's reach


@commands.command()
def evolve(
    target: Annotated[float, typer.Option(help="Hardness to reach, GPa.")],
    out: Annotated[Path, typer.Option(help="Folder for the design (.png, .json), its trace (.csv) and checkpoint.")],
    generations: Annotated[int, typer.Option(min=1, help="At most so many.")] = 250,
    protocol: Annotated[
        ProtocolName, typer.Option(help="paper: as its text; released: as its code; audited: every operator works.")
    ] = ProtocolName.audited,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Stop once the whole population is nearer to the target, GPa.")
    ] = 0.0,
    generator: console.Drawing = "default",
    engine: Annotated[Engine, typer.Option(help="What draws; tf1 is TensorFlow 1.14, for snapshots.")] = Engine.auto,
    judge: Judge = "window",
    penalty: Penalty = 0.0,
    seed: console.Seed = 0,
    seeds: Annotated[int, typer.Option(min=1, help="Designs from so many seeds on, in folders of --out.")] = 1,
    resume: console.Resume = False,
    force: console.Force = False,
) -> None:
    """Evolve a picture of given hardness; may be killed at any moment and resumed.

    Every design comes with its dense map and interval; several, with a sheet and a table of all.
    """
    if penalty and protocol is not ProtocolName.audited:
        raise InputError(f"the protocol {protocol} knows no --penalty; take audited")
    from enamel_lib.evolve.genetic import check_target
    from enamel_lib.evolve.search import REACHED

    check_target(target)
    from enamel_lib.evolve import designs, judges
    from enamel_lib.generators import loading

    folders = {each: out / f"seed-{each}" if seeds > 1 else out for each in range(seed, seed + seeds)}
    for folder in folders.values():
        results = [folder / name for name in designs.RESULTS]
        console.claim(*results, checkpoints=[folder / designs.CHECKPOINT], resume=resume, force=force)
    if seeds > 1:
        console.claim(*(out / name for name in SHEET), force=force or resume, beside=True)
    judged_by, found = judges.load(judge, penalty=penalty), {}
    drawing = loading.load_generator(generator, engine=engine)
    for each, folder in folders.items():
        settings = {"protocol": protocol, "seed": each}
        with console.steps("evolving") as step:
            facts = found[each] = designs.design(
                target,
                drawing,
                judged_by,
                folder,
                **settings,
                anew=force and not resume,
                generations=generations,
                tolerance=tolerance,
                progress=step,
                about=settings | {"generator": generator, "engine": engine, "judge": judge, "penalty_gpa": penalty},
                tell=lambda text: typer.echo(text, err=True),
            )
        missed = "" if abs(facts["hardness_gpa"] - target) < REACHED else ", which it missed"
        typer.echo(
            f"{facts['hardness_gpa']:.3f} GPa for a target of {target:g} GPa{missed}, "
            f"after {facts['generations']} generations and {facts['evaluations']:,} evaluations, in {folder}"
        )
    if seeds > 1:
        _write_sheet(out, folders, found)


def _write_sheet(out: Path, folders: dict[int, Path], found: dict[int, dict]) -> None:
    """Write the pictures of all designs on a sheet, and a table of their hardness."""
    import numpy as np
    import pandas as pd
    from PIL import Image

    from enamel_lib import paths, plots
    from enamel_lib.evolve import designs

    table = pd.DataFrame(found).T[["hardness_gpa", "law_hardness_gpa", "dense_hardness_gpa", "unlike", "evaluations"]]
    pictures = [np.asarray(Image.open(folder / designs.PICTURE)) for folder in folders.values()]
    titles = [
        f"seed {seed}: {row.hardness_gpa:.2f},\nlaw {row.law_hardness_gpa:.2f} GPa" for seed, row in table.iterrows()
    ]
    with paths.atomic(out / SHEET[0]) as sheet, paths.atomic(out / SHEET[1]) as rows:
        plots.gallery(pictures, titles, columns=5).savefig(sheet, format="png", dpi=200)
        table.to_csv(rows, index_label="seed")
    typer.echo(f"{len(table)} designs on {out / SHEET[0]}")


@commands.command()
def contest(
    out: Annotated[Path, typer.Option(help="The .npz file to write, or to go on with.")],
    target: Annotated[list[float] | None, typer.Option(help="GPa; may be given several times.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Searches of each method for each target.")] = 10,
    evaluations: Annotated[int, typer.Option(min=10, help="Of each search.")] = 80,
    tolerance: Annotated[float, typer.Option(min=0, help="A search this near to its target ends early, GPa.")] = 0.02,
    method: Annotated[list[str] | None, typer.Option(help="Only this one; may be given several times.")] = None,
    judge: Judge = "window",
    penalty: Penalty = 0.0,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    scheduler: console.Scheduler = None,
) -> None:
    """Search by several methods with equally many evaluations; may be killed, and goes on when called again.

    The numbers are the same on one process, on several (--workers), and on a Dask cluster (--scheduler).
    """
    from enamel_lib.evolve.genetic import check_target

    targets = target or CONTEST_TARGETS
    for each in targets:
        check_target(each)
    from enamel_lib.evolve import benchmark

    benchmark.check(out, method or ())
    console.claim(out, force=True, beside=True)  # it goes on with what is there, or refuses it
    with console.steps("searching") as step:
        found = benchmark.compare_shipped(
            out,
            targets=targets,
            seeds=seeds,
            evaluations=evaluations,
            tolerance=tolerance,
            judge=judge,
            penalty=penalty,
            methods=method or (),
            workers=workers,
            scheduler=scheduler,
            progress=step,
        )
    typer.echo(f"{sum(map(len, found.values())):,} searches in {out}")
