"""Files of networks: what is in them is weights and a plan, and never run."""

import base64
import itertools
import json
import marshal
import pickle
import zipfile

import keras
import pytest

from enamel_lib import models
from enamel_lib.errors import ModelError


def hostile(trace):
    """Objects in a plan that would leave a trace if they were called, or read what is not theirs."""
    touch = f"touch {trace}"
    code = compile(f"__import__('os').system({touch!r})", "", "eval")
    lambda_ = {"code": base64.b64encode(marshal.dumps(code)).decode(), "defaults": None, "closure": None}
    pickled = base64.b64encode(pickle.dumps(Runs(touch))).decode()
    function = {"class_name": "__lambda__", "config": {"value": lambda_}}
    return [
        {"module": "keras.layers", "class_name": "Lambda", "config": {"function": function}},
        {"module": "keras.layers", "class_name": "Lambda", "config": {"function": function, "arguments": {"x": 1}}},
        {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"module": pickled}},
        {"module": "os", "class_name": "system", "config": {"command": touch}},
        {"module": "posix", "class_name": "system", "config": touch},
        {"module": "subprocess", "class_name": "Popen", "config": {"args": touch.split()}},
        {"module": "builtins", "class_name": "eval", "config": {"source": touch}},
        {"module": "builtins", "class_name": "function", "config": "eval"},
        {"module": "builtins", "class_name": "open", "config": {"file": str(trace), "mode": "w"}},
        {"module": "pathlib", "class_name": "Path.touch", "config": {"self": str(trace)}},
        {"module": "keras.utils", "class_name": "get_file", "config": {"fname": str(trace), "origin": "file:///etc/a"}},
        {"module": "keras.config", "class_name": "enable_unsafe_deserialization", "config": {}},
        {"module": "keras.saving", "class_name": "load_model", "config": {"filepath": str(trace), "safe_mode": False}},
        {"module": "numpy", "class_name": "fromfile", "config": {"file": "/etc/hosts"}},
        {"class_name": "__lambda__", "config": {"value": lambda_}},
    ]


class Runs:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return __import__("os").system, (self.command,)


def as_model(thing):
    return thing


def as_layer(thing):
    first = {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 2], "name": "in"}}
    config = {"name": "net", "layers": [first, thing]}
    return {"module": "keras", "class_name": "Sequential", "config": config}


def as_activation(thing):
    dense = {"name": "dense", "units": 1, "activation": thing}
    return as_layer({"module": "keras.layers", "class_name": "Dense", "config": dense})


def test_nothing_in_a_file_is_run(tmp_path):
    trace, path = tmp_path / "trace", tmp_path / "model.keras"
    for place, thing in itertools.product((as_model, as_layer, as_activation), hostile(trace)):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", json.dumps(place({"registered_name": None} | thing)))
            archive.writestr("metadata.json", json.dumps({"keras_version": keras.__version__}))
            archive.writestr("model.weights.h5", b"")
            archive.writestr("../trace", b"out of the folder")
        with pytest.raises(ModelError):
            models.load(path)
        assert [each.name for each in tmp_path.iterdir()] == ["model.keras"], thing
        assert not (tmp_path.parent / "trace").exists()
