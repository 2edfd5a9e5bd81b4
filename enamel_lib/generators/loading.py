"""Which engines there are, and trained generators behind them; light, since the command line reads the choices."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from enamel_lib import paths
from enamel_lib.generators.base import ImageGenerator
from enamel_lib.inference.base import make_engine

if TYPE_CHECKING:
    from enamel_lib.stylegan2 import Generator

DEFAULT = "generator"
ENGINES = {  # an `ImageGenerator` each, made from the path of a file, or from a network if it computes those
    "keras": "enamel_lib.generators.keras:KerasGenerator",
    "openvino": "enamel_lib.generators.openvino:OpenVinoGenerator",
    "tf1": "enamel_lib.generators.tf1.client:Tf1Generator",
}
Engine = StrEnum("Engine", ["auto", *ENGINES])  # choices of the command line


def load_generator(name: str | os.PathLike = "default", *, engine: str = "auto") -> ImageGenerator:
    """Load a trained generator, after checking it against the SHA-256 in its model card (`keras.load_network`).

    `name` is "default", the name of a file in `data/models`, the path of a `.keras` file, or of a snapshot `.pkl`;
    `engine` is "keras", "openvino", "auto", which is OpenVINO where it can be used, or "tf1", TensorFlow 1.14
    (`tf1.client`). One that cannot be used here is an `EngineError`.
    """
    return make_generator(paths.model(name, DEFAULT), engine=engine)


def make_generator(source: "Generator | Path", *, engine: str = "auto") -> ImageGenerator:
    """Put a network, or that in a file, behind an engine; see `load_generator`."""
    return make_engine(ENGINES, engine, source)
