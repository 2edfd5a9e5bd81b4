import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from enamel_lib import checkpoints, images, pic
from enamel_lib.checkpoints import values_of
from enamel_lib.errors import InputError, ModelError
from enamel_lib.stylegan2 import ada, build_discriminator, build_generator, import_snapshot, losses
from enamel_lib.stylegan2.backends import gradient, make_step
from enamel_lib.stylegan2.growing import grow_discriminator, grow_generator
from enamel_lib.stylegan2.layers import double
from enamel_lib.stylegan2.pictures import Batches, augment, distances, load_pictures
from enamel_lib.stylegan2.recipe import RECIPES, Network, Stage, load_recipe
from enamel_lib.stylegan2.training import CHECKPOINT, HISTORY, SAMPLES, Run, draw

FIXTURES = Path(__file__).parents[1] / "fixtures" / "stylegan2"
TINY = {"fmap_base": 32, "fmap_max": 8, "latent_dim": 8, "style_dim": 8, "mapping_layers": 2}
RECIPE = {
    "name": "tiny",
    "network": TINY,
    "batch_size": 4,
    "r1_gamma": 0.1,
    "checkpoint_kimg": 0.008,
    "stages": [{"resolution": 8, "kimg": 0.016}, {"resolution": 16, "kimg": 0.008}],
}


@pytest.fixture(scope="module", params=["tiny64", "asym32"])
def published(request):
    """Networks of a snapshot, and what the original code returned for them."""
    with np.load(FIXTURES / f"{request.param}.expected.npz") as arrays:
        return import_snapshot(FIXTURES / f"{request.param}.pkl"), dict(arrays)


def channels_last(images):
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def test_path_lengths_equal_the_original(published):
    (_, _, average), expected = published
    noise = channels_last(expected["pl_noise_unit"])
    lengths = losses.path_lengths(average.synthesis, expected["w_plus"], noise)
    np.testing.assert_allclose(ops.convert_to_numpy(lengths), expected["pl_lengths"], rtol=1e-4)


def test_r1_equals_the_original(published):
    (_, discriminator, _), expected = published
    norms = losses.r1(discriminator, channels_last(expected["d_images"]))
    np.testing.assert_allclose(ops.convert_to_numpy(norms), expected["r1_grad_sqnorm"], rtol=1e-4)


def test_losses_equal_the_original(published):
    _, expected = published
    fake, real = expected["d_scores_of_img_psi_none"], expected["d_scores_batch8"]
    assert float(losses.generator_loss(fake)) == pytest.approx(expected["loss_g_softplus_neg_fake"].mean(), abs=1e-6)
    of_fake, of_real = expected["loss_d"]
    assert float(losses.discriminator_loss(real, fake)) == pytest.approx(of_fake + of_real, abs=1e-6)


def test_gradient_can_be_differentiated():
    def slope(x):
        return ops.sum(gradient(lambda y: ops.sum(y**3), x))

    np.testing.assert_allclose(gradient(slope, ops.array([1.0, 2.0])), [6.0, 12.0])


def test_a_step_descends_and_reads_what_others_change():
    moved, target = keras.Variable([0.0, 0.0]), keras.Variable(1.0, trainable=False)

    def loss(weight):
        return ops.sum(weight * (moved - target) ** 2), ops.sum(moved)

    optimizer = keras.optimizers.SGD(0.25)
    optimizer.build([moved])
    step = make_step(loss, optimizer, [moved], [target])
    weight = np.array([1, 0], np.float32)
    assert float(step(weight)) == 0
    np.testing.assert_allclose(moved, [0.5, 0])
    target.assign(2.0)
    assert float(step(weight)) == 0.5
    np.testing.assert_allclose(moved, [1.25, 0])


def test_a_discriminator_can_be_compiled():
    discriminator = build_discriminator(8, fmap_base=32, fmap_max=8)
    optimizer = keras.optimizers.SGD(0.01)
    optimizer.build(discriminator.trainable_variables)

    def loss(images):
        score = ops.mean(discriminator(images))
        return score, score

    step, images = make_step(loss, optimizer, discriminator.trainable_variables), np.ones((8, 8, 8, 3), np.float32)
    assert float(step(images)) > float(step(images))


