"""One design of given hardness, from the target to the files that keep it."""

import contextlib
import hashlib
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from enamel_lib import dense, images, paths
from enamel_lib.errors import InputError
from enamel_lib.evolve import genetic, judges, search
from enamel_lib.generators.base import BATCH_SIZE, ImageGenerator
from enamel_lib.pic import PIXEL_UM
from enamel_lib.reproduce import report

RESULTS = PICTURE, TRACE, FACTS, MAP = "design.png", "trace.csv", "design.json", "map.npz"
CHECKPOINT = "checkpoint.npz"
SAMPLE = 40  # random pictures whose hardness shows which targets need no search for the generator's range


def design(
    target: float,
    generator: ImageGenerator,
    judge: judges.Judge,
    out: Path,
    *,
    about: dict[str, Any],
    tell: Callable[[str], None],
    anew: bool = False,
    **settings: Any,
) -> dict[str, Any]:
    """Evolve one design into a folder: picture, dense map, trace, facts, and the checkpoint, to go on from if there.

    Parameters
    ----------
    target
        GPa; out of the generator's reach it is an `InputError`.
    judge
        From `judges.load`; a run goes on with no other, nor with another generator.
    about
        What else the facts are to say, such as the names of the networks.
    tell
        Called with a sentence on what takes longer than usual.
    anew
        Leave out of account what checkpoint there is.
    settings
        Those of `genetic.evolve`.
    """
    if generator.channels != 3:
        raise InputError(f"a generator of {generator.channels} channels draws no colours, from which hardness is read")
    if anew or not (out / CHECKPOINT).exists():
        _check_reach(target, generator, judge.evaluate, tell)
    start = time.monotonic()
    weights = hashlib.sha256(generator.w_avg.tobytes()).hexdigest()
    networks = {"indenter": judge.weights_sha256, "generator": weights, "penalty": judge.penalty}
    history = genetic.evolve(
        generator.generate,
        judge.evaluate,
        target,
        latent_dim=generator.latent_dim,
        checkpoint=out / CHECKPOINT,
        anew=anew,
        networks=networks,
        **settings,
    )
    picture = generator.generate(history.best_code[None])[0]
    mapped, unlike = dense_map(picture, judge)
    facts = {
        "target_gpa": target,
        "hardness_gpa": round(history.best_hardness, 4),
        "law_hardness_gpa": round(float(judges.law_hardness(picture[None])[0]), 4),
        "dense_hardness_gpa": round(float(np.nanmean(mapped["hardness"])), 4),
        "unlike": unlike,
        "generations": history.generations,
        "evaluations": history.evaluations,
        "seconds": round(time.monotonic() - start, 1),
        "code": np.round(history.best_code, 6).tolist(),
    } | about
    with contextlib.ExitStack() as together:  # all files appear, or none
        png, csv, json, npz = (together.enter_context(paths.atomic(out / name)) for name in RESULTS)
        Image.fromarray(picture).save(png)
        np.savez(npz, **mapped)
        history.to_frame().to_csv(csv, index=False, float_format="%.4f")
        report.write_json(json, facts)
    return facts


def dense_map(picture: np.ndarray, judge: judges.Judge) -> tuple[dict[str, np.ndarray], float | None]:
    """Map a design, 12 um wide, every 0.24 um, by its judge if that is dense, else by the default dense indenter.

    Gives `hardness`, GPa, with `low` and `high` between which the truth of simulated enamel lies with the coverage that
    the model card states, if it does; and how unlike enamel it is, as of `dense.likeness`, None if the card has none.
    """
    network, card = (judge.network, judge.card) if judge.is_dense else _default()
    tile = images.resize_all(picture[None])[0]
    read = dense.reading.read(network, tile)
    hardness = dense.indenter.map_of(read, tile.shape[:2], pixel_size_um=PIXEL_UM).hardness
    mapped = {"hardness": hardness}
    if "interval" in card:
        half = card["interval"]["relative_half_width"]
        mapped |= {"low": hardness * np.exp(-half), "high": hardness * np.exp(half)}
    known = dense.likeness.of_card(card, "judge")
    return mapped, known and known.judge_read(read)["distance"]


@cache
def _default() -> tuple[keras.Model, dict[str, Any]]:
    return dense.load(), dense.card()


def nearest(
    hardness: float, generate: search.Generate, evaluate: search.Evaluate, candidates: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose the `count` of the candidate codes whose pictures are read nearest to a hardness, GPa; the best first.

    Gives the codes, their readings and those of all candidates, GPa. No search: it reaches as far as chance does.
    """
    read = np.concatenate(
        [evaluate(generate(candidates[first : first + BATCH_SIZE])) for first in range(0, len(candidates), BATCH_SIZE)]
    )
    chosen = np.argsort(np.abs(read - hardness), kind="stable")[:count]
    return candidates[chosen], read[chosen], read


def _check_reach(
    target: float, generator: ImageGenerator, evaluate: search.Evaluate, tell: Callable[[str], None]
) -> None:
    """Refuse a target that this generator does not reach, naming the range, which is searched only if needed."""
    codes = np.random.default_rng(0).standard_normal((SAMPLE, generator.latent_dim))
    chance, _ = search.judged(evaluate, generator.generate(codes))
    if chance.min() <= target <= chance.max():
        return
    tell("the target is rare among this generator's pictures; looking how far it reaches")
    low, high = judges.reach(generator.generate, evaluate, latent_dim=generator.latent_dim)
    if not low - search.REACHED <= target <= high + search.REACHED:
        raise InputError(
            f"a target of {target:g} GPa is out of reach: this generator gives {low:.2f} to {high:.2f} GPa"
        )
