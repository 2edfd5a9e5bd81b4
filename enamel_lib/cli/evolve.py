"""The commands `enamel evolve`, a design of given hardness, and `enamel contest`, seven ways to search side by side."""

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from enamel_lib import paths
from enamel_lib.cli import console
from enamel_lib.errors import InputError
from enamel_lib.generators.loading import Engine

if TYPE_CHECKING:
    from enamel_lib.evolve import search

commands = typer.Typer()
SAMPLE = 40  # random pictures whose hardness shows which targets need no search for the generator's range
NEAR = 0.05  # GPa; nearer than this counts as reached
CONTEST_TARGETS = [3.0, 3.5, 4.0, 4.5, 5.0]  # GPa, of the paper's seven those well within the generator's reach


@commands.command()
def evolve(
    target: Annotated[float, typer.Option(help="Hardness to reach, GPa.")],
    out: Annotated[Path, typer.Option(help="Folder for the design (.png, .json), its trace (.csv) and checkpoint.")],
    generations: Annotated[int, typer.Option(min=1, help="At most so many.")] = 250,
    protocol: Annotated[
        str, typer.Option(help="paper: as its text; released: as its code; audited: every operator works.")
    ] = "audited",
    tolerance: Annotated[
        float, typer.Option(min=0, help="Stop once the whole population is nearer to the target, GPa.")
    ] = 0.0,
    generator: Annotated[
        str, typer.Option(help="Name of a shipped generator, path of a .keras file, or of a snapshot .pkl.")
    ] = "default",
    engine: Annotated[Engine, typer.Option(help="What draws; tf1 is TensorFlow 1.14, for snapshots.")] = Engine.auto,
    model: Annotated[str, typer.Option("--model", help="Indenter: name, or path of a .keras file.")] = "default",
    seed: console.Seed = 0,
    resume: console.Resume = False,
    force: console.Force = False,
) -> None:
    """Evolve a picture of given hardness; may be killed at any moment and resumed."""
    import numpy as np
    from PIL import Image

    from enamel_lib.evolve.genetic import check_target

    check_target(target)
    design, trace, settings, checkpoint = (
        out / name for name in ("design.png", "trace.csv", "design.json", "checkpoint.npz")
    )
    if not resume:
        console.refuse_overwriting(design, trace, settings, checkpoint, force=force)
        checkpoint.unlink(missing_ok=True)
    predictor = console.predictor(model, "auto")
    from enamel_lib.evolve import genetic as evolution
    from enamel_lib.evolve import judges
    from enamel_lib.generators import loading
    from enamel_lib.reproduce import report

    drawing = loading.load_generator(generator, engine=engine)
    evaluate = judges.evaluator(predictor)
    if not checkpoint.exists():
        _check_reach(target, drawing.generate, evaluate, drawing.latent_dim)
    start = time.monotonic()
    with console.steps("evolving") as step:
        history = evolution.evolve(
            drawing.generate,
            evaluate,
            target,
            latent_dim=drawing.latent_dim,
            protocol=protocol,
            generations=generations,
            tolerance=tolerance,
            seed=seed,
            checkpoint=checkpoint,
            progress=step,
        )
    seconds = time.monotonic() - start
    picture = drawing.generate(history.best_code[None])[0]
    facts = {
        "target_gpa": target,
        "hardness_gpa": round(history.best_hardness, 4),
        "law_hardness_gpa": round(float(judges.law_hardness(picture[None])[0]), 4),
        "protocol": protocol,
        "generations": len(history.hardness) - 1,
        "evaluations": history.evaluations,
        "seconds": round(seconds, 1),
        "seed": seed,
        "generator": generator,
        "engine": engine.value,
        "indenter": model,
        "code": np.round(history.best_code, 6).tolist(),
    }
    with contextlib.ExitStack() as together:  # all three files appear, or none
        png, csv, json = (together.enter_context(paths.atomic(path)) for path in (design, trace, settings))
        Image.fromarray(picture).save(png)
        history.to_frame().to_csv(csv, index=False, float_format="%.4f")
        report.write_json(json, facts)
    missed = "" if abs(history.best_hardness - target) < NEAR else ", which it missed"
    typer.echo(
        f"{history.best_hardness:.3f} GPa for a target of {target:g} GPa{missed}, "
        f"after {facts['generations']} generations and {facts['evaluations']:,} evaluations, in {out}"
    )


@commands.command()
def contest(
    out: Annotated[Path, typer.Option(help="The .npz file to write, or to go on with.")],
    target: Annotated[list[float] | None, typer.Option(help="GPa; may be given several times.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Searches of each method for each target.")] = 10,
    evaluations: Annotated[int, typer.Option(min=10, help="Of each search.")] = 80,
    tolerance: Annotated[float, typer.Option(min=0, help="A search this near to its target ends early, GPa.")] = 0.02,
    method: Annotated[list[str] | None, typer.Option(help="Only this one; may be given several times.")] = None,
) -> None:
    """Search by several methods with equally many evaluations; may be killed, and goes on when called again."""
    from enamel_lib.evolve.genetic import check_target

    targets = target or CONTEST_TARGETS
    for one in targets:
        check_target(one)
    from enamel_lib.evolve import benchmark as contests
    from enamel_lib.evolve import judges
    from enamel_lib.generators import loading
    from enamel_lib.indenter import network as indenter
    from enamel_lib.inference import engines

    drawing, network = loading.load_generator(), indenter.load_indenter()
    latent_dim = drawing.latent_dim
    with console.steps("searching") as step:
        found = contests.compare(
            out,
            drawing.generate,
            judges.evaluator(engines.make_predictor(network)),
            judges.slope(drawing.network, network, latent_dim=latent_dim),
            latent_dim=latent_dim,
            targets=targets,
            seeds=seeds,
            evaluations=evaluations,
            tolerance=tolerance,
            methods=method or contests.METHODS,
            networks=contests.shipped_networks(),
            progress=step,
        )
    typer.echo(f"{sum(map(len, found.values())):,} searches in {out}")


def _check_reach(target: float, generate: "search.Generate", evaluate: "search.Evaluate", latent_dim: int) -> None:
    """Refuse a target that this generator does not reach, naming the range, which is searched only if needed."""
    import numpy as np

    from enamel_lib.evolve import judges

    chance = evaluate(generate(np.random.default_rng(0).standard_normal((SAMPLE, latent_dim))))
    if chance.min() <= target <= chance.max():
        return
    typer.echo("the target is rare among this generator's pictures; looking how far it reaches", err=True)
    low, high = judges.reach(generate, evaluate, latent_dim=latent_dim)
    if not low - NEAR <= target <= high + NEAR:
        raise InputError(
            f"a target of {target:g} GPa is out of reach: this generator gives {low:.2f} to {high:.2f} GPa"
        )
