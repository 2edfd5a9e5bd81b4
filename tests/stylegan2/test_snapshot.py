"""Import of NVIDIA's snapshots: what they hold arrives, and nothing in them is ever run."""

import copy
import gzip
import io
import os
import pickle
import sys
import time
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from enamel_lib import stylegan2
from enamel_lib.errors import ModelError
from enamel_lib.stylegan2.nvidia import pickles, snapshot, torch_snapshot

# Written by PyTorch 1.9 and NVIDIA's StyleGAN2-ADA, weights at random, without the sources that such files carry; and
# what it draws and scores.
ADA = Path(__file__).parents[1] / "fixtures" / "ada_pytorch" / "network-snapshot.pkl"
FIXTURES = Path(__file__).parents[1] / "fixtures" / "stylegan2"
SMALL = {"fmap_base": 64, "fmap_max": 6}
PLENTY = pickles.Allowance(bytes(1000))


def networks_of(path):
    return pickles.load(path, snapshot._known_names)


def with_random_values(network, seed=0):
    rng = np.random.default_rng(seed)
    for variable in network.variables:
        variable.assign(rng.normal(0, 0.5, variable.shape))
    return network


def generator(**options):
    sizes = {"latent_dim": 5, "style_dim": 7, "mapping_layers": 3, "mapping_dim": 4}
    return with_random_values(stylegan2.build_generator(16, **SMALL, **sizes | options))


def discriminator(**options):
    return with_random_values(stylegan2.build_discriminator(16, **SMALL, **options))