def test_styles_change_at_the_crossover():
    generator = build_generator(16, **TINY)
    z = np.random.default_rng(0).standard_normal((2, 3, 8)).astype(np.float32)
    styles, mean = losses.mixed_styles(generator, z, np.array([1, 4, 6]))
    first, second = (ops.convert_to_numpy(generator.mapping(part)) for part in z)
    np.testing.assert_allclose(mean, first.mean(axis=0), atol=1e-6)
    for row, crossover in enumerate((1, 4, 6)):
        expected = [first[row]] * crossover + [second[row]] * (6 - crossover)
        np.testing.assert_allclose(styles[row], expected, atol=1e-6)


def test_lazy_adam_takes_as_long_steps_for_more_of_them():
    config = losses.adam(0.002, 4).get_config()
    assert config["learning_rate"] == pytest.approx(0.0016)
    assert (config["beta_1"], config["beta_2"]) == (0, pytest.approx(0.99**0.8))


def test_paper_augmentation_brightens_up_to_twofold_and_down_to_half():
    pictures = np.full((200, 8, 8, 3), 100, np.uint8)
    levels = augment(pictures, np.random.default_rng(0), "paper")[:, 0, 0, 0]
    assert 50 <= levels.min() < 55
    assert 195 < levels.max() <= 200
    assert augment(pictures + 100, np.random.default_rng(0), "paper").max() == 255


def test_orientation_true_augmentation_turns_directions_with_the_picture():
    phi = np.tile(np.linspace(-60, 60, 8), (8, 1))
    picture = pic.encode(pic.to_director(phi, np.full_like(phi, 30)))
    seen = {tuple(np.rint(pic.decode(p)[0][0])) for p in augment(np.stack([picture] * 40), np.random.default_rng(0))}
    # mirroring the columns also negates phi, which restores this picture; mirroring the rows negates it
    assert seen == {tuple(np.rint(phi[0])), tuple(np.rint(-phi[0]))}
    np.testing.assert_array_equal(augment(picture[None], np.random.default_rng(0), "none")[0], picture)


def test_batches_are_shuffled_passes_that_repeat():
    pictures = np.arange(8, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
    stage = Stage(resolution=8, kimg=1, batch_size=4, augmentation="none").model_dump()
    batches = Batches(pictures, stage, TINY, seed=0, number=0)
    shown = [np.rint((batches.reals(step)[:, 0, 0, 0] + 1) * 127.5) for step in range(4)]
    assert sorted(np.concatenate(shown[:2])) == sorted(np.concatenate(shown[2:])) == list(range(8))
    z, crossover = batches.latents(5, 1)
    np.testing.assert_array_equal(z, batches.latents(5, 1)[0])
    assert z.shape == (2, 4, 8)
    assert not np.array_equal(z, batches.latents(5, 0)[0])
    assert ((crossover >= 1) & (crossover <= 4)).all()


def test_pictures_of_a_folder_are_cut_square(tmp_path):
    from PIL import Image

    for name in ("b.png", "a.png"):
        Image.fromarray(np.full((20, 30, 3), ord(name[0]), np.uint8)).save(tmp_path / name)
    pictures = load_pictures(tmp_path)
    assert pictures.shape == (2, 20, 20, 3)
    assert pictures[0, 0, 0, 0] == ord("a")
    assert images.resize_all(pictures, 16).shape == (2, 16, 16, 3)
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "c.png")
    with pytest.raises(InputError, match=r"c\.png"):
        load_pictures(tmp_path)
    with pytest.raises(InputError, match="no pictures"):
        load_pictures(tmp_path / "nowhere")


def test_a_grown_generator_draws_the_enlarged_picture():
    small, large = build_generator(8, **TINY), build_generator(16, **TINY, seed=1)
    grow_generator(small, large)
    z = np.random.default_rng(0).standard_normal((2, 8)).astype(np.float32)
    np.testing.assert_allclose(large(z), double(small(z), (1, 3, 3, 1)), atol=1e-5)


