"""Serve a StyleGAN2 generator over a pipe, computed by TensorFlow 1.14.

One file for Python 3.6 that imports nothing of the project, because it runs in the environment that `make tf1` builds;
`client` starts it. Convolutions are channels last: TensorFlow 1.14 has no others on a processor. The network is
written from the published rules of StyleGAN2 (Karras 2020), no code of NVIDIA's is read or run.

Messages, both ways: eight bytes of length, then an `.npz` of named arrays without pickled objects. The first holds the
variables of the network and its filter, and is answered by an empty one; each request then `z` (and `labels`) or
`w_plus`, and each reply an `answer`, w or pictures. The end of the input ends the worker.
"""

import io
import os
import struct
import sys
import warnings

import numpy as np

PYTHONS = ((3, 6), (3, 7))
TENSORFLOW = "1.14."
LENGTH = struct.Struct("<Q")
ROOT2 = np.sqrt(2)


class Generator:
    """The generator as a TensorFlow 1.14 graph, with constant noise."""

    def __init__(self, tf, variables):
        self.tf, self.variables = tf, variables
        inputs = variables["mapping/Dense0/weight"].shape[0]
        self.label_dim, self.latent_dim = variables.get("mapping/LabelConcat/weight", np.empty((0, inputs))).shape
        if "mapping/LabelEmbed/weight" in variables:
            self.label_dim, embedding = variables["mapping/LabelEmbed/weight"].shape
            self.latent_dim = inputs - embedding
        self.sizes = [4]
        while "synthesis/{0}x{0}/Conv1/weight".format(2 * self.sizes[-1]) in variables:
            self.sizes.append(2 * self.sizes[-1])
        taps = np.float32(variables["resample_filter"])
        filter_2d = np.outer(taps, taps) / taps.sum() ** 2
        self.filter = filter_2d[::-1, ::-1].astype(np.float32)  # TensorFlow correlates, filters convolve
        self.z = tf.compat.v1.placeholder(tf.float32, [None, self.latent_dim])
        self.labels = tf.compat.v1.placeholder(tf.float32, [None, self.label_dim])
        self.w_plus = tf.compat.v1.placeholder(tf.float32, [None, 2 * len(self.sizes), len(variables["dlatent_avg"])])
        self.w, self.image = self._mapping(), self._synthesis()
        self.session = tf.compat.v1.Session()

    def answer(self, request):
        """Compute one request: arrays by name in, w or pictures out."""
        if "w_plus" in request:
            return self.session.run(self.image, {self.w_plus: request["w_plus"]})
        labels = request.get("labels", np.zeros((len(request["z"]), self.label_dim)))
        return self.session.run(self.w, {self.z: request["z"], self.labels: labels})

    def _mapping(self):
        tf, x, layer = self.tf, self.z, 0
        if "mapping/LabelConcat/weight" in self.variables:
            x = tf.concat([x, tf.matmul(self.labels, self.variables["mapping/LabelConcat/weight"])], axis=1)
        x = self._normalized(x)
        if "mapping/LabelEmbed/weight" in self.variables:
            weight, bias = (self.variables["mapping/LabelEmbed/" + n] for n in ("weight", "bias"))
            embedded = tf.matmul(self.labels, weight * np.float32(1 / np.sqrt(len(weight)))) + bias
            x = tf.concat([x, self._normalized(embedded)], axis=1)
        while f"mapping/Dense{layer}/weight" in self.variables:
            weight, bias = (self.variables[f"mapping/Dense{layer}/{n}"] for n in ("weight", "bias"))
            weight = weight * np.float32(0.01 / np.sqrt(len(weight)))  # the mapping learns at a hundredth of the rate
            x = tf.nn.leaky_relu(tf.matmul(x, weight) + bias * np.float32(0.01), 0.2) * ROOT2
            layer += 1
        return x

    def _normalized(self, x):
        return x * self.tf.math.rsqrt(self.tf.reduce_mean(x**2, axis=1, keepdims=True) + 1e-8)

    def _synthesis(self):
        tf, v = self.tf, self.variables
        x = tf.tile(v["synthesis/4x4/Const/const"], [tf.shape(self.w_plus)[0], 1, 1, 1])
        x = self._styled(x, "4x4/Conv", 0)
        rgb = self._modulated(x, "4x4/ToRGB", 1, demodulate=False)
        for step, size in enumerate(self.sizes[1:]):
            scope = f"{size}x{size}/"
            x = self._styled(x, scope + "Conv0_up", 2 * step + 1, up=True)
            x = self._styled(x, scope + "Conv1", 2 * step + 2)
            rgb = self._upsampled(rgb) + self._modulated(x, scope + "ToRGB", 2 * step + 3, demodulate=False)
        return rgb

    def _styled(self, x, scope, index, up=False):
        """Modulated convolution, noise, bias and activation; the noise has the index of the style."""
        x = self._modulated(x, scope, index, up=up, bias=False)
        x += self.variables[f"synthesis/noise{index}"] * self.variables[f"synthesis/{scope}/noise_strength"]
        return self.tf.nn.leaky_relu(x + self.variables[f"synthesis/{scope}/bias"], 0.2) * ROOT2

    def _modulated(self, x, scope, index, up=False, demodulate=True, bias=True):
        """Convolution whose input channels are scaled by a style; scaling them, not the weight, keeps one kernel."""
        tf, v = self.tf, self.variables
        weight = v[f"synthesis/{scope}/weight"]
        weight = weight * np.float32(1 / np.sqrt(np.prod(weight.shape[:3])))
        affine = v[f"synthesis/{scope}/mod_weight"]
        affine = affine * np.float32(1 / np.sqrt(len(affine)))
        style = tf.matmul(self.w_plus[:, index], affine) + v[f"synthesis/{scope}/mod_bias"] + 1
        x *= style[:, None, None]
        if up:  # inserting zeros and correlating is a transposed convolution with the kernel turned round
            taps = len(self.filter)
            count, side, channels = tf.shape(x)[0], 2 * int(x.shape[1]) + 1, weight.shape[3]
            kernel = np.transpose(weight[::-1, ::-1], [0, 1, 3, 2])
            x = tf.nn.conv2d_transpose(x, kernel, [count, side, side, channels], [1, 2, 2, 1], "VALID")
            x = self._filtered(tf.reshape(x, [-1, side, side, channels]), ((taps - 3) // 2 + 1, (taps - 4) // 2 + 1))
        else:
            x = tf.nn.conv2d(x, weight, strides=[1, 1, 1, 1], padding="SAME")
        if demodulate:
            power = tf.matmul(style**2, np.sum(weight**2, axis=(0, 1)))
            x *= tf.math.rsqrt(power + 1e-8)[:, None, None]
        return x + v[f"synthesis/{scope}/bias"] if bias else x

    def _upsampled(self, x):
        """Twice the size: zeros between the pixels, then the filter."""
        tf, (side, channels), taps = self.tf, (int(x.shape[1]), int(x.shape[3])), len(self.filter)
        x = tf.pad(x[:, :, None, :, None], [[0, 0], [0, 0], [0, 1], [0, 0], [0, 1], [0, 0]])
        x = tf.reshape(x, [-1, 2 * side, 2 * side, channels])
        return self._filtered(x, ((taps - 1) // 2 + 1, (taps - 2) // 2))

    def _filtered(self, x, pad):
        """Filter, four times as strong to make up for the zeros between the pixels."""
        tf, channels = self.tf, int(x.shape[3])
        kernel = np.tile(4 * self.filter[:, :, None, None], [1, 1, channels, 1])
        x = tf.pad(x, [[0, 0], pad, pad, [0, 0]])
        return tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "VALID")


def import_tensorflow():
    """Import TensorFlow without its chatter, if it is the one this file is written for; else end with the reason."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ.pop("TF2_BEHAVIOR", None)  # inherited from a process with TensorFlow 2, it would forbid graphs
    warnings.simplefilter("ignore")
    wanted = "the worker needs Python 3.6 or 3.7 with TensorFlow 1.14"
    if sys.version_info[:2] not in PYTHONS:
        sys.exit("{}; this is Python {}.{}".format(wanted, *sys.version_info[:2]))
    try:
        import tensorflow as tf
    except ImportError as error:
        sys.exit(f"{wanted}; here it cannot be imported ({error})")
    if not tf.__version__.startswith(TENSORFLOW):
        sys.exit(f"{wanted}; this is TensorFlow {tf.__version__}")
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    return tf


def send(stream, arrays):
    """Write one message: arrays, numbers or text by name."""
    content = io.BytesIO()
    np.savez(content, **arrays)
    stream.write(LENGTH.pack(content.tell()) + content.getvalue())
    stream.flush()


def receive(stream):
    """Read one message; None where the stream ends before or in it."""
    head = stream.read(LENGTH.size)
    size = LENGTH.unpack(head)[0] if head else 1
    body = stream.read(size)
    if len(body) < size:
        return None
    with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def main():
    """Answer requests until the input ends."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not get between the messages
    generator = Generator(import_tensorflow(), receive(requests))
    send(replies, {})
    request = receive(requests)
    while request is not None:
        send(replies, {"answer": generator.answer(request)})
        request = receive(requests)


if __name__ == "__main__":
    main()