def in_their_form(names, **arguments):
    """State of a network as NVIDIA's code pickles it: channels first, parts of the generator as components."""
    parts = {"": [], "synthesis": [], "mapping": []}
    for name, variable in names:
        value = np.array(ops.convert_to_numpy(variable.value))
        if value.ndim == 4 and not name.endswith("weight"):
            value = value.transpose(0, 3, 1, 2)
        part, _, rest = name.partition("/")
        parts[part if part in parts else ""].append((rest if part in parts else name, value))
    state = {"version": 4, "static_kwargs": arguments, "build_module_src": "raise SystemExit"}
    components = {key: state | {"static_kwargs": {}, "components": {}, "variables": parts[key]} for key in parts if key}
    return state | {"components": {k: c for k, c in components.items() if c["variables"]}, "variables": parts[""]}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write networks, given by their states, as a snapshot."""
    module = types.ModuleType("dnnlib.tflib.network")
    module.Network = type("Network", (), {"__module__": module.__name__})
    for name in ("dnnlib", "dnnlib.tflib"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def network(state):
        made = module.Network()
        made.__dict__.update(state, components={key: network(part) for key, part in state["components"].items()})
        return made

    def write(*states, protocol=3, numpy=b"numpy.core."):
        path = tmp_path / "network-snapshot.pkl"
        content = pickle.dumps(tuple(map(network, states)), protocol)
        path.write_bytes(content.replace(b"numpy._core.", numpy))  # as the NumPy of that time wrote it
        return path

    return write


@pytest.fixture
def states():
    g = in_their_form(snapshot.generator_names(generator()))
    d = in_their_form(snapshot._discriminator_names(discriminator()))
    return g, d, in_their_form(snapshot.generator_names(generator()))


def assert_same(network, imported, *inputs):
    np.testing.assert_array_equal(ops.convert_to_numpy(network(*inputs)), ops.convert_to_numpy(imported(*inputs)))


def normal(*shape):
    return np.random.default_rng(7).standard_normal(shape).astype(np.float32)


def test_sizes_come_from_the_tensors():
    _, d, average = stylegan2.import_snapshot(FIXTURES / "asym32.pkl")
    sizes = {"resolution": 32, "fmap_base": 256, "fmap_max": 24, "latent_dim": 40, "style_dim": 48, "labels": 0}
    sizes |= {"channels": 3, "embedding": 0, "mapping_layers": 4, "mapping_dim": 40, "resample_filter": (1, 2, 3, 4)}
    assert average.options == sizes
    assert d.options["resample_filter"] == (1, 2, 3, 4)
    assert d.options["resolution"] == 32


@pytest.mark.parametrize("version", [4, 5])
def test_what_is_written_is_imported(write, states, version):
    for state in states:
        state["version"] = version
    if version == 4:
        states[0]["variables"].append(("lod", np.float32(0)))
    _, d, average = stylegan2.import_snapshot(write(*states))
    assert_same(generator(), average, normal(2, 5))
    assert_same(discriminator(), d, normal(4, 16, 16, 3))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("numpy", [b"numpy.core.", b"numpy._core."])
def test_any_numpy_and_protocol(write, states, protocol, numpy):
    if numpy == b"numpy.core." and protocol >= 4:  # which state the length of a name
        pytest.skip("NumPy 2 writes these tests")
    _, _, average = stylegan2.import_snapshot(write(*states, protocol=protocol, numpy=numpy))
    assert_same(generator(), average, normal(2, 5))


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_number_of_channels(write, channels):
    g, d = generator(channels=channels), discriminator(channels=channels)
    g_state, d_state = (
        in_their_form(snapshot.generator_names(g), num_channels=channels),
        in_their_form(snapshot._discriminator_names(d), num_channels=channels),
    )
    _, imported_d, average = stylegan2.import_snapshot(write(g_state, d_state, g_state))
    assert average(normal(2, 5)).shape == (2, 16, 16, channels)
    assert_same(g, average, normal(2, 5))
    assert_same(d, imported_d, normal(4, 16, 16, channels))


def test_the_average_alone(tmp_path):
    _, _, expected = stylegan2.import_snapshot(ADA)
    others = ADA.read_bytes().replace(b"X\1\0\0\0G", b"X\1\0\0\0A").replace(b"X\1\0\0\0D", b"X\1\0\0\0B")
    (tmp_path / "average.pkl").write_bytes(others)
    g, d, average = stylegan2.import_snapshot(tmp_path / "average.pkl")
    assert g is None
    assert d is None
    assert_same(expected, average, normal(2, expected.latent_dim))
    assert_same(expected, stylegan2.import_average(tmp_path / "average.pkl"), normal(2, expected.latent_dim))


def test_embedded_labels_by_hand(write):
    """Those of the ADA branch: embedded without activation, normalized beside z, and weighing the scores."""
    g, d = generator(labels=3, embedding=4), discriminator(labels=3, embedding=6, mapping_layers=1)
    g_state = in_their_form(snapshot.generator_names(g))
    names = [
        (n.removeprefix("mapping/").replace("Dense0", "Mapping0"), v) if n.startswith("mapping") else (n, v)
        for n, v in snapshot._discriminator_names(d)
    ]
    d_state = in_their_form(names, mapping_lrmul=0.01)
    _, imported_d, average = stylegan2.import_snapshot(write(g_state, d_state, g_state))
    z, labels, images = normal(2, 5), np.eye(3, dtype=np.float32)[[0, 2]], normal(2, 16, 16, 3)

    def normalized(x):
        return x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-8)

    def embedded(layer):
        weight, bias = (ops.convert_to_numpy(v) for v in (layer.weight, layer.bias))
        return normalized(labels @ weight / np.sqrt(3) + bias)

    def dense(layer, x):
        y = x @ ops.convert_to_numpy(layer.weight) * 0.01 / np.sqrt(x.shape[1]) + 0.01 * ops.convert_to_numpy(
            layer.bias
        )
        return np.sqrt(2) * np.where(y > 0, y, 0.2 * y)

    w = np.concatenate([normalized(z), embedded(g.embed)], axis=1)
    for layer in g.dense:
        w = dense(layer, w)
    np.testing.assert_allclose(ops.convert_to_numpy(average.mapping(z, labels)), w, rtol=1e-4, atol=1e-6)
    weights = dense(d.mapping[0], embedded(d.embed)) / np.sqrt(6)
    plain, of_d = discriminator(labels=6), dict(snapshot._discriminator_names(d))
    for name, variable in snapshot._discriminator_names(plain):
        variable.assign(of_d[name])
    outputs = [ops.convert_to_numpy(plain(images, np.tile(row, (2, 1)))) for row in np.eye(6, dtype=np.float32)]
    wanted = (np.concatenate(outputs, axis=1) * weights).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ops.convert_to_numpy(imported_d(images, labels)), wanted, rtol=1e-4, atol=1e-6)


def test_labels_in_pytorch_networks():
    network = networks_of(ADA)["G"]
    mapping = dict(network.named())["mapping"].content["_modules"]
    first = mapping["fc0"].content["_parameters"]
    z, wide = first["weight"].shape[1], normal(len(first["weight"]), 6)
    first["weight"] = np.concatenate([first["weight"], wide], axis=1)
    mapping["embed"] = copy.deepcopy(mapping["fc0"])
    mapping["embed"].content |= {"activation": "linear", "bias_gain": 1}
    mapping["embed"].content["_parameters"] = {"weight": normal(6, 3), "bias": normal(6)}
    made = snapshot._generator(network)
    assert (made.latent_dim, made.options["labels"], made.options["embedding"]) == (z, 3, 6)
    np.testing.assert_array_equal(ops.convert_to_numpy(made.embed.weight), normal(6, 3).T)
    np.testing.assert_array_equal(ops.convert_to_numpy(made.dense[0].weight)[z:], wide.T)


def test_labels_filter_and_group(write):
    taps, labels = (1.0, 2.0, 4.0), np.eye(3, dtype=np.float32)[[0, 2]]
    g, d = generator(labels=3, resample_filter=taps), discriminator(labels=3, resample_filter=taps, group=2)
    arguments = {"resample_kernel": list(taps), "label_size": 3}
    g_state = in_their_form(snapshot.generator_names(g), **arguments)
    d_state = in_their_form(snapshot._discriminator_names(d), **arguments, mbstd_group_size=2)
    imported_g, imported_d, _ = stylegan2.import_snapshot(write(g_state, d_state, g_state))
    assert_same(g, imported_g, normal(2, 5), labels)
    assert_same(d, imported_d, normal(4, 16, 16, 3), labels[[0, 1, 1, 0]])


class Runs:
    """What it unpickles to is what a function returns."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("function", "name"),
    [(os.system, r"posix\.system"), (eval, r"\w+\.eval"), (np.load, r"numpy\.load"), (getattr, r"\w+\.getattr")],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_is_refused_by_name_and_not_run(tmp_path, function, name, protocol):
    path, trace = tmp_path / "hostile.pkl", tmp_path / "trace"
    path.write_bytes(pickle.dumps((1, {"version": Runs(function, f"touch {trace}")}, 3), protocol))
    with pytest.raises(ModelError, match=rf"hostile\.pkl asks for {name}[ ,].*refused"):
        stylegan2.import_snapshot(path)
    assert not trace.exists()


