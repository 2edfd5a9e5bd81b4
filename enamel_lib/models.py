"""Files of trained networks: weights in `.keras`, and beside them a model card in `.json` that holds their SHA-256."""

import hashlib
import json
import math
import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import keras
import numpy as np
from pydantic import Field

from enamel_lib import paths, structured
from enamel_lib.errors import ModelError

Range = Annotated[list[float], Field(min_length=2, max_length=2)]

keras.config.set_image_data_format("channels_last")  # whatever the user's keras.json says
keras.config.set_floatx("float32")


def load(path: Path) -> keras.Model:
    """Load a network, not compiled; a ModelError if it is not that of its card, no Keras file, or not finite.

    Its `labels_gpa` are the lowest and highest label that it learned from, GPa, or None if its card does not tell.
    """
    card = read_card(path)
    if card and card.get("sha256") != sha256(path):
        raise ModelError(f"{path} is not the file its card describes (SHA-256 differs); restore it or train it anew")
    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever its parser meets
        raise ModelError(f"{path} cannot be read as a Keras model: {str(error).partition(chr(10))[0]}") from None
    for variable in model.variables:
        if not np.isfinite(keras.ops.convert_to_numpy(variable.value)).all():
            raise ModelError(f"{path} holds weights that are no numbers (NaN or infinite); restore it or train it anew")
    said = card.get("labels_gpa")
    model.labels_gpa = tuple(structured.check(Range, said, what=str(path), error=ModelError)) if said else None
    return model


def save(model: keras.Model, path: Path, card: dict[str, Any]) -> dict[str, Any]:
    """Write a network and its card; give the card, with the number of parameters and the SHA-256 in it.

    NaN and infinity, which JSON lacks, become None.
    """
    with paths.atomic(path) as temporary:
        model.save(temporary)
    card = _without_nan(card) | {"parameters": model.count_params(), "sha256": sha256(path)}
    with paths.atomic(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(card, indent=2, allow_nan=False) + "\n")
    return card


def read_card(path: Path) -> dict[str, Any]:
    """Model card beside a `.keras` file; empty if it has none, a ModelError if it is not a JSON object."""
    card = path.with_suffix(".json")
    if not card.is_file():
        return {}
    return structured.read_json(card, dict[str, Any])


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def made_with() -> dict[str, dict[str, Any]]:
    """Hardware and versions of this process, for a model card."""
    backend = keras.backend.backend()
    hardware = {"processor": _processor(), "cores": os.cpu_count(), "devices": keras.distribution.list_devices()}
    versions = {package: version(package) for package in ("keras", backend, "numpy")}
    return {"hardware": hardware, "versions": {"python": platform.python_version(), "backend": backend} | versions}


def glorot(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Random kernel, uniform within Glorot's bound, the same on every backend of Keras."""
    *window, fan_in, fan_out = shape
    bound = math.sqrt(6 / (math.prod(window) * (fan_in + fan_out)))
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE) if info.is_file() else []
    return names[0] if names else platform.processor()


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
