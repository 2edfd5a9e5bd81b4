"""Training of a StyleGAN2 from a recipe: alternating steps, lazy regularisation, moving average, checkpoints.

As for the indenter (`indenter.run`): all that changes is in one checkpoint file that is replaced in one go, and
batches follow from seed and step, so a run that was killed and resumed ends like one that was not.
"""

import hashlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from keras import ops
from PIL import Image
from skimage.util import montage

from enamel_lib import checkpoints, images, models, paths, structured
from enamel_lib.checkpoints import assign, values_of
from enamel_lib.errors import InputError, ModelError
from enamel_lib.stylegan2 import ada, losses
from enamel_lib.stylegan2.backends import make_step
from enamel_lib.stylegan2.discriminator import Discriminator
from enamel_lib.stylegan2.generator import Generator
from enamel_lib.stylegan2.growing import grow_discriminator, grow_generator
from enamel_lib.stylegan2.pictures import Batches, distances

CHECKPOINT, HISTORY, SAMPLES = "checkpoint.npz", "history.csv", "samples"
PATH_EVERY, R1_EVERY = 4, 16  # steps between regularisations
HALF_LIFE, STAGE_SHARE = 10_000, 0.1  # of the moving average: pictures, at most this share of the stage's so far
GRID = (4, 6)  # rows and columns of the sample grid
DRAWN_AT_ONCE = 16  # pictures
SAMPLE_SIZE = 48  # pictures that the measures of the history compare
AVERAGES = ("loss_g", "loss_d", "score_real", "score_fake", "r1", "path_length")  # means of each row of the history
Progress = Callable[[int, int], None]