def test_code_in_a_real_snapshot_is_not_run(write, states, tmp_path):
    states[1]["static_kwargs"] = {"mbstd_group_size": Runs(os.system, f"touch {tmp_path / 'trace'}")}
    with pytest.raises(ModelError, match=r"posix\.system"):
        stylegan2.import_snapshot(write(*states))
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__init__\x93.",  # a way through a known name
        b"\x80\x02cdnnlib.tflib.network\nNetwork\n)\x81N}X\x09\x00\x00\x00__class__K\x01s\x86b.",  # change of class
        b"Pelsewhere\n.",  # a persistent id
        b"\x80\x02\x82\x01.",  # an extension code
    ],
)
def test_other_tricks_are_refused(tmp_path, content):
    (tmp_path / "hostile.pkl").write_bytes(content)
    with pytest.raises(ModelError):
        stylegan2.import_snapshot(tmp_path / "hostile.pkl")


BOMBS = {
    "lists": b"\x80\x02]q\0" + b"".join(b"](h%ch%ceq%c" % (n, n, n + 1) for n in range(40)) + b".",
    "tables": b"\x80\x02}q\0" + b"".join(b"}(K\1h%cK\2h%cuq%c" % (n, n, n + 1) for n in range(40)) + b".",
    "a list of itself": b"\x80\x02]q\0h\0a.",
    "tuples as keys": b"\x80\x02K\1q\0" + b"".join(b"h%ch%c\x86q%c" % (n, n, n + 1) for n in range(40)) + b"}h(Ns.",
    "a far place in memory": b"\x80\x02Kr\xff\xff\xff\x7f.",
    "a long text": b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    "a long frame": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7fN.",
    "a number of many digits": b"I" + b"9" * 100_000 + b"\n.",
    "depth": b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b".",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_what_unfolds_is_refused_at_once(tmp_path, kind):
    (tmp_path / "bomb.pkl").write_bytes(BOMBS[kind])
    began = time.monotonic()
    with pytest.raises(ModelError):
        stylegan2.import_snapshot(tmp_path / "bomb.pkl")
    assert time.monotonic() - began < 5


def test_shared_arrays_do_not_unfold(write, states):
    """One array under a thousand names is one array in the file."""
    shared = np.zeros((1000, 100), np.float32)
    states[0]["variables"] += [(f"more{n}", shared) for n in range(10)]
    with pytest.raises(ModelError, match="unknown"):  # the same object is made once
        stylegan2.import_snapshot(write(*states))
    content = pickle.dumps((np.float32(1), b"0" * 4000), 2)
    call = b"cnumpy._core.multiarray\nscalar\n"
    assert call[1:] in content
    dtype = b"cnumpy\ndtype\n(X\2\0\0\0f4K\0K\1tR(K\3X\1\0\0\0<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tbq\0"
    buffer = b"B\x40\x42\x0f\0" + bytes(1_000_000) + b"q\1"
    arrays = b"".join(b"cnumpy.core.numeric\n_frombuffer\n(h\1h\0J\x90\xd0\x03\0\x85X\1\0\0\0CtR" for _ in range(100))
    (write(*states).with_name("many.pkl")).write_bytes(b"\x80\x03(" + dtype + buffer + arrays + b"l.")
    with pytest.raises(ModelError, match="unfold"):
        stylegan2.import_snapshot(write(*states).with_name("many.pkl"))


def test_layers_larger_than_the_file_take_no_memory(write, states):
    wide = np.zeros((1, 1, 40_000, 3), np.float32)
    variables = states[2]["components"]["synthesis"]["variables"]
    index = next(n for n, (name, _) in enumerate(variables) if name == "4x4/ToRGB/weight")
    variables[index] = ("4x4/ToRGB/weight", wide)
    with pytest.raises(ModelError, match="larger layers than it holds"):
        stylegan2.import_snapshot(write(*states))


def test_a_file_cannot_change_the_next_import(write, states, tmp_path):
    bad = b"\x80\x02cdnnlib.tflib.network\nNetwork\nN}X\x07\x00\x00\x00versionK\x09s\x86b."  # sets Network.version = 9
    (tmp_path / "bad.pkl").write_bytes(bad)
    with pytest.raises(ModelError):
        stylegan2.import_snapshot(tmp_path / "bad.pkl")
    del states[0]["version"]
    with pytest.raises(ModelError, match="version"):
        stylegan2.import_snapshot(write(*states))


def test_truncated_files(write, states):
    path = write(*states)
    content = path.read_bytes()
    for share in (0.001, 0.1, 0.5, 0.9, 0.9999):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(ModelError, match=r"network-snapshot\.pkl is damaged, or no StyleGAN2 snapshot"):
            stylegan2.import_snapshot(path)


def archive(*names):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name in names:
            file.writestr(name, b"")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"\n<!DOCTYPE html><html><head><title>Quota exceeded</title></head></html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "a Git LFS pointer"),
        (gzip.compress(ADA.read_bytes()), "compressed by gzip"),
        (archive("archive/data.pkl", "archive/data/0"), "torch.save"),
        (archive("config.json", "model.weights.h5"), "Keras"),
        (archive("snapshot.pkl"), "unpack it"),
        (b"PK\x03\x04", "a damaged zip"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", "torch.save"),
        (b"\x80\x02ctraining.networks\nGenerator\n)\x81.", "other code than NVIDIA's"),
        (b"\x80\x02ctorch_utils.persistence\n_reconstruct_persistent_obj\n}\x85R.", "NVIDIA's persistence"),
        (pickle.dumps({"G_ema": 1}), "does not hold"),
        (pickle.dumps(("a", "b", "c")), "does not hold"),
    ],
)
def test_other_files_are_named(tmp_path, content, kind):
    (tmp_path / "other.pkl").write_bytes(content)
    with pytest.raises(ModelError, match=rf"^\S+other\.pkl .*{kind}.*$"):
        stylegan2.import_snapshot(tmp_path / "other.pkl")