def test_a_grown_discriminator_nearly_keeps_its_scores():
    widths = {key: TINY[key] for key in ("fmap_base", "fmap_max")}
    small, large = build_discriminator(8, **widths), build_discriminator(16, **widths, seed=1)
    rng = np.random.default_rng(0)
    coarse = rng.uniform(-1, 1, (64, 8, 8, 3)).astype(np.float32)
    fine = coarse.repeat(2, axis=1).repeat(2, axis=2)
    fresh = ops.convert_to_numpy(large(fine))
    grow_discriminator(small, large, fine)
    before, after = (ops.convert_to_numpy(x)[:, 0] for x in (small(coarse), large(fine)))
    assert np.corrcoef(before, after)[0, 1] > 0.8
    assert abs(np.corrcoef(before, fresh[:, 0])[0, 1]) < 0.5


def test_bytes_are_cut_off_not_wrapped():
    np.testing.assert_array_equal(images.to_uint8(np.array([-2.0, -1.0, 0.0, 0.999, 2.0])), [0, 0, 128, 255, 255])


def test_distances_vanish_for_the_same_pictures():
    rng = np.random.default_rng(0)
    reddish = rng.integers(0, (256, 40, 40), (4, 16, 16, 3)).astype(np.uint8)
    assert list(distances(reddish, reddish[::-1]).values()) == pytest.approx([0, 0, 0], abs=1e-9)
    assert distances(reddish, reddish[..., [1, 0, 2]])["hue"] > 0.5
    assert distances(reddish, reddish[..., [1, 0, 2]])["spectrum"] == pytest.approx(0, abs=1e-9)


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def uncompiled():
    """Steps run as they stand: compiling them takes longer than the few that a test makes."""
    if keras.backend.backend() == "jax":
        import jax

        with jax.disable_jit():
            yield
    else:
        import tensorflow as tf

        tf.config.run_functions_eagerly(True)
        yield
        tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, pictures, uncompiled):
    """A run that nobody disturbed."""
    run = Run(pictures, load_recipe(RECIPE), out=tmp_path_factory.mktemp("whole"), seed=3)
    heard = []
    run.fit(lambda done, total: heard.append((done, total)))
    assert heard[-1] == (24, 24)
    return run


def test_a_killed_run_ends_like_a_whole_one(whole, pictures, uncompiled, tmp_path):
    class Killed(Exception):
        pass

    def kill(done, total):
        if done == 12:  # one step after the checkpoint at 8
            raise Killed

    with pytest.raises(Killed):
        Run(pictures, load_recipe(RECIPE), out=tmp_path, seed=3).fit(kill)
    run = Run(pictures, load_recipe(RECIPE), out=tmp_path, seed=3, resume=True)
    assert run.seen == 8
    run.fit()
    for kind, variables in run._state().items():
        for one, other in zip(values_of(variables), values_of(whole._state()[kind]), strict=True):
            np.testing.assert_array_equal(one, other, err_msg=kind)
    assert [row["kimg"] for row in run.history] == [row["kimg"] for row in whole.history]


