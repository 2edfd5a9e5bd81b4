"""Controls for evolved designs (Lew 2023, Fig. 6): pictures from which one property has been taken away.

Each takes one picture `(H, W, 3)` uint8 and gives another of its shape. Two average the orientations, as published and
as orientations are averaged; two take the order away, as published and keeping what lies within blocks; one keeps the
spectrum but no phases; one rotates all crystals together, which keeps every misorientation.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from skimage import color, util

from enamel_lib import pic
from enamel_lib.errors import InputError
from enamel_lib.evolve import judges, search


def averaged(image: np.ndarray) -> np.ndarray:
    """One colour, the mean of red, green and blue (as published): greyish, a colour no crystal has (DOMAIN.md D25)."""
    return np.broadcast_to(np.rint(image.mean(axis=(0, 1))).astype(np.uint8), image.shape).copy()


def averaged_director(image: np.ndarray) -> np.ndarray:
    """One colour, that of the mean orientation: the axis with the largest mean squared cosine to all crystals.

    It is the principal eigenvector of the mean dyad, on the branch of positive off-plane angles.
    """
    directors = pic.director(image).reshape(-1, 3)
    axis = np.linalg.eigh(directors.T @ directors)[1][:, -1]
    return np.broadcast_to(pic.encode(axis), image.shape).copy()


def scrambled(image: np.ndarray, *, seed: int) -> np.ndarray:
    """Rows and columns in random order (as published); whole rows and columns keep their company."""
    rng = np.random.default_rng(seed)
    return image[rng.permutation(image.shape[0])][:, rng.permutation(image.shape[1])]


def block_shuffled(image: np.ndarray, *, seed: int, block: int = 25) -> np.ndarray:
    """Square blocks of `block` px in random order: texture within them stays, arrangement goes.

    The sides must be multiples of the block, else it is an `InputError`.
    """
    if image.shape[0] % block or image.shape[1] % block:
        raise InputError(f"a picture of {image.shape[1]} x {image.shape[0]} px has no whole blocks of {block} px")
    grid = util.view_as_blocks(image, (block, block, 3))
    shuffled = np.random.default_rng(seed).permutation(grid.reshape(-1, block, block, 3))
    return util.montage(shuffled, grid_shape=grid.shape[:2], channel_axis=-1)


def phase_randomized(image: np.ndarray, *, seed: int) -> np.ndarray:
    """Random phases, the same spectra of red, green and blue and between them; what leaves 0 to 255 is clipped."""
    noise = np.random.default_rng(seed).standard_normal(image.shape[:2])
    phases = np.exp(1j * np.angle(np.fft.rfft2(noise)))  # the phases of a real picture, so that the result is real
    phases[0, 0] = 1  # the mean stays
    spectrum = np.fft.rfft2(image.astype(float), axes=(0, 1))
    made = np.fft.irfft2(spectrum * phases[..., None], s=image.shape[:2], axes=(0, 1))
    return np.rint(np.clip(made, 0, 255)).astype(np.uint8)


def hue_rotated(image: np.ndarray, *, seed: int) -> np.ndarray:
    """All crystals rotated in the plane by one random angle: every misorientation stays, to rounding."""
    hsv = color.rgb2hsv(image)
    hsv[..., 0] = (hsv[..., 0] + np.random.default_rng(seed).random()) % 1
    return np.rint(255 * color.hsv2rgb(hsv)).astype(np.uint8)


FIXED = {"averaged": averaged, "averaged director": averaged_director}
RANDOM = {
    "scrambled": scrambled,
    "block-shuffled": block_shuffled,
    "phase-randomized": phase_randomized,
    "hue-rotated": hue_rotated,
}


def draws(pictures: np.ndarray, count: int, *, seed: int) -> dict[str, np.ndarray]:
    """What each control makes of pictures `(N, H, W, 3)`, and as "evolved" the pictures themselves.

    Control -> `(N, n, H, W, 3)` uint8; n is `count` where chance plays a part, else 1.
    """
    made = {"evolved": pictures[:, None]}
    made |= {name: np.stack([make(picture)[None] for picture in pictures]) for name, make in FIXED.items()}
    seeds = range(seed, seed + count)
    for name, make in RANDOM.items():
        made[name] = np.stack([[make(picture, seed=each) for each in seeds] for picture in pictures])
    return made


def readings(made: Mapping[str, np.ndarray], targets: Sequence[float], evaluate: search.Evaluate) -> pd.DataFrame:
    """Readings of all `draws` from designs of these targets.

    `control` and `target` (GPa), hardness by the `network` and by the `law` (GPa), `misorientation` (degrees).
    """
    tables = []
    for name, each in made.items():
        pictures = each.reshape(-1, *each.shape[2:])
        columns = {"control": name, "target": np.repeat(targets, each.shape[1]), "network": evaluate(pictures)}
        columns |= {"law": judges.law_hardness(pictures), "misorientation": judges.misorientation(pictures)}
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def summary(readings: pd.DataFrame) -> pd.DataFrame:
    """Hardness by the network, by control and target, GPa: `mean`, and `low` to `high`, which hold 95 % of draws."""
    groups = readings.groupby(["control", "target"], sort=False)["network"]
    return pd.DataFrame({"mean": groups.mean(), "low": groups.quantile(0.025), "high": groups.quantile(0.975)})


def scores(hardness: pd.DataFrame) -> pd.DataFrame:
    """How far controls are from the targets of their designs, and what is left of the order of these.

    Of hardness, targets x controls, GPa: `distance` (mean, from the target, GPa) and `slope` (of hardness on target: 1
    for the designs, 0 for a control that has forgotten its design), by control.
    """
    distance = hardness.sub(hardness.index, axis=0).abs().mean()
    return pd.DataFrame({"distance": distance, "slope": np.polyfit(hardness.index, hardness, 1)[0]})


def change(readings: pd.DataFrame) -> pd.DataFrame:
    """`readings` of random controls, less those of their designs."""
    columns = ["network", "law", "misorientation"]
    before = readings[readings["control"] == "evolved"].set_index("target")[columns]
    changed = readings[readings["control"].isin(RANDOM)].copy()
    changed[columns] -= before.loc[changed["target"]].to_numpy()
    return changed


def left_over(change: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Mean changes by control, and what the network changes beyond the law.

    `misorientation`, `network`, `law`, `left over`, and the 95 % interval of this, `low` to `high`, from 2,000
    resamples of whole designs.
    """
    change = change.assign(**{"left over": change["network"] - change["law"]})
    means = change.groupby(["control", "target"], sort=False).mean()
    left = means["left over"].unstack("control", sort=False).to_numpy()
    pick = np.random.default_rng(seed).integers(len(left), size=(2000, len(left)))
    low, high = np.quantile(left[pick].mean(axis=1), [0.025, 0.975], axis=0)
    return means.groupby("control", sort=False).mean().assign(low=low, high=high).rename_axis(None)