def test_a_missing_file(tmp_path):
    with pytest.raises(ModelError, match="no snapshot"):
        stylegan2.import_snapshot(tmp_path / "none.pkl")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: s[0].update(version=6), "version 6"),
        (lambda s: s[0].update(static_kwargs={"architecture": "orig"}), "argument architecture='orig'"),
        (lambda s: s[1].update(static_kwargs={"architecture": "skip"}), "argument architecture='skip'"),
        (lambda s: s[0]["components"]["synthesis"].update(static_kwargs={"nonlinearity": "relu"}), "nonlinearity"),
        (lambda s: s[0].update(static_kwargs={"invented": 1}), "argument invented=1"),
        (lambda s: s[0].update(static_kwargs={"resample_kernel": None}), "resample_kernel"),
        (lambda s: s[1]["variables"].pop(0), "variable 16x16/FromRGB/weight is missing"),
        (lambda s: s[1]["variables"].append(("more", np.zeros(3))), "variable more is unknown"),
        (lambda s: s[0]["variables"].__setitem__(0, ("dlatent_avg", np.zeros(3))), "dlatent_avg has shape"),
        (lambda s: s[0]["variables"].__setitem__(0, ("dlatent_avg", np.array([{}] * 7))), "'O8'"),
        (lambda s: s[0]["variables"].__setitem__(0, ("dlatent_avg", np.full(7, np.nan))), "dlatent_avg is not finite"),
        (lambda s: s[0].update(variables=5), "no StyleGAN2 snapshot"),
        (lambda s: s[0].update(components={}), "ToRGB|mapping"),
        (lambda s: s[0].update(static_kwargs={"resample_kernel": [1.0] * 1000}), "taps"),
        (lambda s: s[0].update(static_kwargs={"resample_kernel": [1.0, np.nan]}), "taps"),
        (lambda s: s[1].update(static_kwargs={"mbstd_group_size": 0}), "groups"),
        (lambda s: s[1]["variables"].append(("LabelEmbed/weight", np.zeros((2, 0)))), "larger layers"),
        (lambda s: s[1]["variables"].append(("LabelEmbed/weight", np.zeros((2, 5)))), "LabelEmbed/bias"),
        (lambda s: s[1]["variables"].append(("Mapping0/weight", np.zeros((5, 5)))), "rate"),
        (lambda s: s[0]["components"]["mapping"]["variables"].append(("LabelEmbed/weight", np.zeros((2, 2)))), "bias"),
    ],
)
def test_networks_that_do_not_fit(write, states, spoil, message):
    spoil(states)
    with pytest.raises(ModelError, match=message):
        stylegan2.import_snapshot(write(*states))


