"""The three sources of labelled tiles, simulated: same files and columns as the authors', with the truth beside them.

Sizes and counts follow Lew 2023 (Data curation) and the released notebooks; the noise of the labels follows
DOMAIN.md B, of which every size is a stated choice. Labels are clipped to the range of the published ones, 2 to 7 GPa.
"""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from pydantic import BaseModel

from enamel_lib import __version__, paths, pic, structured
from enamel_lib.errors import DataError
from enamel_lib.images import TILE
from enamel_lib.pic import PIXEL_UM
from enamel_lib.simulate import law, simulator

ACCURATE_CSV, ACCURATE_IMAGES = "20210602_mapping_key_filt_MIN.csv", "Sliced/images"
ESTIMATED_CSV, ESTIMATED_IMAGES = "testdatakey_0425.csv", "testdata_0425/images"
NOISY_CSV, NOISY_IMAGES = "Augmented_Images_key.csv", "Augmented_Images_StdSize_PNG"
TRUTH_CSV, MANIFEST = "truth.csv", "dataset.json"

LABELS_GPA = (2.0, 7.0)
INDENT_NOISE_GPA = 0.20  # sd of one indent's hardness, Student t with 4 degrees of freedom
MISLOCATION_UM = 0.4  # sd per axis of where an indent really is
PITCH_UM = 2.0  # between indents
DEPTH_MAP_BIAS_GPA = 0.4  # sd of one region's error in the published hardness map
ACCURATE_SHAPE, ACCURATE_COUNT = (1667, 2083), 94  # 100 x 125 um
ACCURATE_DEPTH = [0.5]  # mid-enamel: the published labels lie about the middle
ESTIMATED_TILES, ESTIMATED_MAPS = 3, 37  # 3 x 3 tiles a map: 333
NOISY_SHAPE, NOISY_MAPS, NOISY_COUNT, NOISY_INDENTS = (1000, 1000), 17, 2000, 25
DYAD = ("xx", "xy", "xz", "yy", "yz", "zz")
NEAR_UM = 0.8  # radius an indent feels: two to three contact radii (DOMAIN.md B)