def test_adaptive_augmentation_survives_a_kill(pictures, uncompiled, tmp_path, monkeypatch):
    monkeypatch.setattr(ada, "KIMG", 0.016)  # p moves by a quarter with every batch of four
    recipe = load_recipe(RECIPE | {"ada_target": 0.6, "stages": RECIPE["stages"][:1]})
    whole = Run(pictures, recipe, out=tmp_path / "whole", seed=3)
    whole.fit()
    cut = load_recipe(RECIPE | {"ada_target": 0.6, "stages": [{"resolution": 8, "kimg": 0.008}]})
    Run(pictures, cut, out=tmp_path / "cut", seed=3).fit()
    resumed = Run(pictures, recipe, out=tmp_path / "cut", seed=3, resume=True)
    resumed.fit()
    assert [row["ada_p"] for row in resumed.history] == [row["ada_p"] for row in whole.history]
    assert {row["ada_p"] for row in whole.history} != {0.0}
    for one, other in zip(values_of(resumed.D.variables), values_of(whole.D.variables), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_run_leaves_history_grids_and_moving_averages(whole):
    lines = (whole.out / HISTORY).read_text().splitlines()
    assert len(lines) == 4
    assert {"kimg", "loss_g", "r1", "path_length", "hue", "kimg_per_hour"} <= set(lines[0].split(","))
    assert len(list((whole.out / SAMPLES).glob("*.png"))) == 1  # named by kimg, of which there is none yet
    assert np.abs(ops.convert_to_numpy(whole.average.w_avg)).max() > 0
    moved = [
        np.abs(np.array(a) - np.array(b)).max() for a, b in zip(whole.average.weights, whole.G.weights, strict=True)
    ]
    assert 0 < max(moved) < 0.1
    assert draw(whole.average, np.ones((3, 8), np.float32)).shape == (3, 16, 16, 3)


def test_a_checkpoint_is_only_resumed_by_its_own_run(whole, pictures):
    with pytest.raises(InputError, match="--resume"):
        Run(pictures, load_recipe(RECIPE), out=whole.out, seed=3)
    with pytest.raises(ModelError, match="another seed"):
        Run(pictures, load_recipe(RECIPE), out=whole.out, seed=4, resume=True)
    with pytest.raises(ModelError, match="another pictures"):
        Run(pictures[1:], load_recipe(RECIPE), out=whole.out, seed=3, resume=True)


def test_a_damaged_checkpoint_is_refused(whole, pictures, tmp_path):
    whole_file = (whole.out / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(whole_file[: len(whole_file) // 2])
    with pytest.raises(ModelError, match="damaged"):
        Run(pictures, load_recipe(RECIPE), out=tmp_path, seed=3, resume=True)


def test_a_float16_checkpoint_is_half_as_large(whole, pictures, tmp_path):
    recipe = load_recipe(RECIPE | {"checkpoint_precision": "float16", "stages": [RECIPE["stages"][0]]})
    run = Run(pictures, recipe, out=tmp_path, seed=3)
    before = values_of(run.G.variables)
    run._save()
    again = Run(pictures, recipe, out=tmp_path, seed=3, resume=True)
    for one, other in zip(again.G.variables, before, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(one), other, rtol=1e-3)
    with np.load(tmp_path / CHECKPOINT) as arrays:
        assert {str(arrays[name].dtype) for name in arrays.files if name != "about"} == {"float16"}


@pytest.mark.parametrize("name", checkpoints.shipped(RECIPES))
def test_shipped_recipes_are_sound(name):
    recipe = load_recipe(name)
    assert recipe["name"] == name
    assert recipe["network"].keys() == Network.model_fields.keys()


def test_recipes_are_cut_at_a_resolution_and_prolonged():
    recipe = load_recipe(RECIPE, resolution=8, kimg=2.5)
    assert [stage["resolution"] for stage in recipe["stages"]] == [8]
    assert recipe["stages"][0]["kimg"] == 2.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stages": []}, "stages"),
        ({"network": {"depth": 3}}, "depth"),
        ({"speed": 1}, "speed"),
        ({"precision": "float8"}, "precision"),
        ({"batch_size": 6}, "multiple of 4"),
        ({"r1_gamma": 0}, "r1_gamma"),
        ({"path_weight": -1}, "path_weight"),
        ({"ada_target": 1}, "ada_target"),
        ({"stages": [{"resolution": 8, "kimg": 1}, {"resolution": 32, "kimg": 1}]}, "twice"),
        ({"augmentation": "rotate"}, "augmentation"),
    ],
)
def test_wrong_recipes_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        load_recipe(RECIPE | change)


def test_unknown_recipes_are_refused(tmp_path):
    with pytest.raises(InputError, match="quick"):
        load_recipe("slow")
    with pytest.raises(InputError, match="no stage of 64 px"):
        load_recipe(RECIPE, resolution=64)
    (tmp_path / "broken.yml").write_text("a: [")
    with pytest.raises(InputError, match="not YAML"):
        load_recipe(tmp_path / "broken.yml")
    (tmp_path / "list.yml").write_text(json.dumps([1]))
    with pytest.raises(InputError, match="stages"):
        load_recipe(tmp_path / "list.yml")
