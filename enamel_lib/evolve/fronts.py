"""Designs of more than one wish: as hard as can be at every stiffness, and the front of those that none beats in both.

The second property is Young's modulus along the indent, from the orientations that a picture shows and the stiffness of
apatite; like `judges.law_hardness` it needs no network.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from enamel_lib import checkpoints, pic, structured
from enamel_lib.evolve import search

STIFFNESS_GPA = {"11": 137.0, "12": 42.5, "13": 54.9, "33": 172.0, "44": 39.6}  # DOMAIN.md B, stiffness
CELLS, RANGE_GPA = 320, (107.0, 139.0)  # of the modulus: crystals that lean by 57 degrees, and such that stand upright
BATCH_SIZE = 20  # pictures drawn and judged at once


def young_modulus(pictures: np.ndarray) -> np.ndarray:
    """Young's modulus along the surface normal, `(N,)` GPa, of pictures `(N, H, W, 3)` uint8.

    Every crystal counts as a single one of apatite, under the same stress as all others (Reuss); both signs of the
    off-plane angle, which no picture tells, are averaged.
    """
    found = []
    for picture in pictures:
        normal = [pic.to_sample_frame(pic.director(picture, sign))[..., 2] for sign in (1, -1)]
        found.append(1 / compliance_along(np.square(normal)).mean())
    return np.array(found)


def compliance_along(cos2: np.ndarray | float) -> np.ndarray | float:
    """Compliance of a crystal of apatite along a direction, 1/GPa, by cos^2 of its angle to the c-axis (Nye 1985)."""
    c = STIFFNESS_GPA
    block = np.array([[c["11"], c["12"], c["13"]], [c["12"], c["11"], c["13"]], [c["13"], c["13"], c["33"]]])
    s, s44 = np.linalg.inv(block), 1 / c["44"]
    return (1 - cos2) ** 2 * s[0, 0] + cos2**2 * s[2, 2] + cos2 * (1 - cos2) * (2 * s[0, 2] + s44)


@dataclass(frozen=True)
class Front:
    """Designs that no other is both harder and more compliant than, by rising modulus; and all that were tried.

    `codes` `(n, latent_dim)`, `hardness` and `modulus` `(n,)` GPa; `tried` `(m, 2)`, hardness and modulus, GPa.
    """

    codes: np.ndarray
    hardness: np.ndarray
    modulus: np.ndarray
    tried: np.ndarray


def hard_and_compliant(
    generate: search.Generate,
    evaluate: search.Evaluate,
    *,
    latent_dim: int,
    evaluations: int = 1260,
    seed: int = 0,
    record: Path | None = None,
    networks: Mapping[str, str] = MappingProxyType({}),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Front:
    """Search by MAP-Elites (pyribs) for the hardest design of every modulus; give the front.

    Parameters
    ----------
    evaluate
        The judge of hardness, such as `judges.dense_evaluator`; the modulus is `young_modulus`. If it has a penalty,
        a design counts as so much softer.
    evaluations
        Pictures that are drawn and judged.
    record
        File that keeps the front, `.npz`: read if it is there, else written.
    networks
        What tells generator and judge from others, for the record.
    progress
        Called with the evaluations done and to be done.

    Raises
    ------
    ModelError
        If the record is damaged, or of another search.
    """
    of = {"evaluations": evaluations, "seed": seed, **networks}
    if record and record.exists():
        about, arrays = checkpoints.read_checkpoint(record)
        checkpoints.must_be_of(record, about, of)
        with structured.restoring(record):
            return Front(*(arrays[name][0] for name in ("codes", "hardness", "modulus", "tried")))
    from ribs import archives, emitters

    rng = np.random.default_rng(seed)
    archive = archives.GridArchive(solution_dim=latent_dim, dims=[CELLS], ranges=[RANGE_GPA], seed=seed)
    settings = {"initial_solutions": rng.standard_normal((5 * BATCH_SIZE, latent_dim)), "batch_size": BATCH_SIZE}
    emitter = emitters.IsoLineEmitter(archive, iso_sigma=0.2, line_sigma=0.5, seed=seed, **settings)
    codes, found, worth = np.empty((0, latent_dim)), np.empty((0, 2)), np.empty(0)
    while len(codes) < evaluations:
        progress(len(codes), evaluations)
        new = emitter.ask()[: evaluations - len(codes)]
        new *= np.sqrt(latent_dim) / np.linalg.norm(new, axis=1, keepdims=True)  # as long as those of training
        pictures = generate(new)
        hardness, penalty = search.judged(evaluate, pictures)
        modulus = young_modulus(pictures)
        archive.add(new, hardness - penalty, modulus[:, None])
        codes, worth = np.concatenate([codes, new]), np.concatenate([worth, hardness - penalty])
        found = np.concatenate([found, np.stack([hardness, modulus], axis=1)])
    order = np.lexsort((-worth, found[:, 1]))  # of one modulus, the hardest first
    hardest = np.maximum.accumulate(worth[order])
    best = order[np.diff(hardest, prepend=-np.inf) > 0]
    made = Front(codes[best].astype(np.float32), *found[best].T, found.astype(np.float32))
    if record:
        checkpoints.write_checkpoint(record, of, {key: [value] for key, value in vars(made).items()})
    return made
