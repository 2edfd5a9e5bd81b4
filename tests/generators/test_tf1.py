"""The other environment: what its worker computes, and that nothing of it hangs or is left behind."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from enamel_lib import stylegan2
from enamel_lib.errors import EngineError, InputError, ModelError
from enamel_lib.evolve import genetic
from enamel_lib.generators.tf1 import client, worker

FIXTURES = Path(__file__).parents[1] / "fixtures" / "stylegan2"
real = [
    pytest.mark.skipif(client.find_python() is None, reason="no Python 3.6 environment; make tf1 builds it"),
]


@pytest.fixture(scope="module", params=["tiny64", "asym32"])
def reference(request):
    with client.Tf1Generator(FIXTURES / f"{request.param}.pkl") as generator:
        yield generator, np.load(FIXTURES / f"{request.param}.expected.npz")


class TestReference:
    """The worker with TensorFlow 1.14 against what NVIDIA's code returned for the same snapshots."""

    pytestmark = real

    def test_styles(self, reference):
        generator, expected = reference
        np.testing.assert_allclose(generator.mapping(expected["z"]), expected["w"], rtol=0, atol=5e-5)
        np.testing.assert_allclose(generator.w_avg, expected["w_avg"], rtol=0, atol=1e-7)

    def test_pictures(self, reference):
        generator, expected = reference
        image = generator.synthesis(expected["w"]).transpose(0, 3, 1, 2)
        np.testing.assert_allclose(image, expected["img_psi_none"], rtol=0, atol=5e-5)

    def test_pictures_of_mixed_styles(self, reference):
        generator, expected = reference
        image = generator.synthesis(expected["w_plus"]).transpose(0, 3, 1, 2)
        np.testing.assert_allclose(image, expected["img_w_plus"], rtol=0, atol=5e-5)

    def test_eight_bits(self, reference):
        generator, expected = reference
        difference = generator.generate(expected["z"]).astype(int) - expected["img_u8_psi_none_nhwc"]
        assert np.abs(difference).max() <= 1  # a truncated value may fall on either side of a whole number
        assert np.mean(difference != 0) < 1e-3

    def test_truncation(self, reference):
        generator, expected = reference
        half = np.clip(expected["img_psi_0.5"] * 127.5 + 128, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
        difference = generator.generate(expected["z"], psi=0.5).astype(int) - half
        assert np.abs(difference).max() <= 1

    def test_more_pictures_than_one_request_holds(self, reference):
        generator, expected = reference
        z = np.repeat(expected["z"], 5, axis=0)
        assert (generator.generate(z)[::5] == generator.generate(expected["z"])).all()

    def test_an_evolution_goes_as_with_keras(self, reference):
        """Generation by generation the same survivors, and their hardness to what a rounded pixel can change.

        Under the other protocols some newcomers copy a member: which of two equal pictures survives then hangs on the
        last bit of either TensorFlow, and differs from processor to processor.
        """
        generator, _ = reference
        average = generator.network

        def keras_generate(codes):
            image = np.asarray(average(codes.astype(np.float32)))
            return np.clip(image * 127.5 + 128, 0, 255).astype(np.uint8)

        def evaluate(pictures):
            return 2 + pictures.mean(axis=(1, 2)) @ [0.012, 0.008, -0.004]

        settings = {"latent_dim": generator.latent_dim, "generations": 15}
        for seed in range(2):
            ours = genetic.evolve(generator.generate, evaluate, 3.6, seed=seed, **settings)
            theirs = genetic.evolve(keras_generate, evaluate, 3.6, seed=seed, **settings)
            np.testing.assert_array_equal(ours.born, theirs.born)
            np.testing.assert_array_equal(ours.operators, theirs.operators)
            np.testing.assert_allclose(ours.hardness, theirs.hardness, atol=1e-4)

    def test_labels_and_one_channel(self):
        """As Keras computes them, in either branch."""
        z, labels = np.random.default_rng(0).standard_normal((2, 2)), np.eye(3)[[2, 0]]
        for embedding in (0, 4):
            network = tiny_network(labels=3, embedding=embedding, channels=1)
            with client.Tf1Generator(network) as generator:
                drawn = generator.synthesis(generator.mapping(z, labels))
            np.testing.assert_allclose(drawn, np.asarray(network(z, labels)), rtol=0, atol=1e-5)

    def test_a_damaged_snapshot_is_refused(self, tmp_path):
        (tmp_path / "cut.pkl").write_bytes((FIXTURES / "tiny64.pkl").read_bytes()[:5000])
        with pytest.raises(ModelError, match=r"cut.pkl is damaged"):
            client.Tf1Generator(tmp_path / "cut.pkl")

    def test_it_comes_back_after_being_killed(self, reference):
        generator, expected = reference
        before = generator.mapping(expected["z"])
        os.kill(generator._process.pid, signal.SIGKILL)
        assert (generator.mapping(expected["z"]) == before).all()


def tiny_network(**options):
    sizes = {"fmap_base": 8, "fmap_max": 2, "latent_dim": 2, "style_dim": 5, "mapping_layers": 1}
    return stylegan2.build_generator(8, **sizes | options)


@pytest.fixture
def stand_in(tmp_path):
    """An interpreter that runs other code in place of the worker, so that it can misbehave without TensorFlow."""

    def make(code):
        program = tmp_path / "stand_in.py"
        opening = f"""
            import os, sys, time
            sys.path.insert(0, {str(Path(worker.__file__).parent)!r})
            import numpy as np
            from worker import receive, send
            replies, requests = os.fdopen(1, "wb"), os.fdopen(0, "rb")
            assert receive(requests)["dlatent_avg"].shape == (5,)
        """
        program.write_text(textwrap.dedent(opening) + textwrap.dedent(code))
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/started\nexec {sys.executable} {program}\n")
        python.chmod(0o755)
        return {"source": tiny_network(), "python": python}

    make.started = lambda: [int(pid) for pid in (tmp_path / "started").read_text().split()]
    return make


def gone(pid):
    """Neither running nor a zombie."""
    return not Path(f"/proc/{pid}").exists()


SERVE = """
    send(replies, {})
    while (request := receive(requests)) is not None:
        send(replies, {"answer": np.repeat(request["z"][:, :1], 5, axis=1)})
"""


def test_a_worker_is_started_once_and_collected(stand_in):
    with client.Tf1Generator(**stand_in(SERVE)) as generator:
        for value in range(20):
            assert (generator.mapping(np.full((9, 2), value)) == value).all()
    assert len(stand_in.started()) == 1
    assert gone(stand_in.started()[0])


def test_a_large_request_does_not_block(stand_in):
    echo = """
        send(replies, {})
        while (request := receive(requests)) is not None:
            send(replies, {"answer": request["w_plus"]})
    """
    styles = np.random.default_rng(0).random((2, 4, 500_000), np.float32)
    with client.Tf1Generator(**stand_in(echo)) as generator:
        generator.w_avg = np.zeros(500_000, np.float32)
        assert (generator.synthesis(styles) == styles).all()


def test_one_crash_is_forgiven(stand_in, tmp_path):
    once = f"""
        send(replies, {{}})
        request = receive(requests)
        if not os.path.exists({str(tmp_path / "crashed")!r}):
            open({str(tmp_path / "crashed")!r}, "w").close()
            os._exit(3)
        send(replies, {{"answer": np.ones((len(request["z"]), 5), np.float32)}})
        receive(requests)
    """
    with client.Tf1Generator(**stand_in(once)) as generator:
        assert generator.mapping(np.zeros((1, 2))).sum() == 20  # of 5 numbers for 4 layers
    assert len(stand_in.started()) == 2
    assert all(map(gone, stand_in.started()))


def test_two_crashes_are_not(stand_in):
    crash = """
        send(replies, {})
        receive(requests)
        sys.exit("out of luck")
    """
    generator = client.Tf1Generator(**stand_in(crash))
    with pytest.raises(EngineError, match=r"died twice.*out of luck"):
        generator.mapping(np.zeros((1, 2)))
    assert len(stand_in.started()) == 2
    assert all(map(gone, stand_in.started()))


def test_a_hang_is_ended(stand_in):
    hang = """
        send(replies, {})
        time.sleep(600)
    """
    generator = client.Tf1Generator(**stand_in(hang), timeout_s=0.5)
    start = time.monotonic()
    with pytest.raises(EngineError, match="did not answer in time"):
        generator.mapping(np.zeros((1, 2)))
    assert time.monotonic() - start < 3
    assert gone(stand_in.started()[0])


def test_a_death_at_the_start_is_reported(stand_in):
    with pytest.raises(EngineError, match=r"died at its start.*no libpython"):
        client.Tf1Generator(**stand_in("sys.exit('no libpython')"))
    assert gone(stand_in.started()[0])


def test_a_worker_ends_with_the_process_that_started_it(stand_in):
    python = str(stand_in(SERVE)["python"])
    program = f"""
import os, signal
from enamel_lib.generators.tf1 import client as tf1_client
from tests.generators.test_tf1 import tiny_network
generator = tf1_client.Tf1Generator(tiny_network(), python={python!r})
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while not gone(stand_in.started()[0]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert gone(stand_in.started()[0])


def test_a_wrong_python_says_which_one_is_needed():
    with pytest.raises(EngineError, match=r"needs Python 3.6 or 3.7 with TensorFlow 1.14; this is Python 3.1"):
        client.Tf1Generator(tiny_network(), python=sys.executable)


def test_a_missing_environment_says_how_to_build_it(tmp_path, monkeypatch):
    monkeypatch.setenv(client.PYTHON_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(EngineError, match="make tf1"):
        client.Tf1Generator(FIXTURES / "tiny64.pkl")
    with pytest.raises(ModelError, match="no snapshot"):
        client.Tf1Generator(tmp_path / "absent.pkl", python=sys.executable)


def test_codes_of_a_wrong_shape_are_refused(stand_in):
    with client.Tf1Generator(**stand_in(SERVE)) as generator:
        for wrong in (np.zeros((1, 3)), np.zeros(2), np.full((1, 2), np.nan)):
            with pytest.raises(InputError, match=r"\(N, 2\)"):
                generator.mapping(wrong)
