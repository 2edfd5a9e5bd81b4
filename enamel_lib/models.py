"""Files of trained networks: weights in `.keras`, and beside them a model card in `.json` that holds their SHA-256."""

import hashlib
import json
from pathlib import Path
from typing import Any

import keras

from enamel_lib import paths
from enamel_lib.errors import ModelError


def load(path: Path) -> keras.Model:
    """Load a network, not compiled, after checking it against its model card.

    Raises
    ------
    ModelError
        If the file is not the one its card describes, or no Keras file.
    """
    card = read_card(path)
    if card and card.get("sha256") != sha256(path):
        raise ModelError(f"{path} is not the file its card describes (SHA-256 differs); restore it or train it anew")
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever its parser meets
        raise ModelError(f"{path} cannot be read as a Keras model: {str(error).splitlines()[0]}") from None


def save(model: keras.Model, path: Path, card: dict[str, Any]) -> dict[str, Any]:
    """Write a network and its card; give the card, with the number of parameters and the SHA-256 in it."""
    with paths.atomic(path) as temporary:
        model.save(temporary)
    card = card | {"parameters": model.count_params(), "sha256": sha256(path)}
    with paths.atomic(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(card, indent=2, allow_nan=False) + "\n")
    return card


def read_card(path: Path) -> dict[str, Any]:
    """Model card beside a `.keras` file; empty if it has none.

    Raises
    ------
    ModelError
        If the card is not a JSON object.
    """
    card = path.with_suffix(".json")
    if not card.is_file():
        return {}
    try:
        content = json.loads(card.read_text())
    except ValueError as error:
        raise ModelError(f"model card {card} is damaged ({error}); restore it") from None
    if not isinstance(content, dict):
        raise ModelError(f"model card {card} is no JSON object; restore it")
    return content


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
