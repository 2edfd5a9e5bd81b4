"""The dense network as OpenVINO graphs of one shape, which take little memory and compute little that nobody asks for.

The first layer sees every cell alone, so it is a graph of its own that takes the code strip by strip, and no more of
it. The encoder sees a window as wide as the network's receptive field asks; the decoder needs less around the place
that is read, so it begins from a part of the window, which is an input. What comes out is the network's, but for
rounding.
"""

from dataclasses import dataclass

import keras
import numpy as np
import openvino as ov
from keras import layers
from openvino import opset13 as op

from enamel_lib.errors import EngineError

ACTIVATIONS = {keras.activations.relu: op.relu, keras.activations.linear: lambda x: x}


@dataclass(frozen=True)
class _Made:
    """Output of a layer, `(1, K, R, C)`: `step` px apart, of the whole window or of the part that is decoded."""

    node: ov.Node | ov.Output
    step: int
    part: bool = False


def translate(
    model: keras.Model, window: tuple[int, int], decoded: tuple[int, int], step: int
) -> tuple[ov.Model, ov.Model]:
    """Translate a network of `network.build` or `indenter.with_hardness`.

    Parameters
    ----------
    window, decoded
        Rows and columns of the code, and of the part that is decoded, px, multiples of `step`.
    step
        Px between the values of the widest level.

    Returns
    -------
    first
        From a strip of the code `(1, step, C, 6)` float32 to the first layer's output `(1, K, step / 4, C / 4)`.
    rest
        From that of the whole window, and where the decoded part begins, two int64 `(1,)` in steps, to the network's
        outputs in order, `(1, R, C, K)` float32 of the cells of the decoded part.

    Raises
    ------
    EngineError
        If a layer has no translation.
    """
    first = next(layer for layer in model.layers if isinstance(layer, layers.Conv2D))
    strip = op.parameter([1, step, window[1], model.input_shape[-1]], np.float32)
    seen = _layer(first, [_Made(op.transpose(strip, np.array([0, 3, 1, 2])), 1)])
    given = op.parameter([1, first.filters, *(side // seen.step for side in window)], np.float32)
    begins = [op.parameter([1], np.int64) for _ in window]
    made = {id(first.output): _Made(given, seen.step)}

    def cut(x: _Made) -> _Made:
        if x.part:
            return x
        node = x.node
        for axis, (begin, side) in enumerate(zip(begins, decoded, strict=True)):
            at = op.add(op.multiply(begin, np.int64(step // x.step)), np.arange(side // x.step, dtype=np.int64))
            node = op.gather(node, at, np.int64(2 + axis))
        return _Made(node, x.step, True)

    for layer in model.layers:
        if isinstance(layer, layers.InputLayer) or layer is first:
            continue
        sources = [made[id(tensor)] for tensor in keras.tree.flatten(layer.input)]
        if isinstance(layer, layers.UpSampling2D) or any(source.part for source in sources):
            sources = [cut(source) for source in sources]
        made[id(layer.output)] = _layer(layer, sources)
    outputs = [op.transpose(made[id(tensor)].node, np.array([0, 2, 3, 1])) for tensor in model.outputs]
    return ov.Model([seen.node], [strip]), ov.Model(outputs, [given, *begins])


def _layer(layer: layers.Layer, sources: list[_Made]) -> _Made:
    x, nodes = sources[0], [source.node for source in sources]
    match layer:
        case layers.Conv2D(groups=1, dilation_rate=(1, 1), use_bias=True) if layer.activation in ACTIVATIONS:
            kernel = np.ascontiguousarray(layer.kernel.numpy().transpose(3, 2, 0, 1), np.float32)
            padding = "same_upper" if layer.padding == "same" else "valid"
            node = op.convolution(x.node, kernel, list(layer.strides), [0, 0], [0, 0], [1, 1], auto_pad=padding)
            node = op.add(node, layer.bias.numpy().astype(np.float32).reshape(1, -1, 1, 1))
            return _Made(ACTIVATIONS[layer.activation](node), x.step * layer.strides[0], x.part)
        case layers.AveragePooling2D():
            pad = [(side - 1) // 2 if layer.padding == "same" else 0 for side in layer.pool_size]
            node = op.avg_pool(x.node, list(layer.strides), pad, pad, list(layer.pool_size), exclude_pad=True)
            return _Made(node, x.step * layer.strides[0], x.part)
        case layers.UpSampling2D(size=(times, _), interpolation="nearest"):
            size = np.array([side * times for side in x.node.shape[2:]])
            how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            node = op.interpolate(x.node, size, "nearest", "sizes", axes=np.array([2, 3]), **how)
            return _Made(node, x.step // times, x.part)
        case layers.Add():
            return _Made(op.add(*nodes), x.step, x.part)
        case layers.Activation() if layer.activation is keras.activations.linear:
            return x
    raise EngineError(f"layer {layer.name!r} ({type(layer).__name__}) has no translation for OpenVINO")