def test_pytorch_networks_compute_the_same():
    expected = np.load(ADA.with_name("expected.npz"))
    g, d, average = stylegan2.import_snapshot(ADA)
    for name, network in (("G", g), ("G_ema", average)):
        for psi in (1, 0.5):
            images = ops.convert_to_numpy(network(expected["z"], psi=psi)).transpose(0, 3, 1, 2)
            np.testing.assert_allclose(images, expected[f"{name}_psi_{psi}"], rtol=0, atol=5e-5)
    scores = ops.convert_to_numpy(d(expected["G_psi_1"].transpose(0, 2, 3, 1)))
    np.testing.assert_allclose(scores, expected["scores"], rtol=0, atol=1e-5)
    assert d.options["group"] == 2


def test_damaged_pytorch_files(tmp_path):
    content, path = ADA.read_bytes(), tmp_path / "ada.pkl"
    for share in (0.001, 0.1, 0.5, 0.9, 0.9999):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(ModelError, match=r"ada\.pkl is damaged, or no StyleGAN2 snapshot"):
            stylegan2.import_snapshot(path)


@pytest.mark.parametrize(
    ("name", "other", "refused"),
    [
        (b"torch.storage\n", b"torch.strange\n", r"torch\.strange\._load_from_bytes"),
        (b"torch\nFloatStorage", b"torch\nFlowtStorage", r"torch\.FlowtStorage"),  # in the files within the file
        (b"torch\nFloatStorage", b"posix\nFloatStorage", r"posix\.FloatStorage"),
    ],
)
def test_other_names_in_pytorch_files_are_refused(tmp_path, name, other, refused):
    (tmp_path / "ada.pkl").write_bytes(ADA.read_bytes().replace(name, other))
    with pytest.raises(ModelError, match=rf"ada\.pkl asks for {refused}( in its G\.state\.[\w.]+)?, .*refused"):
        stylegan2.import_snapshot(tmp_path / "ada.pkl")


