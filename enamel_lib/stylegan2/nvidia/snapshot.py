"""Read networks that NVIDIA's code saved, without TensorFlow 1 or PyTorch and without running anything in the file."""

import math
import os
import re
import reprlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from enamel_lib.errors import InputError, ModelError
from enamel_lib.stylegan2.discriminator import Discriminator
from enamel_lib.stylegan2.generator import MAPPING_RATE, RESAMPLE_FILTER, Generator
from enamel_lib.stylegan2.nvidia import arrays, pickles, torch_snapshot

FORMAT_VERSIONS = (4, 5)  # StyleGAN2, and its branch ADA
MAX_SIDE = 1024  # px; a small file must not ask for a large network
# Arguments that do not change what a finished network computes, or that the shapes of its weights tell anyway.
# fmt: off
IGNORED_ARGUMENTS = {
    "num_channels", "resolution", "label_size", "fmap_base", "fmap_decay", "fmap_min", "fmap_max", "latent_size",
    "dlatent_size", "mapping_fmaps", "label_fmaps", "mapping_layers", "dlatent_broadcast", "dlatent_avg_beta",
    "style_mixing_prob", "truncation_psi", "truncation_cutoff", "randomize_noise", "dtype", "fused_modconv",
    "num_fp16_res", "conv_clamp", "freeze_layers",
    "resample_kernel", "mbstd_group_size",  # these two do, and are heeded
}
# fmt: on
# Arguments of which only one value is known here; that of the architecture depends on the network.
KNOWN_VALUES = {"mapping_lrmul": MAPPING_RATE, "mapping_nonlinearity": "lrelu", "nonlinearity": "lrelu"}
KNOWN_VALUES |= {"mbstd_num_features": 1, "normalize_latents": True, "use_noise": True}


def import_snapshot(path: str | os.PathLike) -> tuple[Generator | None, Discriminator | None, Generator]:
    """Convert `network-snapshot-*.pkl` of StyleGAN2, or of its ADA branch for TensorFlow or PyTorch.

    Gives generator, discriminator, and the generator's moving average, which makes the better images; the first two are
    None where the file holds the last only. Nothing in the file is executed: of the names it may ask for, all stand for
    inert substitutes, and every other is refused. A `ModelError` tells that the file is missing, damaged, no such
    snapshot, asks for another name or holds another architecture.
    """
    path = Path(path)
    return tuple(map(_converted, [path] * 3, _networks(path), (_generator, _discriminator, _generator)))


def import_average(path: str | os.PathLike) -> Generator:
    """Convert only the moving average of a snapshot; see `import_snapshot`."""
    path = Path(path)
    return _converted(path, _networks(path)[2], _generator)


def _networks(path: Path) -> tuple[Any, Any, Any]:
    """Read G, D and Gs (in PyTorch's G_ema), the first two None where the file has the last only."""
    saved = pickles.load(path, _known_names)
    if isinstance(saved, dict):
        saved = tuple(saved.get(name) for name in ("G", "D", "G_ema"))
    elif _is_network(saved):
        saved = None, None, saved
    sound = isinstance(saved, tuple) and len(saved) == 3 and _is_network(saved[2])
    if not sound or not all(part is None or _is_network(part) for part in saved):
        raise ModelError(
            f"{path} is no StyleGAN2 snapshot: it does not hold G, D and Gs (in PyTorch's G_ema), or only the last"
        )
    return saved


def _converted(path: Path, network: Any, convert: Callable) -> Generator | Discriminator | None:
    if network is None:
        return None
    try:
        return convert(network)
    except (ModelError, InputError) as error:
        raise ModelError(f"{path}: {error}") from None
    except Exception as error:  # whatever the converter stumbles over in a file that holds anything else
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        raise ModelError(f"{path} is no StyleGAN2 snapshot ({reason})") from None


def _known_names(allowance: pickles.Allowance) -> dict[pickles.Name, Any]:
    """Give what names in a snapshot stand for, made anew for each file, so that a file cannot change it for good."""
    network = {("dnnlib.tflib.network", "Network"): type("Network", (), {})}
    return network | arrays.known_names(allowance) | torch_snapshot.known_names(allowance)


def _is_network(part: Any) -> bool:
    return isinstance(part, torch_snapshot.Module) or hasattr(part, "static_kwargs")


