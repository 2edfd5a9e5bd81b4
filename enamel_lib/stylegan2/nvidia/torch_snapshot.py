"""Networks that NVIDIA's PyTorch code saved (StyleGAN2-ADA), as the TensorFlow code would have saved them.

Such a file holds modules, each with the source of its class, which is never looked at; what counts are the tensors and
a few settings. PyTorch is not needed: a tensor is a stretch of a storage, and a storage is a short file in the file.
"""

import io
import math
import re
import reprlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from enamel_lib.errors import ModelError
from enamel_lib.stylegan2.generator import MAPPING_RATE, MOST_TAPS
from enamel_lib.stylegan2.nvidia import pickles

STORAGES = {"HalfStorage": "f2", "FloatStorage": "f4", "DoubleStorage": "f8", "IntStorage": "i4", "LongStorage": "i8"}
HEADER = (0x1950A86A20F9469CFC6C, 1001)  # with which a storage's file begins
# Settings that change what a network computes, and their only value known here; no part has all of them.
KNOWN_VALUES = {"activation": "lrelu", "use_noise": True, "num_channels": 1}  # the last of the minibatch deviation
PARTS_WITHOUT_ACTIVATION = ("affine", "skip", "out", "embed")
# What tensors are called in TensorFlow's code: first layers, then what is in them.
TENSOR_NAMES = {
    r"^mapping\.w_avg$": "dlatent_avg",
    r"^mapping\.embed": "mapping/LabelEmbed",
    r"^mapping\.fc(\d+)": r"mapping/Dense\1",
    r"^synthesis\.b4\.const$": "synthesis/4x4/Const/const",
    r"^synthesis\.b4\.conv1": "synthesis/4x4/Conv",
    r"^synthesis\.b(\d+)\.conv0": r"synthesis/\1x\1/Conv0_up",
    r"^synthesis\.b(\d+)\.conv1": r"synthesis/\1x\1/Conv1",
    r"^synthesis\.b(\d+)\.torgb": r"synthesis/\1x\1/ToRGB",
    r"^b4\.conv": "4x4/Conv",
    r"^b4\.fc": "4x4/Dense0",
    r"^b4\.out": "Output",
    r"^b(\d+)\.fromrgb": r"\1x\1/FromRGB",
    r"^b(\d+)\.conv0": r"\1x\1/Conv0",
    r"^b(\d+)\.conv1": r"\1x\1/Conv1_down",
    r"^b(\d+)\.skip": r"\1x\1/Skip",
    r"\.affine\.(weight|bias)$": r"/mod_\1",
    r"\.(weight|bias|noise_strength)$": r"/\1",
}


class Module:
    """Stands in for a module: what it holds, by name."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def named(self, prefix: str = "") -> Iterator[tuple[str, "Module"]]:
        """Give this module and all those in it, each with its path."""
        yield prefix, self
        for name, part in self.content["_modules"].items():
            if part is not None:
                yield from part.named(f"{prefix}.{name}" if prefix else name)

    def tensors(self) -> dict[str, np.ndarray]:
        """Give the module's own parameters and buffers."""
        own = self.content["_parameters"] | self.content["_buffers"]
        return {name: tensor for name, tensor in own.items() if tensor is not None}


def known_names(allowance: pickles.Allowance) -> dict[pickles.Name, Callable]:
    """Give what the names in such a file stand for: inert, and made anew for each file."""

    def module(meta: dict[str, Any]) -> Module:
        if not isinstance(meta.get("state"), dict):
            raise ValueError("a network without its state: it was not saved by NVIDIA's persistence")
        return Module(meta["state"])

    def parameter(data: np.ndarray, *_: Any) -> np.ndarray:
        return data

    return {
        ("torch_utils.persistence", "_reconstruct_persistent_obj"): module,
        ("torch._utils", "_rebuild_parameter"): parameter,
        ("torch._utils", "_rebuild_tensor_v2"): lambda *arguments: _tensor(allowance, *arguments),
        ("torch.storage", "_load_from_bytes"): lambda content: _storage(content),
        ("collections", "OrderedDict"): type("OrderedDict", (dict,), {}),
        ("dnnlib.util", "EasyDict"): type("EasyDict", (dict,), {}),
        ("builtins", "set"): lambda *_: None,
    }


