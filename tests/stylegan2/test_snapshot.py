"""Import of NVIDIA's snapshots: what they hold arrives, and nothing in them is ever run."""

import os
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from enamel_lib import stylegan2
from enamel_lib.errors import ModelError
from enamel_lib.stylegan2.nvidia import snapshot, torch_snapshot

# Written by PyTorch 1.9 and NVIDIA's StyleGAN2-ADA, weights at random, without the sources that such files carry; and
# what it draws and scores.
ADA = Path(__file__).parents[1] / "fixtures" / "ada_pytorch" / "network-snapshot.pkl"
FIXTURES = Path(__file__).parents[1] / "fixtures" / "stylegan2"
SMALL = {"fmap_base": 64, "fmap_max": 6}


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

    def write(*states):
        path = tmp_path / "network-snapshot.pkl"
        content = pickle.dumps(tuple(map(network, states)), protocol=3)
        path.write_bytes(content.replace(b"numpy._core.", b"numpy.core."))  # as the NumPy of that time wrote it
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
    sizes |= {"mapping_layers": 4, "mapping_dim": 40, "resample_filter": (1, 2, 3, 4)}
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
    with pytest.raises(ModelError, match=rf"hostile\.pkl asks for {name}, .*refused"):
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
    for share in (0, 0.001, 0.1, 0.5, 0.9, 0.9999):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(ModelError, match=r"network-snapshot\.pkl is damaged, or no StyleGAN2 snapshot"):
            stylegan2.import_snapshot(path)


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n", pickle.dumps({"G_ema": 1}), pickle.dumps(("a", "b", "c"))])
def test_other_files(tmp_path, content):
    (tmp_path / "other.pkl").write_bytes(content)
    with pytest.raises(ModelError, match=r"other\.pkl is .*no StyleGAN2 snapshot"):
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
        (lambda s: s[0]["components"]["mapping"]["variables"].append(("LabelEmbed/weight", np.zeros((2, 5)))), "ADA"),
        (lambda s: s[1]["variables"].append(("LabelEmbed/weight", np.zeros((2, 5)))), "ADA"),
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
    with pytest.raises(ModelError, match=rf"ada\.pkl asks for {refused}, .*refused"):
        stylegan2.import_snapshot(tmp_path / "ada.pkl")


def test_code_in_a_storage_is_refused_and_not_run(tmp_path):
    with pytest.raises(torch_snapshot.Refused, match=r"posix\.system"):
        torch_snapshot._storage(pickle.dumps(Runs(os.system, f"touch {tmp_path / 'trace'}"), 2))
    assert not (tmp_path / "trace").exists()


def test_a_tensor_is_a_stretch_of_its_storage():
    storage = np.arange(12, dtype="f4")
    np.testing.assert_array_equal(torch_snapshot._tensor(storage, 1, (2, 3), (1, 4)), [[1, 5, 9], [2, 6, 10]])
    assert torch_snapshot._tensor(storage, 7, (), ()) == 7


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
        torch_snapshot._tensor(np.zeros(12, "f4"), offset, size, stride)


@pytest.mark.parametrize(
    ("path", "key", "value", "message"),
    [
        ("", "c_dim", 3, "labels"),
        ("synthesis.b8", "architecture", "resnet", "synthesis.b8: architecture='resnet'"),
        ("synthesis.b8.conv0", "activation", "relu", "activation='relu'"),
        ("synthesis.b8.conv0", "use_noise", False, "use_noise=False"),
        ("mapping.fc0", "bias_gain", 1, "bias_gain=1"),
    ],
)
def test_pytorch_networks_that_are_not_supported(path, key, value, message):
    network = snapshot._load(ADA)["G"]
    dict(network.named())[path].content[key] = value
    with pytest.raises(ModelError, match=message):
        torch_snapshot.contents(network, "skip")


def test_other_tensors_in_pytorch_networks():
    network = snapshot._load(ADA)["G"]
    synthesis = dict(network.named())["synthesis"]
    synthesis.content["_buffers"]["more"] = np.zeros(2, np.float32)
    with pytest.raises(ModelError, match=r"variable synthesis\.more is unknown"):
        snapshot._generator(network)
    synthesis.content["_buffers"] = {}
    synthesis.content["_modules"]["b8"].content["_buffers"]["resample_filter"] = np.eye(4, dtype=np.float32)
    with pytest.raises(ModelError, match=r"filter of synthesis\.b8"):
        snapshot._generator(network)
