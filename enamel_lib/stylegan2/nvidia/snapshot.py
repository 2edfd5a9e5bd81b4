"""Read networks that NVIDIA's code saved, without TensorFlow 1 or PyTorch and without running anything in the file."""

import math
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from enamel_lib.errors import ModelError
from enamel_lib.stylegan2.discriminator import Discriminator
from enamel_lib.stylegan2.generator import RESAMPLE_FILTER, Generator
from enamel_lib.stylegan2.nvidia import torch_snapshot

NUMBER_TYPES = ("f2", "f4", "f8", "i4", "i8")  # that a file may hold
FORMAT_VERSIONS = (4, 5)  # StyleGAN2, and its branch ADA
MAX_SIDE = 1024  # px; a small file must not ask for a large network
# Arguments that do not change what a finished network computes, or that the shapes of its weights tell anyway.
# fmt: off
IGNORED_ARGUMENTS = {
    "num_channels", "resolution", "label_size", "fmap_base", "fmap_decay", "fmap_min", "fmap_max", "latent_size",
    "dlatent_size", "mapping_fmaps", "mapping_layers", "dlatent_broadcast", "dlatent_avg_beta", "style_mixing_prob",
    "truncation_psi", "truncation_cutoff", "randomize_noise", "dtype", "fused_modconv", "num_fp16_res", "conv_clamp",
    "freeze_layers", "resample_kernel", "mbstd_group_size",  # the last two do, and are heeded
}
# fmt: on
# Arguments of which only one value is known here; that of the architecture depends on the network.
KNOWN_VALUES = {"mapping_lrmul": 0.01, "mapping_nonlinearity": "lrelu", "nonlinearity": "lrelu"}
KNOWN_VALUES |= {"mbstd_num_features": 1, "normalize_latents": True, "use_noise": True}


def import_snapshot(path: str | os.PathLike) -> tuple[Generator, Discriminator, Generator]:
    """Convert `network-snapshot-*.pkl` of StyleGAN2, or of its ADA branch for TensorFlow or PyTorch.

    Gives generator, discriminator, and the generator's moving average, which makes the better images. Nothing in the
    file is executed: of the names it may ask for, all stand for inert substitutes, and every other is refused. A
    `ModelError` tells that the file is missing, damaged, no such snapshot, asks for another name or holds another
    architecture.
    """
    path = Path(path)
    saved = _load(path)
    if isinstance(saved, dict):
        saved = tuple(saved.get(name) for name in ("G", "D", "G_ema"))
    if not (isinstance(saved, tuple) and len(saved) == 3 and all(map(_is_network, saved))):
        raise ModelError(
            f"{path} is no StyleGAN2 snapshot: it does not hold three networks, G, D and Gs (in PyTorch's G_ema)"
        )
    made = []
    for network, convert in zip(saved, (_generator, _discriminator, _generator), strict=True):
        try:
            made.append(convert(network))
        except ModelError as error:
            raise ModelError(f"{path}: {error}") from None
        except Exception as error:  # whatever the converter stumbles over in a file that holds anything else
            raise ModelError(f"{path} is no StyleGAN2 snapshot ({type(error).__name__}: {error})") from None
    return tuple(made)


