"""The reference engine: the Keras model itself, on whichever backend Keras runs."""

import numpy as np

from enamel_lib import images
from enamel_lib.inference.base import Predictor


class KerasPredictor(Predictor):
    """The reference, in float32."""

    engine = "keras"

    def _predict(self, batch: np.ndarray) -> np.ndarray:
        pixels = np.zeros((self.batch_size, *batch.shape[1:]), np.float32)  # always so many: a new shape compiles anew
        pixels[: len(batch)] = images.to_float(batch)
        return self._model.predict_on_batch(pixels)[: len(batch), 0]