def simulate_sources(
    root: Path | str,
    *,
    seed: int = 0,
    world: str = "confounded",
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write the three simulated sources, `truth.csv` and the manifest `dataset.json` under `root`.

    Parameters
    ----------
    root
        Folder to make; it appears only when all is written.
    seed
        Same seed, same files.
    world
        One of `simulator.WORLDS`.
    progress
        Called with the number of maps done and of all maps.

    Raises
    ------
    InputError
        If `root` exists and is not empty.
    """
    root = Path(root)
    with paths.atomic_folder(root) as folder:
        maps = _Maps(seed, world, progress)
        tiles = [*_accurate(folder, maps), *_estimated(folder, maps), *_noisy(folder, maps)]
        pd.DataFrame(tiles).round(5).to_csv(folder / TRUTH_CSV, index=False)
        manifest = {
            "seed": seed,
            "world": world,
            "version": __version__,
            "simulator": simulator.VERSION,
            "pixel_size_um": PIXEL_UM,
            "tiles": len(tiles),
            "sha256": data_hash(folder),
        }
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def data_hash(root: Path | str) -> str:
    """SHA-256 over every table and image under `root`, names included, in the order of their names."""
    root, digest = Path(root), hashlib.sha256()
    for path in sorted((p for p in root.rglob("*") if p.suffix in (".csv", ".png")), key=lambda p: p.as_posix()):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _Maps:
    """Simulates maps one after another, each from its own seed, and reports progress."""

    def __init__(self, seed: int, world: str, progress: Callable[[int, int], None] | None):
        self.world, self._seed, self._progress, self._done = world, seed, progress, 0

    def draw(self, shape: tuple[int, int], depths) -> Iterator[tuple[int, simulator.Section, np.random.Generator]]:
        """Number of the map in its source, section and a generator of its own, for every depth."""
        rngs = [np.random.default_rng([self._seed, self._done + number]) for number in range(len(depths))]
        seeds = [int(rng.integers(2**31)) for rng in rngs]
        settings = {"pixel_size_um": PIXEL_UM, "world": self.world}
        sections = simulator.sections(shape, seeds, depths=depths, **settings)
        for number, (section, rng) in enumerate(zip(sections, rngs, strict=True)):
            yield number, section, rng
            self._done += 1
            if self._progress:
                self._progress(self._done, 1 + ESTIMATED_MAPS + NOISY_MAPS)

    def stratified_depths(self, count: int) -> np.ndarray:
        """One depth from each of `count` equal slices of the enamel, in random order."""
        rng = np.random.default_rng([self._seed, count, 1])
        return (rng.permutation(count) + rng.uniform(size=count)) / count


class Manifest(BaseModel):
    """How a simulated dataset was made."""

    simulator: int
    seed: int
    world: str


def read_manifest(root: Path) -> Manifest:
    """Read how the simulated dataset in a folder was made; a DataError if that is missing or damaged."""
    return structured.read_json(root / MANIFEST, Manifest, DataError)


def indented_map(root: Path | str) -> np.ndarray:
    """Make the picture of the whole map that the accurate tiles under `root` were cut from anew, `(H, W, 3)` uint8."""
    manifest = read_manifest(Path(root))
    maps = _Maps(manifest.seed, manifest.world, None)
    return next(maps.draw(ACCURATE_SHAPE, ACCURATE_DEPTH))[1].rgb


def _accurate(folder: Path, maps: _Maps) -> list[dict]:
    rows, tiles = [], []
    ((_, section, rng),) = maps.draw(ACCURATE_SHAPE, ACCURATE_DEPTH)
    pitch = PITCH_UM / PIXEL_UM
    sites = np.stack(
        np.meshgrid(*(np.arange(TILE // 2, side - TILE // 2 + 1, pitch) for side in ACCURATE_SHAPE), indexing="ij"), -1
    ).reshape(-1, 2)
    sites = np.rint(sites[np.sort(rng.choice(len(sites), ACCURATE_COUNT, replace=False))])
    really = np.rint(sites + rng.normal(0, MISLOCATION_UM / PIXEL_UM, sites.shape)).astype(int)
    labels = np.clip(indent(section, really, rng), *LABELS_GPA)
    for number, ((centre_row, centre_col), label) in enumerate(zip(sites.astype(int), labels, strict=True), start=1):
        image = f"{ACCURATE_IMAGES}/HIC_{number:02d}.png"
        row, col = centre_row - TILE // 2, centre_col - TILE // 2
        _save_tile(section, row, col, folder / image)
        rows.append({"sample": number, "hardness": round(label, 6), "image_location": f"./{image}"})
        tiles.append(_truth(section, "accurate", image, row, col))
    pd.DataFrame(rows).to_csv(folder / ACCURATE_CSV, index=False)
    return tiles


def _estimated(folder: Path, maps: _Maps) -> list[dict]:
    rows, tiles, count = [], [], Counter()
    side = ESTIMATED_TILES * TILE
    for number, section, rng in maps.draw((side, side), maps.stratified_depths(ESTIMATED_MAPS)):
        bias = rng.normal(0, DEPTH_MAP_BIAS_GPA)
        for row, col in itertools.product(range(0, side, TILE), repeat=2):
            label = round(float(np.clip(_from_depth_map(section, row, col, maps.world) + bias, *LABELS_GPA)), 1)
            count[label] += 1
            image = f"{ESTIMATED_IMAGES}/{label:.1f}_{count[label]:02d}.png"
            _save_tile(section, row, col, folder / image)
            rows.append({"hardness": label, "image_location": f"./{image}"})
            tiles.append(_truth(section, f"estimated-{number:02d}", image, row, col))
    table = pd.DataFrame(rows).sort_values("image_location", ignore_index=True)
    table.insert(0, "sample", table.index + 1)
    table.to_csv(folder / ESTIMATED_CSV, index=False)
    return tiles


def _from_depth_map(section: simulator.Section, row: int, col: int, world: str) -> float:
    """Hardness that a map of the whole tooth gives for a tile, GPa: it knows where the tile lies, not what it shows."""
    if world == "null":  # depth shows in the picture, so only the unseen section's own mean keeps the null
        return float(section.hardness.mean())
    depth = 0.5 if world == "visible" else section.depth[row : row + TILE, col : col + TILE].mean()
    return float(law.depth_only(depth))


def _noisy(folder: Path, maps: _Maps) -> list[dict]:
    rows, tiles = [], {}
    for number, section, rng in maps.draw(NOISY_SHAPE, maps.stratified_depths(NOISY_MAPS)):
        indents = indent(section, rng.integers(0, NOISY_SHAPE, (NOISY_INDENTS, 2)), rng)
        mean = np.clip(indents.mean(), *LABELS_GPA)
        rows.append(
            {"sample": number + 1, "H (GPa)": round(float(mean), 3), "H error": round(float(indents.std(ddof=1)), 3)}
        )
        for crop in range(number, NOISY_COUNT, NOISY_MAPS):
            row, col = rng.integers(0, np.array(NOISY_SHAPE) - TILE + 1)
            image = f"{NOISY_IMAGES}/{crop}.png"
            _save_tile(section, row, col, folder / image)
            tiles[crop] = _truth(section, f"noisy-{number:02d}", image, row, col)
    pd.DataFrame(rows).to_csv(folder / NOISY_CSV, index=False)
    return [tiles[crop] for crop in sorted(tiles)]


def indent(section: simulator.Section, sites: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Measured hardness at `(n, 2)` pixels, GPa: the truth there and heavy-tailed noise of standard deviation 0.20."""
    noise = INDENT_NOISE_GPA / np.sqrt(2) * rng.standard_t(4, len(sites))  # t with 4 degrees of freedom has variance 2
    return section.hardness[sites[:, 0], sites[:, 1]] + noise


def _save_tile(section: simulator.Section, row: int, col: int, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(section.rgb[row : row + TILE, col : col + TILE]).save(path, compress_level=1)


def _truth(section: simulator.Section, map_id: str, image: str, row: int, col: int) -> dict:
    """Row of `truth.csv`: place, true hardness and depth of a tile, and `hidden_*` summaries of its true fields.

    The summaries serve a regressor that shall know what no picture shows; depth is not among them, since it is not
    a property of the tile's crystals.
    """
    window = np.s_[row : row + TILE, col : col + TILE]
    middle = TILE // 2
    offset = (np.arange(TILE) - middle) * section.pixel_size_um
    near = np.hypot(offset[:, None], offset[None, :]) <= NEAR_UM
    region, misorientation, director = section.region[window], section.misorientation[window], section.director[window]
    cos2 = pic.to_sample_frame(director)[..., 2] ** 2
    flat = director.reshape(-1, 3).astype(np.float64)
    dyad = flat.T @ flat / len(flat)
    spread = np.quantile(misorientation, (0.1, 0.5, 0.9))
    truth = {
        "image": image,
        "map_id": map_id,
        "row": int(row),
        "col": int(col),
        "truth": section.hardness[window].mean(dtype=np.float64),
        "truth_centre": section.hardness[window][middle, middle],
        "depth": section.depth[window].mean(dtype=np.float64),
        "hidden_pitch_um": section.texture.pitch,
        "hidden_centre_region": int(region[middle, middle]),
        "hidden_misorientation_mean": misorientation.mean(dtype=np.float64),
        "hidden_misorientation_sd": misorientation.std(dtype=np.float64),
        "hidden_misorientation_centre": misorientation[middle, middle],
        "hidden_misorientation_near": misorientation[near].mean(dtype=np.float64),
        "hidden_cos2": cos2.mean(dtype=np.float64),
        "hidden_cos2_near": cos2[near].mean(dtype=np.float64),
        "hidden_order": 1.5 * np.linalg.eigvalsh(dyad)[-1] - 0.5,
    }
    for share, value in zip((10, 50, 90), spread, strict=True):
        truth[f"hidden_misorientation_q{share}"] = value
    for (i, j), name in zip(itertools.combinations_with_replacement(range(3), 2), DYAD, strict=True):
        truth[f"hidden_dyad_{name}"] = dyad[i, j]
    for code, name in enumerate(law.REGION_NAMES):
        truth[f"hidden_{name}"] = np.mean(region == code)
        truth[f"hidden_{name}_near"] = np.mean(region[near] == code)
    return {key: float(value) if isinstance(value, np.floating) else value for key, value in truth.items()}


def unseen_tiles(count: int, *, seed: int, world: str = "confounded") -> tuple[np.ndarray, pd.DataFrame]:
    """Simulate tiles that no dataset holds, each from a section of its own, with their truth.

    Parameters
    ----------
    count
        Number of tiles; their depths are spread evenly over the enamel.
    seed
        Same seed, same tiles.

    Returns
    -------
    tiles, truth
        `(count, 200, 200, 3)` uint8, and one row of true values per tile as in `truth.csv`.
    """
    tiles, truth = [], []
    for number, section in enumerate(unseen_sections(count, seed=seed, world=world)):
        tiles.append(section.rgb)
        truth.append(_truth(section, f"unseen-{number:04d}", "", 0, 0))
    return np.stack(tiles), pd.DataFrame(truth)


def unseen_sections(count: int, *, seed: int, world: str = "confounded") -> Iterator[simulator.Section]:
    """Simulate sections of one tile each, as `unseen_tiles` does."""
    maps = _Maps(seed, world, None)
    for _, section, _ in maps.draw((TILE, TILE), maps.stratified_depths(count)):
        yield section
