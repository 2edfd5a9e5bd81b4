"""Import TensorFlow without its start-up chatter, which stands in red under a notebook's first cell.

The log level holds for what TensorFlow says later. What it says while it loads comes before any level is read, so its
import alone gets a standard error that leads nowhere. `TF_CPP_MIN_LOG_LEVEL=0` lets everything be heard.
"""

import importlib.util
import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class QuietImport(MetaPathFinder):
    """Finder that comes before all others, for one module and once."""

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        """Find TensorFlow as anybody would, but load it with file descriptor 2 closed."""
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec and spec.loader:
            load = spec.loader.exec_module
            spec.loader.exec_module = lambda module: _quietly(load, module)
        return spec


def _quietly(load: Any, module: ModuleType) -> None:
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        load(module)
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def install() -> None:
    """Let TensorFlow speak of fatal errors only, unless the user asked to hear more."""
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3":
        sys.meta_path.insert(0, QuietImport())
