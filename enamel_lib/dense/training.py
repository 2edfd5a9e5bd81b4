"""Training of the dense indenter's network: it learns the structure of simulated sections, by a recipe.

Everything that changes with the steps is in one checkpoint that is replaced in one go, and batches follow from the seed
and the step, so a run that was killed and resumed ends like one that was not.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import keras
import numpy as np
import pandas as pd
from pydantic import Field

from enamel_lib import checkpoints, paths, structured
from enamel_lib.dense import network, structure
from enamel_lib.dense.code import CELL_PX, FLIPPED
from enamel_lib.errors import InputError, ModelError
from enamel_lib.models import made_with

RECIPES = Path(__file__).parent / "recipes"
CHECKPOINT, HISTORY = "checkpoint.npz", "history.csv"
LEAST_CROP_PX = 192  # 12 um; half of the batches show parts of their sections, so that small pictures are read as well
CELLS = network.MULTIPLE // CELL_PX  # sides of crops are multiples of so many cells
WHOLE = (slice(None), slice(None))
Count = Annotated[int, Field(gt=0, le=10**8)]
Progress = Callable[[int, int], None]


class Recipe(structured.Strict):
    """How the network is trained."""

    name: str
    sections: Annotated[int, Field(ge=2, le=10**6)]
    side_px: Annotated[int, Field(gt=0, le=4096, multiple_of=network.MULTIPLE)] = structure.SIDE_PX
    images: Count  # to show
    batch_size: Annotated[int, Field(gt=0, le=1024)] = 4
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = 0.002  # falls to nothing, as a cosine
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    checkpoint_every: Count = 250  # steps


def train_structure(
    recipe: str | Path | dict[str, Any] = "cpu",
    *,
    seed: int = 0,
    out: Path,
    resume: bool = False,
    anew: bool = False,
    progress: Progress = lambda done, total: None,
) -> tuple[keras.Model, dict[str, Any]]:
    """Train the network on simulated sections.

    Parameters
    ----------
    recipe
        Name of a shipped recipe, path of a YAML file, or the settings of a `Recipe`.
    seed
        Of the sections, the first weights and the batches.
    out
        Folder of the checkpoint and the history.
    resume
        Go on from the checkpoint in `out`; start where there is none.
    anew
        Start, and replace the checkpoint in `out`, once there is one to replace it.
    progress
        Called with (steps done, steps in all) after every step.

    Returns
    -------
    network, facts
        The network, float32, that gives local structure in natural units and wide structure standardised; and what its
        model card says of the training.

    Raises
    ------
    InputError
        If `out` holds a checkpoint, and neither `resume` nor `anew` is true, or the recipe is unknown.
    ModelError
        If the checkpoint is damaged, or of another recipe or seed, or the training diverged.
    """
    recipe = checkpoints.read_recipe(recipe, Recipe, recipes=RECIPES)
    run = _Run(recipe, seed, out, resume=resume, anew=anew)
    run.fit(progress)
    history = pd.DataFrame(run.history)
    facts = {
        "recipe": recipe,
        "seed": seed,
        "steps": run.step,
        "images": run.step * recipe["batch_size"],
        "seconds": round(float(history["seconds"].sum()), 1),
        "validation": {name: round(float(history[name].iloc[-1]), 4) for name in _explained_names()},
        **made_with(),
    }
    return run.finished(), facts


class _Run:
    """One training: sections, network, optimizer, and how far it is."""

    def __init__(self, recipe: dict[str, Any], seed: int, out: Path, *, resume: bool, anew: bool):
        if (out / CHECKPOINT).exists() and not (resume or anew):
            raise InputError(f"{out} holds a run already; resume it (--resume), or train into another folder")
        self.recipe, self.seed, self.out = recipe, seed, out
        self.last = -(-recipe["images"] // recipe["batch_size"])
        self.step, self.history = 0, []
        keras.utils.set_random_seed(seed)
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy(recipe["precision"])
        self.model = network.build()
        keras.config.set_dtype_policy(policy)
        rate = keras.optimizers.schedules.CosineDecay(recipe["learning_rate"], self.last)
        self.model.compile(
            keras.optimizers.Adam(rate, clipnorm=1.0),
            loss=["mse", "mse"],
            # TensorFlow compiles convolutions for the processor into code five times slower than its own kernels
            jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
        )
        self.model.optimizer.build(self.model.trainable_variables)
        if (out / CHECKPOINT).exists() and not anew:
            self._restore()
        else:
            self.scales = [_mean_and_sd(targets) for targets in (self.sections.local, self.sections.wide)]

    @cached_property
    def sections(self) -> structure.Sections:
        """What is learned from; a run that is finished needs none."""
        return structure.simulate(self.recipe["sections"], seed=self.seed, side=self.recipe["side_px"])

    def batch(self, step: int) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Codes, and standardised local and wide structure, of one batch: sections, cropped and flipped at random."""
        size, rng = self.recipe["batch_size"], self._rng(step, 2)
        chosen = checkpoints.shuffled(step, size, self.sections.trained, lambda number: self._rng(number, 1))
        whole = self.recipe["side_px"] // CELL_PX
        least = min(LEAST_CROP_PX // CELL_PX, whole)
        side = whole if rng.integers(2) else rng.integers(least // CELLS, whole // CELLS + 1) * CELLS
        corners = rng.integers(0, whole - side + 1, (size, 2))
        crops = [(slice(top, top + side), slice(left, left + side)) for top, left in corners.tolist()]
        given, wanted = self._stacked(zip(chosen.tolist(), crops, rng.integers(0, 2, (size, 2)).tolist(), strict=True))
        for axis, margin in enumerate(rng.integers(0, CELLS, 2) * rng.integers(2)):
            np.moveaxis(given, 1 + axis, 0)[CELL_PX * (side - margin) :] = 0  # as pictures are padded that are read
        return given, wanted

    def _stacked(self, examples) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        codes, local, wide = [], [], []
        for number, cells, (down, across) in examples:
            steps = np.s_[:: 1 - 2 * down, :: 1 - 2 * across]
            code, here, around = (part[steps] for part in self.sections.example(number, cells))
            codes.append(code * FLIPPED if down != across else code)
            local.append((here - self.scales[0][0]) / self.scales[0][1])
            wide.append((around - self.scales[1][0]) / self.scales[1][1])
        return np.stack(codes), (np.stack(local), np.stack(wide))

    def fit(self, progress: Progress) -> None:
        """Train up to the last step, from wherever the run stands."""
        if self.step == self.last:
            return
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(self.batch, self.step)
            began, losses = time.perf_counter(), []
            while self.step < self.last:
                given, wanted = coming.result()
                coming = pool.submit(self.batch, self.step + 1)
                losses.append(float(self.model.train_on_batch(given, list(wanted))[0]))
                self.step += 1
                progress(self.step, self.last)
                if self.step % self.recipe["checkpoint_every"] == 0 or self.step == self.last:
                    seconds = time.perf_counter() - began
                    self.history.append({"step": self.step, "loss": losses[-1], "seconds": seconds} | self.explained())
                    self._save()
                    began = time.perf_counter()

    def explained(self) -> dict[str, float]:
        """Share of the variance of each structure that the network explains, over the sections that validate."""
        squares, batch = [], self.recipe["batch_size"]
        held = range(self.sections.trained, len(self.sections.pictures))
        for start in range(0, len(held), batch):
            given, wanted = self._stacked((number, WHOLE, (0, 0)) for number in held[start : start + batch])
            found = self.model.predict_on_batch(given)
            squares.append([((a - b) ** 2).mean(axis=(0, 1, 2)) for a, b in zip(found, wanted, strict=True)])
        errors = np.concatenate([np.mean(each, axis=0) for each in zip(*squares, strict=True)])
        if not np.isfinite(errors).all():
            raise ModelError(f"training diverged before step {self.step}; lower the learning rate and start anew")
        return dict(zip(_explained_names(), (1 - errors).tolist(), strict=True))

    def finished(self) -> keras.Model:
        """Give the network, float32 and not compiled, that gives local structure in natural units."""
        model = network.build()
        checkpoints.assign(model.variables, checkpoints.values_of(self.model.variables))
        (mean, sd), (kernel, bias) = self.scales[0], model.get_layer("local_read").variables
        bias.assign(keras.ops.convert_to_numpy(bias) * sd + mean)
        kernel.assign(keras.ops.convert_to_numpy(kernel) * sd)
        return model

    def _rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, *key))

    def _save(self) -> None:
        arrays = {"weights": self.model.variables, "moments": self.model.optimizer.variables}
        about = {"step": self.step, "history": self.history, "of": self._identity()}
        values = {name: checkpoints.values_of(variables) for name, variables in arrays.items()}
        checkpoints.write_checkpoint(self.out / CHECKPOINT, about, values | {"scales": self.scales})
        with paths.atomic(self.out / HISTORY) as temporary:
            pd.DataFrame(self.history).to_csv(temporary, index=False)

    def _restore(self) -> None:
        about, arrays = checkpoints.read_checkpoint(self.out / CHECKPOINT)
        with structured.restoring(self.out / CHECKPOINT):
            checkpoints.must_be_of(self.out / CHECKPOINT, about["of"], self._identity())
            checkpoints.assign(self.model.variables, arrays["weights"])
            checkpoints.assign(self.model.optimizer.variables, arrays["moments"])
            self.step, self.history, self.scales = about["step"], about["history"], arrays["scales"]

    def _identity(self) -> dict[str, Any]:
        return {"recipe": self.recipe, "seed": self.seed}


def _mean_and_sd(targets: np.ndarray) -> np.ndarray:
    """Mean and standard deviation `(2, K)` float32 of targets `(..., K)`."""
    flat = targets.reshape(-1, targets.shape[-1])
    sd = flat.std(axis=0, dtype=np.float64)
    return np.stack([flat.mean(axis=0, dtype=np.float64), np.maximum(sd, 1e-6)]).astype(np.float32)


def _explained_names() -> list[str]:
    return [*structure.LOCAL, *structure.WIDE]
