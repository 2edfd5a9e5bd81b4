import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.spatial import cKDTree

from enamel_lib import microstructure, paths, pic
from enamel_lib.dense import axes
from enamel_lib.errors import DataError

SHAPE, PIXEL_UM, SUPPORT_UM = (48, 60), 1.2, 0.9


def grown(seed, shape=SHAPE, grains=45):
    """Grains about random seeds, each with a c-axis of its own, `(R, C, 3)`."""
    rng = np.random.default_rng(seed)
    places = np.stack(np.mgrid[: shape[0], : shape[1]], axis=-1).reshape(-1, 2)
    nearest = cKDTree(rng.uniform(0, shape, (grains, 2))).query(places)[1]
    c = rng.standard_normal((grains, 3))
    return (c / np.linalg.norm(c, axis=1, keepdims=True))[nearest].reshape(*shape, 3)


def law(c):
    """A law that the code does not know: hard within the basal plane, soft along the axis with a cusp there."""
    psi = np.arccos(np.abs(c[..., 2]))
    return 1.4 + 0.5 * np.sin(psi) ** 1.5 + 0.15 * np.abs(c[..., 0] * c[..., 1])


def write(root, count=2, off_um=(0.0, 0.0), noise=0.05):
    """Maps and indents of a synthetic hexagonal material in the layout of one's own data; its second batch lies off."""
    (root / "maps").mkdir(parents=True)
    rng, rows = np.random.default_rng(7), []
    for number in range(count):
        c = grown(number)
        Image.fromarray(pic.encode(c[..., [1, 0, 2]])).save(root / "maps" / f"{number}.png")
        true = law(c)
        for batch in range(2):
            half = SHAPE[1] / 2
            at = rng.uniform((4, 4 + batch * half), (SHAPE[0] - 4, half - 4 + batch * half), (400, 2))
            row, col = np.floor(at).astype(int).T
            hardness = true[row, col] * np.exp(noise * rng.standard_normal(len(at)))
            y, x = (at * PIXEL_UM + batch * np.array(off_um)).T
            about = {"map": str(number), "batch": f"day {batch}"}
            rows.append(pd.DataFrame({"x_um": x, "y_um": y, "hardness_gpa": hardness} | about))
    pd.concat(rows).to_csv(root / "indents.csv", index=False)
    names = [str(number) for number in range(count)]
    maps = {"map": names, "image": [f"{name}.png" for name in names], "pixel_size_um": PIXEL_UM}
    pd.DataFrame(maps).to_csv(root / "maps.csv", index=False)
    return root


def test_harmonics_are_those_of_the_sphere_and_blind_to_signs():
    rng = np.random.default_rng(0)
    c = rng.standard_normal((200_000, 3))
    c /= np.linalg.norm(c, axis=1, keepdims=True)
    found = axes.harmonics(c)
    np.testing.assert_allclose(found.T @ found / len(c), np.eye(6), atol=0.02)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=0.02)
    for same in (-c, c * [1, 1, -1]):
        np.testing.assert_array_equal(axes.harmonics(same), found)


def test_grains_are_what_neighbours_share():
    c = np.zeros((4, 6, 3))
    c[:, :3] = [0, 0, 1]
    c[:, 3:] = [0, np.sin(0.1), -np.cos(0.1)]
    assert microstructure.grains(c).tolist() == [[0] * 3 + [1] * 3] * 4
    assert microstructure.grains(c, degrees=7).max() == 0


def test_another_material_is_learned_from_its_maps_and_read_on_a_new_one(tmp_path):
    """README, another material in five steps: a law of its own, at a pitch of its own."""
    model = axes.fit(axes.read(write(tmp_path / "data"), support_um=SUPPORT_UM))
    new = grown(99)
    mapped = model.hardness_map(axes.AxisMap("new", new, PIXEL_UM))
    true = law(new)
    assert np.corrcoef(mapped.hardness.ravel(), true.ravel())[0, 1] > 0.85
    assert mapped.hardness.mean() == pytest.approx(true.mean(), abs=0.03)
    assert np.abs(model.moves).max() <= axes.PASSES * PIXEL_UM / axes.FINER


def test_the_five_steps_of_the_readme_run_as_they_stand(tmp_path, monkeypatch):
    text = (paths.ROOT / "README.md").read_text(encoding="utf-8").partition("## Another material in five steps")[2]
    code = text.partition("```python\n")[2].partition("```")[0]
    root = write(tmp_path / "my-metal", count=1)
    (root / "maps" / "0.png").rename(root / "maps" / "one.png")
    table = pd.read_csv(root / "maps.csv").assign(image="one.png")
    table.to_csv(root / "maps.csv", index=False)
    np.save(tmp_path / "c-axes.npy", grown(0))
    monkeypatch.chdir(tmp_path)
    done = {}
    exec(code, done)
    assert np.corrcoef(done["mapped"].hardness.ravel(), law(grown(0)).ravel())[0, 1] > 0.9


def test_a_batch_that_lies_off_is_moved_back(tmp_path):
    off = np.array([1.6, -2.0])
    known = axes.read(write(tmp_path / "data", off_um=off), support_um=SUPPORT_UM)
    model, unmoved = axes.fit(known), axes.fit(known, moving=False)
    np.testing.assert_allclose(model.moves, [[0, 0], -off, [0, 0], -off], atol=0.61)
    said = known.table["hardness"]
    errors = [np.square(one.at(known) - said).mean() for one in (model, unmoved)]
    assert errors[0] < 0.9 * errors[1]


def test_grains_that_are_left_out_teach_nothing(tmp_path):
    known = axes.read(write(tmp_path / "data", count=1), support_um=SUPPORT_UM)
    left = np.unique(known.grains())[:10]
    wild = known.table.copy()
    wild.loc[np.isin(known.grains(), left), "hardness"] = 9.0
    found = [
        axes.fit(axes.Indented(known.maps, table, SUPPORT_UM), ~np.isin(known.grains(), left), moving=False)
        for table in (known.table, wild)
    ]
    np.testing.assert_array_equal(found[0].fit.weights, found[1].fit.weights)
    assert not set(left) & set(found[1].levels)


@pytest.mark.parametrize(("name", "message"), [("", "name no map"), ("O", "'O' is not in maps.csv")])
def test_an_indent_of_no_map_is_refused(tmp_path, name, message):
    root = write(tmp_path / "data")
    table = pd.read_csv(root / "indents.csv", dtype={"map": str})
    table.loc[0, "map"] = name
    table.to_csv(root / "indents.csv", index=False)
    with pytest.raises(DataError, match=message):
        axes.read(root)


def test_maps_of_two_scales_are_refused(tmp_path):
    root = write(tmp_path / "data")
    table = pd.read_csv(root / "maps.csv")
    table.loc[1, "pixel_size_um"] = 1.3
    table.to_csv(root / "maps.csv", index=False)
    with pytest.raises(DataError, match="one pixel size"):
        axes.read(root)