def _generator(network: Any) -> Generator:
    values, arguments = _contents(network, "skip")
    labels, embedding = _labels(values)
    depth = sum(name.startswith("mapping/Dense") and name.endswith("weight") for name in values)
    first, last = (values[f"mapping/Dense{index}/weight"].shape for index in (0, depth - 1))
    sides = _sides(values, "synthesis/{0}x{0}/ToRGB/weight", 4)
    colours = {side: values[f"synthesis/{side}x{side}/ToRGB/weight"].shape for side in sides}
    widths = {side: shape[2] for side, shape in colours.items()}
    most = max(*widths.values(), last[1])
    _must_hold(values, 9 * max(widths.values()) ** 2, last[1] * most, depth * first[1] ** 2)
    generator = Generator(
        resolution=max(sides),
        **_widths(widths),
        channels=colours[4][3],
        latent_dim=first[0] - embedding if embedding else first[0] // (2 if labels else 1),
        style_dim=last[1],
        labels=labels,
        embedding=embedding,
        mapping_layers=depth,
        mapping_dim=first[1],
        resample_filter=_taps(arguments),
    )
    _fill(generator_names(generator), values)
    return generator


def _discriminator(network: Any) -> Discriminator:
    values, arguments = _contents(network, "resnet")
    # TensorFlow's code has no part for what maps the labels
    values = {re.sub("^(LabelEmbed|Mapping(?=[0-9]))", _mapped, name): value for name, value in values.items()}
    labels, embedding = _labels(values)
    sides = _sides(values, "{0}x{0}/Skip/weight", 8)
    widths = {4: values["4x4/Conv/weight"].shape[3]}
    widths |= {side: values[f"{side}x{side}/Skip/weight"].shape[2] for side in sides}
    first, outputs = f"{max(sides)}x{max(sides)}/FromRGB/weight", values["Output/weight"].shape[1]
    if first not in values:
        raise ModelError(f"variable {first} is missing")
    depth = sum(name.startswith("mapping/Dense") and name.endswith("weight") for name in values)
    if depth and "mapping_lrmul" not in arguments:
        raise ModelError("the rate at which the discriminator's mapping of labels learned is not supported")
    _must_hold(values, 9 * max(widths.values()) ** 2, depth * embedding**2)
    discriminator = Discriminator(
        resolution=max(sides),
        **_widths(widths),
        channels=values[first].shape[2],
        labels=labels or (outputs if arguments.get("label_size", 0) else 0),
        embedding=embedding,
        mapping_layers=depth,
        group=int(arguments.get("mbstd_group_size", 4)),
        resample_filter=_taps(arguments),
    )
    _fill(_discriminator_names(discriminator), values)
    return discriminator


def _mapped(found: re.Match) -> str:
    return "mapping/" + found[1].replace("Mapping", "Dense")


def _labels(values: dict[str, np.ndarray]) -> tuple[int, int]:
    """Give the number of labels, and to how many numbers they are embedded, in the ADA branch."""
    if "mapping/LabelEmbed/weight" in values:
        return values["mapping/LabelEmbed/weight"].shape
    return len(values.get("mapping/LabelConcat/weight", ())), 0


def _must_hold(values: dict[str, np.ndarray], *layers: int) -> None:
    """Refuse empty variables, and layers of more numbers than the file has, before memory is taken for them."""
    if not all(value.size for value in values.values()) or max(layers) > sum(value.size for value in values.values()):
        raise ModelError("its variables name larger layers than it holds")


def _contents(network: Any, architecture: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Give values by name, those of the parts under the part's name, and the arguments, all of them known."""
    if isinstance(network, torch_snapshot.Module):
        return torch_snapshot.contents(network, architecture)
    if network.version not in FORMAT_VERSIONS:
        raise ModelError(f"version {reprlib.repr(network.version)} of the format is unknown")
    arguments, known = dict(network.static_kwargs), KNOWN_VALUES | {"architecture": architecture}
    for name, value in arguments.items():
        if name not in IGNORED_ARGUMENTS and not (name in known and value == known[name]):
            raise ModelError(f"argument {name}={reprlib.repr(value)} is not supported")
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
    if values.ndim != 1:
        raise ModelError(f"argument resample_kernel={reprlib.repr(taps)} is no list of taps")
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
    if generator.embed is not None:
        yield from _named("mapping/LabelEmbed", generator.embed, "weight", "bias")
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
    if discriminator.embed is not None:
        yield from _named("mapping/LabelEmbed", discriminator.embed, "weight", "bias")
    for index, dense in enumerate(discriminator.mapping):
        yield from _named(f"mapping/Dense{index}", dense, "weight", "bias")
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
