"""Evolved pictures as designs: their hardness by network and by law, how they differ, how far a search can reach.

The law is an oracle that the paper lacked: it reads orientations off the picture and knows how the simulator makes
hardness of them. It cannot see depth or regions, so it says how designs compare, not their level.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import pandas as pd
from scipy import spatial

from enamel_lib import dense, gradients, images, pic
from enamel_lib.errors import InputError
from enamel_lib.evolve import genetic, search
from enamel_lib.evolve.operators import OPERATORS
from enamel_lib.evolve.protocols import PROTOCOLS
from enamel_lib.generators import metrics
from enamel_lib.images import TILE
from enamel_lib.indenter import network as window
from enamel_lib.inference import base
from enamel_lib.pic import PIXEL_UM  # also of what a generator that learnt from tiles draws, once it has their size
from enamel_lib.simulate import law, simulator

COPY = 0.1  # of 255; float32 codes of another length may round a pixel to the next level
REACH = (0.5, 15.0)  # GPa, towards which the ends of the range are searched
NAMES = {"dense": dense.indenter.DEFAULT, "window": window.DEFAULT}  # the two that ship, by kind


@dataclass(frozen=True)
class Judge:
    """An indenter that judges pictures: its network, whether that is dense, and pictures of any size to hardness.

    `card` is what is known of a dense one, and `penalty` what it was loaded with, GPa.
    """

    network: keras.Model
    is_dense: bool
    evaluate: search.Evaluate
    weights_sha256: str
    card: Mapping[str, Any] = field(default_factory=dict)
    penalty: float = 0.0


def load(name: str, *, penalty: float = 0.0) -> Judge:
    """Load a judge, a window network or a dense indenter: by its kind (`NAMES`), name or file.

    With a `penalty`, in GPa, a dense one asks for enamel, too: see `dense_evaluator`. Of a window network, or one whose
    card does not tell what enamel is like, that is an InputError.
    """
    name = NAMES.get(name, name)
    network, is_dense = window.load_either(name)
    if is_dense:
        card = dense.card(name)
        known = dense.likeness.of_card(card, name) if penalty else None
        if penalty and not known:
            raise InputError(f"the card of {name} does not tell what enamel is like; leave the penalty out")
        evaluate = dense_evaluator(network, known, penalty=penalty)
        return Judge(network, True, evaluate, base.weights_sha256(network), card, penalty)
    if penalty:
        raise InputError(f"{name} reads no structure that could be unlike enamel's; a penalty takes the judge dense")
    predictor = base.make_predictor(network)
    return Judge(network, False, evaluator(predictor), predictor.weights_sha256)


def evaluator(predictor: base.Predictor) -> search.Evaluate:
    """Pictures of any size to hardness: enlarged or shrunk to the network's tile, then predicted."""
    return lambda pictures: predictor(images.resize_all(pictures, predictor.size))


def dense_evaluator(
    model: keras.Model, known: dense.likeness.Likeness | None = None, *, penalty: float = 0.0
) -> search.Evaluate:
    """Pictures of any size, each 12 um wide, to the mean hardness that a dense indenter reads of their structure.

    What surroundings share, which tells of depth, is held at its mean over enamel: it is a guess in so small a picture,
    and a search would rather please the guess than change the structure. So all designs are of one depth, as by
    `law_hardness`.

    With a `penalty`, every threshold by which a picture's structure is less like that of sections than theirs are
    (`dense.likeness`), beyond the first, counts as so many GPa off the target: else crystals set askew in a fine
    pattern, as in no enamel, are the hardest. The interval could not tell them: it is the same share of any reading.
    """

    def evaluate(pictures: np.ndarray) -> np.ndarray:
        size = TILE * PIXEL_UM / pictures.shape[2]
        reads = [dense.reading.read(model, picture, pixel_size_um=size) for picture in pictures]
        felt = [dense.labels.felt(each["log_hardness"][..., 0], law.SUPPORT_UM) for each in reads]
        hardness = np.exp(felt).mean(axis=(1, 2))
        if not penalty:
            return hardness
        beyond = [max(0.0, known.judge_read(each)["distance"] - 1) for each in reads]
        return np.stack([hardness, penalty * np.array(beyond)])

    return evaluate