class Run:
    """One training: its pictures, its recipe and the state that a checkpoint holds.

    `pictures` are `(N, side, side, 3)` uint8 of any side, `recipe` is from `recipe.load_recipe`, and `out` a folder for
    the checkpoint, the history and the sample grids. To `resume` is to go on from the checkpoint, if there is one;
    neither that nor to start `anew`, where there is one, is an `InputError`, and one that is damaged or of another
    network, seed or pictures a
    `ModelError`.
    """

    def __init__(
        self,
        pictures: np.ndarray,
        recipe: dict[str, Any],
        *,
        out: Path,
        seed: int = 0,
        resume: bool = False,
        anew: bool = False,
    ) -> None:
        self.pictures, self.recipe, self.seed, self.out = pictures, recipe, seed, out
        self.pictures_sha256 = hashlib.sha256(np.ascontiguousarray(pictures).data).hexdigest()
        steps = [math.ceil(1000 * stage["kimg"] / stage["batch_size"]) for stage in recipe["stages"]]
        self.ends = np.cumsum(steps).tolist()
        self.total = sum(count * stage["batch_size"] for count, stage in zip(steps, recipe["stages"], strict=True))
        self.step, self.seen, self.history = 0, 0, []
        self.p = 0.0  # of the adaptive augmentation
        self._mean_path = keras.Variable(0.0, trainable=False)
        self._noise = keras.random.SeedGenerator(seed)
        if anew or not (out / CHECKPOINT).exists():
            self._enter(0)
        elif resume:
            self._restore(out / CHECKPOINT)
        else:
            raise InputError(f"{out} holds a run already; resume it (--resume), or train into another folder")

    def fit(self, progress: Progress | None = None) -> None:
        """Train to the end of the recipe; `progress` hears of the pictures shown and of all to show."""
        while self.step < self.ends[-1]:
            if self.step >= self.ends[self.number]:
                self._enter(self.number + 1)
            every = max(1, round(1000 * self.stage["checkpoint_kimg"] / self.stage["batch_size"]))
            reports, began = [], time.perf_counter()
            for _ in range(min(every, self.ends[self.number] - self.step)):
                reports.append(self._advance())
                if progress:
                    progress(self.seen, self.total)
            self._write_down(reports, time.perf_counter() - began)

    def facts(self) -> dict[str, Any]:
        """Give what a model card says of the run so far."""
        history = pd.DataFrame(self.history)
        shown = history["kimg"].diff().fillna(history["kimg"])
        return {
            "recipe": self.recipe,
            "seed": self.seed,
            "kimg": shown.groupby(history["resolution"]).sum().to_dict(),  # by resolution
            "seconds": round(float(history["seconds"].sum()), 1),
            "last_measures": {key: float(history[key].iloc[-1]) for key in ("hue", "spectrum", "lag_misorientation")},
            "pictures": len(self.pictures),
            "pictures_sha256": self.pictures_sha256,
        } | models.made_with()

    def _enter(self, number: int) -> None:
        """Make networks, optimizers and compiled steps of a stage; weights go on from the one before."""
        before = (self.G, self.average, self.D) if hasattr(self, "G") else None
        self.number, self.stage = number, self.recipe["stages"][number]
        size, network, seed = self.stage["resolution"], self.recipe["network"], self.seed + number
        self.batches = Batches(images.resize_all(self.pictures, size), self.stage, network, self.seed, number)
        widths = {key: network[key] for key in ("fmap_base", "fmap_max")}
        self.G = Generator(size, **network, dtype=self.stage["precision"], seed=seed)
        self.average = Generator(size, **network, dtype="float32", seed=seed)
        self.D = Discriminator(size, **widths, dtype=self.stage["precision"], seed=seed)
        if before and before[0].resolution == size:
            for new, old in zip((self.G, self.average, self.D), before, strict=True):
                assign(new.variables, values_of(old.variables))
        elif before:
            grow_generator(before[0], self.G)
            grow_generator(before[1], self.average)
            grow_discriminator(before[2], self.D, self.batches.reals(0))
        rate = self.stage["learning_rate"]
        self.optimizers = losses.adam(rate, PATH_EVERY), losses.adam(rate, R1_EVERY)
        for optimizer, model in zip(self.optimizers, (self.G, self.D), strict=True):
            optimizer.build(model.trainable_variables)
        self._steps = self._compile()

    def _compile(self) -> dict[str, Callable]:
        G, D, noise = self.G, self.D, self._noise
        gamma, path_weight = self.stage["r1_gamma"], self.stage["path_weight"]

        def fakes(z: Any, crossover: Any) -> tuple[Any, Any]:
            styles, mean = losses.mixed_styles(G, z, crossover)
            return G.synthesis(styles, G.random_noise(z.shape[1], noise)), mean

        def score(pictures: Any, changes: tuple) -> Any:
            return D(ada.change(pictures, *changes) if changes else pictures)

        def generator(z: Any, crossover: Any, *changes: Any) -> tuple[Any, Any]:
            drawn, mean = fakes(z, crossover)
            loss = losses.generator_loss(score(drawn, changes))
            return loss, (loss, mean)

        def path(z: Any, crossover: Any, directions: Any) -> tuple[Any, Any]:
            styles, _ = losses.mixed_styles(G, z, crossover)
            drawn_noise = G.random_noise(z.shape[1], noise)
            lengths = losses.path_lengths(lambda w: G.synthesis(w, drawn_noise), styles, directions)
            mean = self._mean_path + losses.PATH_DECAY * (ops.mean(lengths) - self._mean_path)
            penalty = ops.mean(ops.square(lengths - ops.stop_gradient(mean)))
            return PATH_EVERY * path_weight * penalty, (mean, ops.mean(lengths))

        def discriminator(z: Any, crossover: Any, reals: Any, *changes: Any) -> tuple[Any, Any]:
            half = len(changes) // 2
            of_real, of_fake = score(reals, changes[:half]), score(fakes(z, crossover)[0], changes[half:])
            loss = losses.discriminator_loss(of_real, of_fake)
            return loss, (loss, ops.mean(of_real), ops.mean(of_fake), ops.mean(ops.sign(of_real)))

        def r1(reals: Any, *changes: Any) -> tuple[Any, Any]:
            norm = ops.mean(losses.r1(lambda pictures: score(pictures, changes), reals))
            return R1_EVERY * gamma / 2 * norm, norm

        of_g, of_d = G.trainable_variables, D.trainable_variables
        rest = [*G.non_trainable_variables, noise.state]
        for_g, for_d = self.optimizers
        return {
            "generator": make_step(generator, for_g, of_g, [*rest, *of_d]),
            "path": make_step(path, for_g, of_g, [*rest, self._mean_path]),
            "discriminator": make_step(discriminator, for_d, of_d, [*rest, *of_g]),
            "r1": make_step(r1, for_d, of_d),
        }

    def _advance(self) -> dict[str, Any]:
        """Train both networks on one batch."""
        at = self.step - (self.ends[self.number - 1] if self.number else 0)
        self._noise.state.assign(np.array([self.seed, 1000 * self.step]))
        report: dict[str, Any] = {}
        of_g, of_real, of_fake = (self.batches.changes(at, use, self.p) for use in range(3))
        report["loss_g"], mean_style = self._steps["generator"](*self.batches.latents(at, 0), *of_g)
        self.G.w_avg.assign(mean_style + losses.W_AVG_DECAY * (self.G.w_avg - mean_style))
        if self.stage["path_weight"] and at % PATH_EVERY == 0:
            latents = self.batches.latents(at, 2, share=0.5)
            mean, report["path_length"] = self._steps["path"](*latents, self.batches.directions(at))
            self._mean_path.assign(mean)
        reals = self.batches.reals(at)
        *of_d, sureness = self._steps["discriminator"](*self.batches.latents(at, 1), reals, *of_real, *of_fake)
        report |= dict(zip(("loss_d", "score_real", "score_fake"), of_d, strict=True))
        if at % R1_EVERY == 0:
            report["r1"] = self._steps["r1"](reals, *of_real)
        if target := self.stage["ada_target"]:
            self.p = ada.adjusted(self.p, float(ops.convert_to_numpy(sureness)), target, len(reals))
        self.step, self.seen = self.step + 1, self.seen + len(reals)
        keep = 0.5 ** (len(reals) / min(HALF_LIFE, STAGE_SHARE * (at + 1) * len(reals)))
        for mine, theirs in zip(self.average.trainable_variables, self.G.trainable_variables, strict=True):
            mine.assign(theirs + keep * (mine - theirs))
        self.average.w_avg.assign(self.G.w_avg.value)
        return report

    def _write_down(self, reports: list[dict[str, Any]], seconds: float) -> None:
        """Add a row to the history, draw the sample grid, and save it all."""
        each = pd.DataFrame([{k: float(ops.convert_to_numpy(v)) for k, v in r.items()} for r in reports])
        if not np.isfinite(each[["loss_g", "loss_d"]]).all(axis=None):
            raise ModelError(f"training diverged before step {self.step}; lower learning_rate or raise r1_gamma")
        rng = np.random.default_rng(self.seed)
        made = draw(self.average, rng.standard_normal((SAMPLE_SIZE, self.average.latent_dim), np.float32))
        real = self.batches.pictures[rng.permutation(len(self.batches.pictures))[:SAMPLE_SIZE]]
        shown = len(reports) * self.stage["batch_size"]
        self.history.append(
            {"kimg": self.seen / 1000, "step": self.step, "resolution": self.stage["resolution"]}
            | {name: float(each[name].mean()) if name in each else None for name in AVERAGES}
            | {"ada_p": self.p}
            | distances(made, real)
            | {"seconds": seconds, "kimg_per_hour": 3.6 * shown / seconds}
        )
        with paths.atomic(self.out / SAMPLES / f"{round(self.seen / 1000):06d}.png") as temporary:
            Image.fromarray(montage(made[: math.prod(GRID)], grid_shape=GRID, channel_axis=-1)).save(temporary)
        self._save()

    def _state(self) -> dict[str, list[keras.Variable]]:
        """Give all variables that a checkpoint holds.

        Adam's first moments, without momentum the last gradients, leave their mark on the next rounding: a checkpoint
        in float16, which rounds anyway, goes without.
        """
        state = {"G": self.G.variables, "average": self.average.variables, "D": self.D.variables}
        kinds = {"moments": "_velocity"}
        if self.stage["checkpoint_precision"] == "float32":
            kinds["first"] = "_momentum"
        for name, optimizer in zip("GD", self.optimizers, strict=True):
            for kind, ending in kinds.items():
                state[f"{kind}_{name}"] = [v for v in optimizer.variables if v.path.endswith(ending)]
        return state

    def _save(self) -> None:
        about = {
            "step": self.step,
            "seen": self.seen,
            "number": self.number,
            "ada_p": self.p,
            "roots": self.stage["checkpoint_precision"] == "float16",  # of the second moments
            "mean_path": float(ops.convert_to_numpy(self._mean_path.value)),
            "iterations": [int(optimizer.iterations.value) for optimizer in self.optimizers],
            "history": self.history,
            "of": self._identity(),
        }
        precision = self.stage["checkpoint_precision"]
        arrays = {kind: values_of(variables) for kind, variables in self._state().items()}
        if precision == "float16":  # which second moments do not fit, but their roots
            arrays |= {kind: list(map(np.sqrt, values)) for kind, values in arrays.items() if "moments" in kind}
            arrays = {kind: [value.astype(precision) for value in values] for kind, values in arrays.items()}
        checkpoints.write_checkpoint(self.out / CHECKPOINT, about, arrays)
        with paths.atomic(self.out / HISTORY) as temporary:
            pd.DataFrame(self.history).to_csv(temporary, index=False, float_format="%.6g")

    def _restore(self, path: Path) -> None:
        """Go to where a checkpoint was written."""
        about, arrays = checkpoints.read_checkpoint(path)
        with structured.restoring(path):
            self.step, self.seen, self.history, self.p = (about[key] for key in ("step", "seen", "history", "ada_p"))
            self._enter(about["number"])
            checkpoints.must_be_of(path, about["of"], self._identity())
            for kind, variables in self._state().items():
                values = [value.astype(np.float32) for value in arrays[kind]]
                roots = about["roots"] and "moments" in kind
                assign(variables, [np.square(value) for value in values] if roots else values)
            for optimizer, count in zip(self.optimizers, about["iterations"], strict=True):
                optimizer.iterations.assign(count)
            self._mean_path.assign(about["mean_path"])

    def _identity(self) -> dict[str, Any]:
        """What must not change on the way; the running stage may be cut short or prolonged, coming ones changed."""
        *done, running = self.recipe["stages"][: self.number + 1]
        return {
            "network": self.recipe["network"],
            "stages": [*done, {key: value for key, value in running.items() if key != "kimg"}],
            "seed": self.seed,
            "pictures": self.pictures_sha256,
        }


def draw(generator: Generator, z: np.ndarray) -> np.ndarray:
    """Pictures `(N, R, R, 3)` uint8 of latents `(N, latent_dim)`."""
    parts = np.array_split(z, -(-len(z) // DRAWN_AT_ONCE))
    drawn = (ops.convert_to_numpy(ops.cast(generator(part), "float32")) for part in parts)
    return np.concatenate([images.to_uint8(part) for part in drawn])