def _tensor(
    allowance: pickles.Allowance, storage: np.ndarray, offset: int, size: tuple, stride: tuple, *_: Any
) -> np.ndarray:
    """Cut a tensor out of a storage, as float32; one that reaches beyond it is refused."""
    size, stride = tuple(map(int, size)), tuple(map(int, stride))
    if not isinstance(storage, np.ndarray) or storage.ndim != 1:
        raise ValueError("a tensor of something else than a storage")
    last = offset + sum((count - 1) * step for count, step in zip(size, stride, strict=True))
    if min((offset, *size, *stride)) < 0 or math.prod(size) > len(storage) or last >= len(storage):
        raise ValueError(f"a tensor of {size} reaches beyond its storage")
    allowance.take(math.prod(size))
    bytes_apart = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, bytes_apart).astype(np.float32)


def _storage(content: bytes) -> np.ndarray:
    """Read the file of one storage: header, types of the machine, what it is, its key, length and numbers."""
    known = {("torch", name): numbers for name, numbers in STORAGES.items()}
    file = io.BytesIO(content)
    *header, machine, (_, numbers, _, _, count, _), _ = (
        pickles.read(file, known, persistent=lambda key: key) for _ in range(5)
    )
    if tuple(header) != HEADER or not machine["little_endian"]:
        raise ValueError("a storage of another format")
    return np.frombuffer(content, np.dtype(numbers).newbyteorder("<"), count, file.tell() + 8)


def contents(network: Module, architecture: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Give values and arguments as a TensorFlow snapshot names and lays them out.

    Settings and filters that are not supported are a `ModelError`.
    """
    values, arguments = {}, {}
    for path, module in network.named():
        if path == "synthesis.input":
            raise ModelError("this is a network of StyleGAN3; only those of StyleGAN2 are read")
        _check(path, module.content, architecture)
        if path.startswith("mapping.fc"):
            arguments["mapping_lrmul"] = MAPPING_RATE
        if path.endswith("mbstd"):
            arguments["mbstd_group_size"] = module.content["group_size"]
        for own, tensor in module.tensors().items():
            if own != "resample_filter":
                name = _name(f"{path}.{own}")
                values[name] = _laid_out(name, tensor)
            elif module.content.get("up") != 1 or module.content.get("down", 1) != 1:  # else it is not used
                arguments["resample_kernel"] = _taps(path, tensor, arguments.get("resample_kernel"))
    return values, arguments


def _check(path: str, content: dict[str, Any], architecture: str) -> None:
    wanted = KNOWN_VALUES | {"architecture": architecture}
    if path.rpartition(".")[2] in PARTS_WITHOUT_ACTIVATION:
        wanted["activation"] = "linear"
    if path == "mapping.embed":
        wanted["bias_gain"] = 1
    if path.startswith("mapping.fc"):
        wanted["bias_gain"] = MAPPING_RATE  # the multiplier of the learning rate
    for key, value in wanted.items():
        if content.get(key, value) != value:
            raise ModelError(f"{path or 'the network'}: {key}={reprlib.repr(content[key])} is not supported")


def _taps(path: str, kernel: np.ndarray, before: list[float] | None) -> list[float]:
    """Give the taps of a filter, which along both axes and in all layers must be the same."""
    if kernel.ndim != 2 or len(set(kernel.shape)) > 1 or len(kernel) > MOST_TAPS:
        raise ModelError(f"the filter of {path} is not supported")
    taps = kernel.sum(axis=0)
    if not np.allclose(np.outer(taps, taps), kernel) or (before and not np.allclose(taps, before)):
        raise ModelError(f"the filter of {path} is not supported")
    return taps.tolist()


def _name(path: str) -> str:
    """Give the name that a tensor has in TensorFlow's code; an unknown one keeps its own, and is refused by that."""
    if found := re.fullmatch(r"synthesis\.b(\d+)\.conv([01])\.noise_const", path):
        return f"synthesis/noise{2 * math.log2(int(found[1])) - 5 + int(found[2]):.0f}"
    for pattern, name in TENSOR_NAMES.items():
        path = re.sub(pattern, name, path)
    return path


def _laid_out(name: str, tensor: np.ndarray) -> np.ndarray:
    """Turn a tensor, outputs first, into that of TensorFlow's code, where they come last."""
    if name.endswith("Const/const"):
        return tensor[None]
    if name.startswith("synthesis/noise"):
        return tensor[None, None]
    if name.endswith("mod_bias"):
        return tensor - 1  # here the 1 about which styles vary is in the bias
    if name.endswith("Conv0_up/weight"):
        tensor = tensor[:, :, ::-1, ::-1]  # here the only kernel that is flipped when it is applied
    return tensor.transpose(2, 3, 1, 0) if tensor.ndim == 4 else tensor.T