class _Numbers:
    """Stands in for `numpy.dtype`: a type of numbers, and its byte order."""

    __slots__ = ("dtype",)

    def __init__(self, code: str, *_: Any) -> None:
        if code not in NUMBER_TYPES:
            raise ValueError(f"arrays of {code!r}, not of numbers")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands in for an array that its state fills."""

    __slots__ = ("value",)

    def __setstate__(self, state: tuple) -> None:
        _, shape, numbers, fortran, content = state
        order = "F" if fortran else "C"
        self.value = np.frombuffer(content, numbers.dtype).reshape(shape, order=order).astype(np.float32)


class _Unpickler(pickle.Unpickler):
    """Knows a dozen names. What they stand for is made anew for each file, so that a file cannot change it for good."""

    def __init__(self, file: Any) -> None:
        super().__init__(file)

        def scalar(numbers: _Numbers, content: bytes) -> np.ndarray:
            return np.frombuffer(content, numbers.dtype).reshape(()).astype(np.float32)

        self._known = {
            ("dnnlib.tflib.network", "Network"): type("Network", (), {}),
            ("numpy.core.multiarray", "_reconstruct"): lambda *_: _Array(),
            ("numpy.core.multiarray", "scalar"): scalar,
            ("numpy", "ndarray"): None,  # only handed to _reconstruct
            ("numpy", "dtype"): lambda *arguments: _Numbers(*arguments),
        } | torch_snapshot.known_names()

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._known:
            raise torch_snapshot.Refused(f"{module}.{name}")
        return self._known[module, name]

    def persistent_load(self, key: Any) -> Any:
        raise pickle.UnpicklingError(f"object {key!r} is kept elsewhere")


def _load(path: Path) -> Any:
    if not path.is_file():
        raise ModelError(f"no snapshot {path}")
    try:
        with path.open("rb") as file:
            return _Unpickler(file).load()
    except torch_snapshot.Refused as refused:
        raise ModelError(f"{path} asks for {refused}, which no StyleGAN2 snapshot needs: refused") from None
    except Exception as error:  # a damaged pickle can raise anything
        raise ModelError(f"{path} is damaged, or no StyleGAN2 snapshot ({type(error).__name__}: {error})") from None


def _is_network(part: Any) -> bool:
    return isinstance(part, torch_snapshot.Module) or hasattr(part, "static_kwargs")


def _generator(network: Any) -> Generator:
    values, arguments = _contents(network, "skip")
    labels, label_name = 0, "mapping/LabelConcat/weight"
    if "mapping/LabelEmbed/weight" in values:
        raise ModelError("generators of the ADA branch with labels cannot be imported")
    if label_name in values:
        labels = len(values[label_name])
    depth = sum(name.startswith("mapping/Dense") and name.endswith("weight") for name in values)
    first, last = (values[f"mapping/Dense{index}/weight"].shape for index in (0, depth - 1))
    sides = _sides(values, "synthesis/{0}x{0}/ToRGB/weight", 4)
    generator = Generator(
        resolution=max(sides),
        **_widths({side: values[f"synthesis/{side}x{side}/ToRGB/weight"].shape[2] for side in sides}),
        latent_dim=first[0] // (2 if labels else 1),
        style_dim=last[1],
        labels=labels,
        mapping_layers=depth,
        mapping_dim=first[1],
        resample_filter=_taps(arguments),
    )
    _fill(generator_names(generator), values)
    return generator


def _discriminator(network: Any) -> Discriminator:
    values, arguments = _contents(network, "resnet")
    if any("Label" in name or "apping" in name for name in values):
        raise ModelError("discriminators of the ADA branch with labels cannot be imported")
    sides = _sides(values, "{0}x{0}/Skip/weight", 8)
    widths = {4: values["4x4/Conv/weight"].shape[3]}
    widths |= {side: values[f"{side}x{side}/Skip/weight"].shape[2] for side in sides}
    outputs = values["Output/weight"].shape[1]
    discriminator = Discriminator(
        resolution=max(sides),
        **_widths(widths),
        labels=outputs if arguments.get("label_size", 0) else 0,
        group=int(arguments.get("mbstd_group_size", 4)),
        resample_filter=_taps(arguments),
    )
    _fill(_discriminator_names(discriminator), values)
    return discriminator


def _contents(network: Any, architecture: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Give values by name, those of the parts under the part's name, and the arguments, all of them known."""
    if isinstance(network, torch_snapshot.Module):
        return torch_snapshot.contents(network, architecture)
    if network.version not in FORMAT_VERSIONS:
        raise ModelError(f"version {network.version} of the format is unknown")
    arguments, known = dict(network.static_kwargs), KNOWN_VALUES | {"architecture": architecture}
    for name, value in arguments.items():
        if name not in IGNORED_ARGUMENTS and not (name in known and value == known[name]):
            raise ModelError(f"argument {name}={value!r} is not supported")
    values = {}
    for name, value in network.variables:
        values[name] = np.asarray(getattr(value, "value", value), np.float32)
    for part, content in network.components.items():
        of_part, its_arguments = _contents(content, architecture)
        values |= {f"{part}/{name}": value for name, value in of_part.items()}
        arguments = its_arguments | arguments
    return values, arguments


