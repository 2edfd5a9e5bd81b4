"""Import TensorFlow without its start-up chatter, which stands in red under a notebook's first cell.

The log level holds for what TensorFlow says later. What it says while it loads comes before any level is read, so its
import alone gets a standard error that leads nowhere. `TF_CPP_MIN_LOG_LEVEL=0` lets everything be heard.
"""

import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class QuietImport:
    """Finder that comes before all others, for one module and once."""

    @classmethod
    def find_spec(cls, name: str, *_: Any) -> ModuleSpec | None:
        """Find TensorFlow as anybody would, but load it with file descriptor 2 closed."""
        if name != "tensorflow":
            return None
        sys.meta_path.remove(cls)
        spec = importlib.util.find_spec(name)

        def load(module: ModuleType) -> None:
            saved = os.dup(2)
            try:
                with open(os.devnull, "wb") as nowhere:
                    os.dup2(nowhere.fileno(), 2)
                    type(spec.loader).exec_module(spec.loader, module)
            finally:
                os.dup2(saved, 2)
                os.close(saved)

        if spec:
            spec.loader.exec_module = load
        return spec


if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3":  # only of fatal errors, unless the user asks for more
    sys.meta_path.insert(0, QuietImport)
