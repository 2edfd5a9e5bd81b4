"""One training run: a state that moves step by step through a recipe, and its checkpoint.

Everything that changes with the steps is in one checkpoint file that is replaced in one go, and batches follow from the
seed and the step (`batches`), so a run that was killed and resumed ends like one that was not.
"""

import hashlib
import math
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import keras
import numpy as np
import pandas as pd
from pydantic import Field

from enamel_lib import checkpoints, paths, structured
from enamel_lib.checkpoints import assign, values_of
from enamel_lib.dataset.augmentation import AUGMENTATION
from enamel_lib.errors import InputError, ModelError
from enamel_lib.images import crops, in_batches
from enamel_lib.indenter import network
from enamel_lib.indenter.batches import Batches
from enamel_lib.indenter.weights import Weights, computing_in, for_training, fresh_weights
from enamel_lib.models import made_with
from enamel_lib.optimizers import Ranger

CHECKPOINT, HISTORY = "checkpoint.npz", "history.csv"
BATCHES_AHEAD = 16
Progress = Callable[[int, int], None]


class Progressed(structured.Strict):
    """Where a run stands: its step, and a row of the history for each checkpoint."""

    step: Annotated[int, Field(ge=0)]
    history: list[dict[str, bool | int | float]]


class Run:
    """One training: its data, its recipe and the state that a checkpoint holds.

    Tiles are `(N, side, side, 3)` uint8, `side` that of the last stage of the recipe (`recipe.load_recipe`); rows of
    the table have `tile_id` (index into `tiles`), the `targets` (columns to learn: `label` is hardness in GPa),
    `weight` and `split` (`train`, `val`, others). The protocol decides the augmentation (`augmentation.AUGMENTATION`).
    """

    def __init__(
        self,
        tiles: np.ndarray,
        table: pd.DataFrame,
        recipe: dict[str, Any],
        *,
        protocol: str = "audited",
        seed: int = 0,
        out: Path,
        resume: bool = False,
        anew: bool = False,
        targets: tuple[str, ...] = ("label",),
    ) -> None:
        self.tiles, self.recipe, self.seed, self.out, self.targets = tiles, recipe, seed, out, targets
        self.augmentation = AUGMENTATION[protocol]
        if recipe["stages"][-1]["size"] != tiles.shape[1]:
            raise InputError(f"recipe {recipe['name']!r} must end with a stage of size {tiles.shape[1]}, as the tiles")
        rows = table[["tile_id", *targets, "weight", "split"]]
        self.rows, held = rows[rows["split"] == "train"], table[table["split"] == "val"]
        if self.rows.empty or held.empty:
            raise InputError("the split leaves no rows to train on, or none to validate with; see `enamel dataset`")
        most = min(len(held), recipe["stages"][-1]["validation_tiles"])
        self.held = held.iloc[np.sort(np.random.default_rng(seed).permutation(len(held))[:most])]
        ends = np.cumsum([math.ceil(stage["images"] / stage["batch_size"]) for stage in recipe["stages"]]).tolist()
        self.plan = list(zip(recipe["stages"], [0, *ends], ends, strict=False))  # (stage, first step, last step)
        self.data_sha256 = _digest(tiles, rows)

        self.step, self.history = 0, []
        mean = np.average(self.rows[list(targets)], weights=self.rows["weight"], axis=0)
        first = fresh_weights(recipe["stages"][0]["size"], seed, len(targets))
        self.weights = self.best = replace(first, bias=mean.astype(np.float32))
        self.moments: list[np.ndarray] = []  # of the optimizer
        if (out / CHECKPOINT).exists() and not anew:
            if not resume:
                raise InputError(f"{out} holds a run already; resume it (--resume), or train into another folder")
            self._restore()

    def fit(self, progress: Progress | None = None) -> None:
        """Train up to the last step, from wherever the run stands; `progress` hears of every step."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for number, (stage, first, last) in enumerate(self.plan):
                if self.step < last:
                    batches = Batches(self.tiles, self.rows, stage, self.seed, number, self.augmentation, self.targets)
                    self._fit_stage(batches, first, last, pool, progress)

    def _fit_stage(
        self, batches: Batches, first: int, last: int, pool: ThreadPoolExecutor, progress: Progress | None
    ) -> None:
        stage = batches.stage
        model = self._start(stage, first, last)
        while self.step < last:
            count, began = min(stage["checkpoint_every"], last - self.step), time.perf_counter()
            part = _Part(batches, self.step - first, count, pool)
            loss = model.fit(part, shuffle=False, verbose=0, callbacks=self._report(progress)).history["loss"][0]
            seconds = time.perf_counter() - began
            self.step += count
            self.weights = Weights.of(model)
            self.moments = values_of(model.optimizer.variables)
            self._validate(model, stage, first, count, loss, seconds)

    def best_model(self) -> keras.Model:
        """Give the network, float32 and not compiled, with the weights of least validation error of the last stage."""
        model = network.build_indenter(self.tiles.shape[1])
        self.best.assign_to(model)
        return model

    def facts(self) -> dict[str, Any]:
        """What a model card says of the run."""
        history = pd.DataFrame(self.history)
        best = history[history["best"]].iloc[-1]
        return {
            "recipe": self.recipe,
            "optimizer": "Ranger",
            "seed": self.seed,
            "steps": self.step,
            "images": sum((last - first) * stage["batch_size"] for stage, first, last in self.plan),
            "best_step": int(best["step"]),
            "best_val_mse": float(best["val_mse"]),
            "seconds": round(float(history["seconds"].sum()), 1),
            **data_facts(self.tiles, self.rows),
            **made_with(),
        }

    def _start(self, stage: dict[str, Any], first: int, last: int) -> keras.Model:
        """Give the network of a stage, compiled, with the weights and the optimizer as the run has them."""
        with computing_in(stage["precision"]):
            model = for_training(network.build_indenter(stage["size"], len(self.targets)), stage["norm_momentum"])
        self.weights.grown(stage["size"]).assign_to(model)
        rate = stage["learning_rate"]
        if stage["schedule"] == "cosine":
            rate = keras.optimizers.schedules.CosineDecay(rate, last - first)
        # TensorFlow compiles convolutions for the processor into code five times slower than its own kernels
        jit = False if keras.backend.backend() == "tensorflow" else "auto"
        model.compile(Ranger(rate), "mse", jit_compile=jit)
        model.optimizer.build(model.trainable_variables)
        if self.step > first:
            assign(model.optimizer.variables, self.moments)
        return model

    def _report(self, progress: Progress | None) -> list[keras.callbacks.Callback]:
        if progress is None:
            return []
        done, total = self.step, self.plan[-1][-1]
        return [
            keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: progress(done + batch + 1, total))
        ]

    def _validate(
        self, model: keras.Model, stage: dict[str, Any], first: int, count: int, loss: float, seconds: float
    ) -> None:
        """Write down how the network does, keep it if it is the best of the stage, and save it all."""
        mse = self._error(model)
        if not (math.isfinite(mse) and math.isfinite(loss)):
            raise ModelError(f"training diverged before step {self.step}; lower the learning rate and start anew")
        rivals = [row["val_mse"] for row in self.history if row["step"] > first]
        best = mse < min(rivals, default=math.inf)
        if best:
            self.best = self.weights
        row = {
            "step": self.step,
            "size": stage["size"],
            "loss": loss,
            "val_mse": mse,
            "best": best,
            "learning_rate": float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)),
            "seconds": seconds,
            "images_per_second": count * stage["batch_size"] / seconds,
        }
        self.history.append(row)
        self._save()
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            with self._log.as_default(step=self.step):
                for key in ("loss", "val_mse", "learning_rate", "images_per_second"):
                    tf.summary.scalar(key, row[key])
            self._log.flush()

    def _error(self, model: keras.Model) -> float:
        """Mean squared error of all targets over the held-out rows, as weighted."""
        predicted = predict(model, self.tiles[self.held["tile_id"].to_numpy()])
        squares = (predicted - self.held[list(self.targets)].to_numpy()) ** 2
        return float(np.average(squares.mean(axis=1), weights=self.held["weight"]))

    @cached_property
    def _log(self) -> Any:
        import tensorflow as tf

        return tf.summary.create_file_writer(str(self.out / "tensorboard"))

    def _save(self) -> None:
        about = {"step": self.step, "history": self.history, "of": self._identity()}
        arrays = {"weights": self.weights.to_arrays(), "moments": self.moments, "best": self.best.to_arrays()}
        checkpoints.write_checkpoint(self.out / CHECKPOINT, about, arrays)
        with paths.atomic(self.out / HISTORY) as temporary:
            pd.DataFrame(self.history).to_csv(temporary, index=False)

    def _restore(self) -> None:
        path = self.out / CHECKPOINT
        about, arrays = checkpoints.read_checkpoint(path)
        with structured.restoring(path):
            checkpoints.must_be_of(path, about["of"], self._identity())
            weights, best = (Weights.from_arrays(arrays[name]) for name in ("weights", "best"))
            for before, now in ((self.weights, weights), (self.best, best)):  # the kernel grows with the window
                if [each.shape for each in before.features] != [each.shape for each in now.features]:
                    raise ModelError(f"{path}: its weights are of another network; delete it and start anew")
                now.grown(self.plan[-1][0]["size"])  # raises where the kernel is none
            state = structured.check(Progressed, {key: about[key] for key in ("step", "history")}, what=str(path))
            self.weights, self.best, self.moments = weights, best, arrays["moments"]
            self.step, self.history = state.step, state.history

    def _identity(self) -> dict[str, Any]:
        return {"recipe": self.recipe, "seed": self.seed, "data": self.data_sha256}


class _Part(keras.utils.PyDataset):
    """Some steps of a stage, for one call of `fit`, prepared ahead by threads.

    Keras' own workers are not used: on JAX they hand out a model's first batch last (seen in Keras 3.15).
    """

    def __init__(self, batches: Batches, first: int, count: int, pool: ThreadPoolExecutor) -> None:
        super().__init__(workers=1)
        self._batches, self._first, self._count, self._pool = batches, first, count, pool
        self._coming: dict[int, Future] = {}

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        for ahead in range(index, min(index + BATCHES_AHEAD, self._count)):
            if ahead not in self._coming:
                self._coming[ahead] = self._pool.submit(self._batches, self._first + ahead)
        return self._coming.pop(index).result()


def _digest(tiles: np.ndarray, rows: pd.DataFrame) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(tiles).data)
    digest.update(rows.to_csv(index=False).encode())
    return digest.hexdigest()


def data_facts(tiles: np.ndarray, rows: pd.DataFrame) -> dict[str, Any]:
    """What a model card says of the rows it was trained on."""
    return {"train_rows": len(rows), "train_tiles": rows["tile_id"].nunique(), "data_sha256": _digest(tiles, rows)}


def predict(model: keras.Model, tiles: np.ndarray) -> np.ndarray:
    """Predict tiles `(N, side, side, 3)` uint8: the mean over the windows that the model takes, `(N, outputs)`."""
    outputs = in_batches(model.predict_on_batch, crops(tiles, model.input_shape[1]))
    return outputs.reshape(len(tiles), -1, outputs.shape[1]).mean(axis=1)