def law_hardness(pictures: np.ndarray) -> np.ndarray:
    """Hardness that the simulator's law gives to orientations as they are read off pictures, `(N,)` GPa, means.

    Pictures are `(N, H, W, 3)` uint8, each 12 um wide. All crystals count as rod heads at half depth; both signs of the
    off-plane angle are averaged. Pictures that the generator smoothed show less misorientation than the enamel it
    learnt from, so compare like with like.
    """
    found = []
    for tile in images.resize_all(pictures):
        branches = [pic.director(tile, sign) for sign in (1, -1)]
        misorientation_deg = simulator.local_misorientation(branches[0], PIXEL_UM)  # the branches mirror each other
        region = np.full(misorientation_deg.shape, law.HEAD)
        for director in branches:
            cos_psi = pic.to_sample_frame(director)[..., 2]
            found.append(law.hardness(0.5, cos_psi, misorientation_deg, region, pixel_size_um=PIXEL_UM).mean())
    return np.reshape(found, (-1, 2)).mean(axis=1)


def at_half_depth(truth: pd.DataFrame) -> np.ndarray:
    """True hardness of tiles, `truth` and `depth` in columns, as it would be at half depth: `(N,)` GPa."""
    return (truth["truth"] / law.depth_factor(truth["depth"]) * law.depth_factor(0.5)).to_numpy()


def agreement(pairs: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> pd.DataFrame:
    """Pearson's `correlation`, and `slope` of the second on the first, of pairs of readings `(n,)` in GPa."""
    found = {name: (np.corrcoef(*pair)[0, 1], np.polyfit(*pair, 1)[0]) for name, pair in pairs.items()}
    return pd.DataFrame(found, index=["correlation", "slope"]).T


def misorientation(pictures: np.ndarray) -> np.ndarray:
    """Mean misorientation of neighbours 60 nm apart, `(N,)` degrees, of pictures each 12 um wide."""
    tiles = images.resize_all(pictures)
    return np.array([simulator.local_misorientation(pic.director(t), PIXEL_UM).mean() for t in tiles])


def diversity(pictures: np.ndarray) -> float:
    """Mean distance of two pictures of a set: root mean square difference of colours at 16 px a side, 0 to 255."""
    small = metrics.thumbnails(pictures)
    return float(np.sqrt(spatial.distance.pdist(small, "sqeuclidean") / small.shape[1]).mean())


def operator_changes(generate: search.Generate, *, latent_dim: int, seed: int = 0) -> pd.DataFrame:
    """What each operator does to the picture under each protocol, operators by protocols.

    It is the mean difference of colours, of 255, between a newcomer and the most similar one among members and earlier
    newcomers, the smallest of three trials. Below `COPY` it is a copy, but for rounding.
    """
    found = {}
    for name, protocol in PROTOCOLS.items():
        differences = []
        for trial in range(3):
            rng = np.random.default_rng([seed, trial])
            codes = protocol.start(genetic.POPULATION, latent_dim, rng)
            errors = np.linspace(0.2, 0.7, len(codes))  # GPa, as half-way through a search
            new = protocol.newcomers(codes, errors, 2, rng)
            pictures = generate(np.concatenate([codes, new])).astype(float)
            places = range(len(codes), len(pictures))
            differences.append([np.abs(pictures[i] - pictures[:i]).mean(axis=(1, 2, 3)).min() for i in places])
        found[name] = np.min(differences, axis=0)
    return pd.DataFrame(found, index=OPERATORS[1:])


def copies(changes: pd.DataFrame) -> dict[str, str]:
    """Names of the operators that copy, by protocol, of `operator_changes`."""
    return {protocol: ", ".join(each.index[each < COPY]) or "none" for protocol, each in changes.items()}


def reach(generate: search.Generate, evaluate: search.Evaluate, *, latent_dim: int) -> tuple[float, float]:
    """Softest and hardest picture that evolutions of the usual length find, GPa; there may be some beyond."""
    low, high = genetic.evolve(generate, evaluate, REACH, latent_dim=latent_dim)
    return low.best_hardness, high.best_hardness


def error_gradient(network: keras.Model, indenter: keras.Model, *, latent_dim: int) -> search.Gradient:
    """Gradient of the distance from a target with respect to the code, through generator and indenter.

    `network` takes codes to pictures `(N, H, W, 3)`, -1 to 1, and `indenter` tiles `(N, 200, 200, 3)` in 0 to 1 to
    `(N, 1)` GPa.
    """
    code = keras.Input((latent_dim,))
    picture = keras.ops.clip(network(code) * 0.5 + 0.5, 0.0, 1.0)
    tile = keras.layers.Resizing(TILE, TILE)(picture)
    hardness_gradient = gradients.input_gradient(keras.Model(code, indenter(tile)))

    def gradient(codes: np.ndarray, target: float) -> np.ndarray:
        hardness, slopes = hardness_gradient(codes)
        return np.sign(hardness - target)[:, None] * slopes

    return gradient