def test_code_in_a_storage_is_refused_and_not_run(tmp_path):
    with pytest.raises(pickles.Refused, match=r"posix\.system"):
        torch_snapshot._storage(pickle.dumps(Runs(os.system, f"touch {tmp_path / 'trace'}"), 2))
    assert not (tmp_path / "trace").exists()


def test_a_tensor_is_a_stretch_of_its_storage():
    storage = np.arange(12, dtype="f4")
    np.testing.assert_array_equal(torch_snapshot._tensor(PLENTY, storage, 1, (2, 3), (1, 4)), [[1, 5, 9], [2, 6, 10]])
    assert torch_snapshot._tensor(PLENTY, storage, 7, (), ()) == 7


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (12, (), ()),
        (-1, (2,), (1,)),
        (0, (13,), (1,)),
        (1, (3, 4), (4, 1)),
        (0, (2,), (-1,)),
        (0, (2**40,), (0,)),
        (0, (2, 2), (2**62, 2**62)),
    ],
)
def test_a_tensor_beyond_its_storage_is_refused(offset, size, stride):
    with pytest.raises(ValueError, match="beyond its storage"):
        torch_snapshot._tensor(PLENTY, np.zeros(12, "f4"), offset, size, stride)


def test_a_tensor_is_of_a_storage_and_of_nothing_else():
    """An empty array has a length and no memory: what seems to lie within it would be read from beyond."""
    for storage in (np.zeros((5, 0), "f4"), np.zeros((2, 2), "f4"), "text", [1.0] * 9):
        with pytest.raises(ValueError, match="something else"):
            torch_snapshot._tensor(PLENTY, storage, 0, (2,), (1,))


@pytest.mark.parametrize(
    ("path", "key", "value", "message"),
    [
        ("synthesis.b8", "architecture", "resnet", "synthesis.b8: architecture='resnet'"),
        ("synthesis.b8.conv0", "activation", "relu", "activation='relu'"),
        ("synthesis.b8.conv0", "use_noise", False, "use_noise=False"),
        ("mapping.fc0", "bias_gain", 1, "bias_gain=1"),
    ],
)
def test_pytorch_networks_that_are_not_supported(path, key, value, message):
    network = networks_of(ADA)["G"]
    dict(network.named())[path].content[key] = value
    with pytest.raises(ModelError, match=message):
        torch_snapshot.contents(network, "skip")


def test_other_tensors_in_pytorch_networks():
    network = networks_of(ADA)["G"]
    synthesis = dict(network.named())["synthesis"]
    synthesis.content["_buffers"]["more"] = np.zeros(2, np.float32)
    with pytest.raises(ModelError, match=r"variable synthesis\.more is unknown"):
        snapshot._generator(network)
    synthesis.content["_buffers"] = {}
    synthesis.content["_modules"]["b8"].content["_buffers"]["resample_filter"] = np.eye(4, dtype=np.float32)
    with pytest.raises(ModelError, match=r"filter of synthesis\.b8"):
        snapshot._generator(network)