def _sides(values: dict[str, np.ndarray], name: str, smallest: int) -> list[int]:
    """Resolutions that have a variable of that name."""
    sides = []
    while name.format(smallest << len(sides)) in values:
        sides.append(smallest << len(sides))
    if not sides or sides[-1] > MAX_SIDE:
        raise ModelError(f"variable {name.format(smallest << len(sides))} is missing, or too large")
    return sides


def _widths(channels: dict[int, int]) -> dict[str, int]:
    """Give `fmap_base` and `fmap_max` that lead to these channels per resolution."""
    return {"fmap_base": max(math.ceil(c * side / 2) for side, c in channels.items()), "fmap_max": channels[4]}


def _taps(arguments: dict[str, Any]) -> tuple[float, ...]:
    taps = arguments.get("resample_kernel", RESAMPLE_FILTER)
    values = np.asarray(getattr(taps, "value", taps), np.float64)
    if values.ndim != 1 or len(values) < 2 or not values.sum():
        raise ModelError(f"argument resample_kernel={taps!r} is no list of two or more taps")
    return tuple(values.tolist())


Names = Iterator[tuple[str, keras.Variable]]


def _fill(names: Names, values: dict[str, np.ndarray]) -> None:
    """Give each variable its value; any that is missing, left over or of another shape is an error."""
    left = dict(values)
    left.pop("lod", None)  # of the growing of earlier networks; without effect
    for name, variable in names:
        if name not in left:
            raise ModelError(f"variable {name} is missing")
        value = left.pop(name)
        if value.ndim == 4 and name.rpartition("/")[2] != "weight":
            value = value.transpose(0, 2, 3, 1)  # images; kernels have the channels last already
        if value.shape != tuple(variable.shape):
            raise ModelError(f"variable {name} has shape {value.shape}, but must have {tuple(variable.shape)}")
        if not np.isfinite(value).all():
            raise ModelError(f"variable {name} is not finite")
        variable.assign(value)
    if left:
        raise ModelError(f"variable {next(iter(left))} is unknown")


def generator_names(generator: Generator) -> Names:
    """Variables of a generator with their names in a snapshot."""
    yield "dlatent_avg", generator.w_avg
    if generator.label_weight is not None:
        yield "mapping/LabelConcat/weight", generator.label_weight
    for index, dense in enumerate(generator.dense):
        yield from _named(f"mapping/Dense{index}", dense, "weight", "bias")
    yield "synthesis/4x4/Const/const", generator.constant
    names = ["4x4/Conv"]
    for index, layer in enumerate(generator.to_rgb):
        block = f"{4 << index}x{4 << index}"
        names += [f"{block}/Conv0_up", f"{block}/Conv1"] if index else []
        yield from _named(f"synthesis/{block}/ToRGB", layer, "weight", "mod_weight", "mod_bias", "bias")
    for index, (name, conv) in enumerate(zip(names, generator.convs, strict=True)):
        yield f"synthesis/noise{index}", conv.noise
        yield from _named(f"synthesis/{name}", conv, "weight", "mod_weight", "mod_bias", "noise_strength", "bias")


def _discriminator_names(discriminator: Discriminator) -> Names:
    side = discriminator.resolution
    yield from _named(f"{side}x{side}/FromRGB", discriminator.from_rgb, "weight", "bias")
    for conv, down, skip in discriminator.blocks:
        yield from _named(f"{side}x{side}/Conv0", conv, "weight", "bias")
        yield from _named(f"{side}x{side}/Conv1_down", down, "weight", "bias")
        yield from _named(f"{side}x{side}/Skip", skip, "weight")
        side //= 2
    yield from _named("4x4/Conv", discriminator.conv, "weight", "bias")
    yield from _named("4x4/Dense0", discriminator.dense, "weight", "bias")
    yield from _named("Output", discriminator.output_dense, "weight", "bias")


def _named(prefix: str, layer: keras.Layer, *kinds: str) -> Names:
    for kind in kinds:
        yield f"{prefix}/{kind}", getattr(layer, kind)
