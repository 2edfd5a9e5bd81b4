"""The fast engine: OpenVINO, which computes only once what overlapping windows share."""

from collections.abc import Iterator

import keras
import numpy as np

from enamel_lib.errors import EngineError
from enamel_lib.inference.base import Place, Predictor
from enamel_lib.inference.keras_to_openvino import block_graphs, tile_graphs, total_stride
from enamel_lib.inference.runtime import Stages, native_precision

BLOCK = 16  # windows along each side of a block that shares its computation; more gains little and needs memory


class OpenVinoPredictor(Predictor):
    """The fast one: in bfloat16 where the processor computes in it, and sliding in whole blocks of windows.

    "bfloat16" is that of the deeper layers. Most of its error arises at full resolution, so the layers there stay in
    float32: the error falls about fivefold, for half the speed at most.

    Windows share where they lie multiples of `block_step` px apart, which is None where the layers reach across the
    whole window, so that there is nothing to share.
    """

    engine = "openvino"

    def __init__(self, model: keras.Model, batch_size: int, *, precision: str | None = None) -> None:
        super().__init__(model, batch_size)
        self.precision = precision or native_precision()
        self._split = self.precision == "bfloat16"
        tile_graphs(model, 1, np.uint8)  # raises where a layer has no translation
        self.block_step: int | None = total_stride(model)
        try:
            block_graphs(model, (1, 1), (self.size, self.size), np.uint8)
        except EngineError:
            self.block_step = None
        self._tiles: dict[tuple[int, type], Stages] = {}
        self._block: tuple[tuple, Stages] | None = None

    def _predict(self, batch: np.ndarray) -> np.ndarray:
        count = self.batch_size if len(batch) == self.batch_size else 1  # the last few go one by one, not padded
        key = count, batch.dtype.type
        if key not in self._tiles:
            self._tiles[key] = Stages(tile_graphs(self._model, *key, split=self._split), self.precision)
        return np.concatenate([self._tiles[key](batch[i : i + count]) for i in range(0, len(batch), count)])[:, 0]

    def _slide(self, image: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> Iterator[tuple[Place, np.ndarray]]:
        along = [_blocks(starts, self.block_step or 1) for starts in (rows, cols)]
        counts = tuple(len(blocks[0]) for blocks in along)
        # one shape for all blocks, so that one graph is compiled; what reaches beyond the picture, no kept window sees
        reach = [
            max(np.ptp(starts[block]) for block in blocks) for starts, blocks in zip((rows, cols), along, strict=True)
        ]
        # beyond a quarter of the window too little overlaps to be worth sharing
        far = any(px > (count - 1) * self.size // 4 for px, count in zip(reach, counts, strict=True))
        if self.block_step is None or far:
            yield from super()._slide(image, rows, cols)
            return
        for down in along[0]:
            for right in along[1]:
                corner = rows[down[0]], cols[right[0]]
                patch = _patch(image, corner, [self.size + px for px in reach])
                starts = [
                    np.pad(places - first, (0, count - len(places)), mode="edge")
                    for places, first, count in zip((rows[down], cols[right]), corner, counts, strict=True)
                ]
                yield np.ix_(down, right), self._predict_block(patch, *starts)[: len(down), : len(right)]

    def _predict_block(self, patch: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """Predict a grid of windows of a patch at once, `(R, C)`, computing what they share a single time.

        The sides of the patch exceed `size`, and where the windows begin, `rows` and `cols`, int64, are, by multiples
        of `block_step`.
        """
        key = (len(rows), len(cols)), patch.shape[:2], patch.dtype.type
        if self._block is None or self._block[0] != key:  # one is kept: each holds all weights, packed for its shapes
            graphs = block_graphs(self._model, *key, split=self._split)
            self._block = key, Stages(graphs, self.precision)
        return self._block[1](patch[None], every=(rows, cols)).reshape(key[0])


def _blocks(starts: np.ndarray, step: int) -> list[np.ndarray]:
    """Split the places along one axis into blocks of `BLOCK` at most that lie multiples of `step` apart: their indices.

    The blocks are equally long, but for the last of each remainder.
    """
    lattices = [np.flatnonzero(starts % step == rest) for rest in np.unique(starts % step)]
    most = max(map(len, lattices))
    length = -(-most // -(-most // BLOCK))
    blocks = [lattice[at : at + length] for lattice in lattices for at in range(0, len(lattice), length)]
    return sorted(blocks, key=len, reverse=True)


def _patch(image: np.ndarray, corner: tuple[int, int], sides: list[int]) -> np.ndarray:
    """Cut a patch; black where it leaves the picture."""
    inside = image[corner[0] : corner[0] + sides[0], corner[1] : corner[1] + sides[1]]
    beyond = [(0, side - length) for side, length in zip(sides, inside.shape, strict=False)]
    return np.pad(inside, [*beyond, (0, 0)])
