"""Reference data that others made public: a PIC map of enamel, a hardness map drawn of it, indents on titanium.

`REGISTRY` says of every file what it is, its licence, size and hash. Small ones ship in `data/reference/`; the others
are looked for in `../shared/data`, then in the cache (`$ENAMEL_CACHE`), then downloaded; `enamel fetch` does so ahead
of time. Where the real map may be missing, a notebook asks once, `real = reference.real_map_if_there()`, does its part
about the real map only `if real is not None`, and ends with `facts.write(out, keep=real is None)`; a figure of which
the real map is only a part is saved with `keep=real is None`, too. The same holds of `titanium_if_there`.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pooch
from PIL import Image
from scipy import io

from enamel_lib import images, microstructure, paths, pic, structured
from enamel_lib.errors import InputError

COMMIT = "ef58771aba46468c0dbd39eb5bf12aebf77aec9b"
URL = f"https://raw.githubusercontent.com/lamm-mit/HardnessMapDesign/{COMMIT}/"
REAL_MAP, PUBLISHED_MAP = "Human_Test_Map.png", "published_hardness_map.npz"
REAL_MAP_UM = 0.24  # per pixel; nobody states it, it is that of rods 5 to 6 um apart (DOMAIN.md A)
PUBLISHED_SCALE = 2  # the authors enlarge the real map twofold before they raster it
INDENTS, ORIENTATION = "titanium/indents.mat", "titanium/orientation.txt"
TITANIUM_UM = 2.0  # between indents, and between points of the orientation map
TITANIUM_BATCH = 46  # indents a side that were made in one go
TITANIUM_CITATION = "Magazzeni et al., J. Mater. Res. 36, 2235 (2021), doi 10.1557/s43578-020-00035-y"
MK1 = "cmmagazz/XPCorrelate/1a06a7c19561cce44be9f30a0e65fa17567c051e/publicationdata/"
MK2 = "lukem-lm/XPCorrelate_mk2/cbeb63dd621d5a5a30735faaa1dc2248c134366a/XP_Correlate_mk2b/publicationdata/"
EXPRESS = "3expressCPti_3x3_%2B-92um_46x46_2um_3mNLC_Express_results"  # "+" as addresses write it
TIMEOUT = 30  # s


@dataclass(frozen=True)
class Item:
    """One file of reference data."""

    what: str
    licence: str
    size: int  # bytes
    sha256: str
    url: str | None = None  # None if it ships with the project


REGISTRY = {  # to add a file is to add an entry
    REAL_MAP: Item(
        "the one real PIC map of human enamel that is public (Lew 2023, Fig. 4)",
        "MIT, lamm-mit/HardnessMapDesign",
        487_645,
        "eb97eeeda13e0b034b8a65aac8c40aaddead32cf42a56181a09a24917ed8f822",
        URL + REAL_MAP,
    ),
    PUBLISHED_MAP: Item(
        "the authors' hardness map of it, digitised from a figure of their notebook",
        "MIT, lamm-mit/HardnessMapDesign",
        113_661,
        "41ad4331527159a0ec7c45881dfef1d3cc971fb78b18d49b2c0ae13826b35ccd",
    ),
    INDENTS: Item(
        f"hardness at 138 x 138 indents on titanium ({TITANIUM_CITATION})",
        "MIT, cmmagazz/XPCorrelate",
        1_779_297,
        "e2ac235fa038ae58b3d3e96f991f5b75ef7587082b1d188e8e246967efa5a20c",
        f"https://raw.githubusercontent.com/{MK1}{EXPRESS}.mat",
    ),
    ORIENTATION: Item(
        "the crystal orientation at 138 x 115 of them, registered by lukem-lm",
        "MIT, lukem-lm/XPCorrelate_mk2",
        963_172,
        "e63eb147c60a193a0d4593a60eb8801c67de8bcce17f3410be274656717bd6f6",
        f"https://raw.githubusercontent.com/{MK2}{EXPRESS}17-Mar-2025/CM_EBSD_SAMPLE_DATA_1corrected17-Mar-2025",
    ),
}


@dataclass(frozen=True)
class PublishedMap:
    """The authors' hardness map of the real map, digitised from their figure.

    Attributes
    ----------
    hardness
        `(R, C)` float32, GPa.
    row, col
        `(R,)` and `(C,)` float32: window centres, in pixels of the real map enlarged `PUBLISHED_SCALE` times.
    """

    hardness: np.ndarray
    row: np.ndarray
    col: np.ndarray


@dataclass(frozen=True)
class Titanium:
    """Measured hardness of commercially pure titanium on a grid of 2 um, and the crystal at each indent.

    Attributes
    ----------
    axes
        `(115, 138, 3)`: c-axis in the specimen's frame, z out of the surface and 0 or more; x across, y down. The angle
        in the plane may be mirrored.
    euler
        `(115, 138, 3)`: Bunge angles, radians.
    hardness
        `(115, 138)`, GPa; NaN where an indent failed.
    grain
        `(115, 138)` int: pixels side by side whose c-axes differ by less than 3 degrees.
    batch
        `(115, 138)` int: of the nine squares of 46 x 46 indents that were made one after the other.
    """

    axes: np.ndarray
    euler: np.ndarray
    hardness: np.ndarray
    grain: np.ndarray
    batch: np.ndarray

    @property
    def pic(self) -> np.ndarray:
        """Picture in PIC colours `(115, 138, 3)` uint8, as if polarized in the surface: dark is out of the plane.

        As in a PIC map, the picture's x is down and its y across (`pic`).
        """
        return pic.encode(self.axes[..., [1, 0, 2]])

    @property
    def ipf(self) -> np.ndarray:
        """Picture in the inverse pole figure's colours `(115, 138, 3)` uint8, of the surface normal in the crystal.

        Red where the normal is the c-axis; green and blue along the two kinds of axes in the basal plane.
        """
        _, tilt, turn = np.moveaxis(self.euler, -1, 0)
        sixth = np.pi / 6  # the fundamental sector, from an a-axis to half way to the next
        beside = np.abs((turn + sixth) % (2 * sixth) - sixth) / sixth
        tilt = np.abs((tilt + np.pi / 2) % np.pi - np.pi / 2) * 2 / np.pi
        parts = np.stack([1 - tilt, tilt * beside, tilt * (1 - beside)], axis=-1)
        return np.rint(255 * np.sqrt(parts / parts.max(axis=-1, keepdims=True))).astype(np.uint8)

    def save(self, root: Path) -> Path:
        """Write picture and indents to a folder in the layout of one's own data (data/README.md), and give it."""
        (root / "maps").mkdir(parents=True, exist_ok=True)
        Image.fromarray(self.pic).save(root / "maps" / "titanium.png")
        maps = {"map": ["titanium"], "image": ["titanium.png"], "pixel_size_um": [TITANIUM_UM]}
        pd.DataFrame(maps).to_csv(root / "maps.csv", index=False)
        row, col = np.nonzero(np.isfinite(self.hardness))
        place = {"x_um": (col + 0.5) * TITANIUM_UM, "y_um": (row + 0.5) * TITANIUM_UM}
        measured = {"hardness_gpa": self.hardness[row, col].round(4), "batch": self.batch[row, col]}
        pd.DataFrame({"map": "titanium"} | place | measured).to_csv(root / "indents.csv", index=False)
        return root


def fetch(name: str) -> Path:
    """Give a file of `REGISTRY`, verified; it is downloaded if it is nowhere on this machine.

    Raises
    ------
    InputError
        If it cannot be had, or is not the file that was published.
    """
    item = REGISTRY[name]
    for file in (paths.REFERENCE / name, paths.SHARED / name.lower()):
        if file.is_file():
            return _verified(file, item.sha256)
    if item.url is None:
        raise InputError(f"{name}: is missing from {paths.REFERENCE}; check out data/ again (git checkout data)")
    pooch.get_logger().setLevel("ERROR")  # a notebook should not show where its cache lies
    cache = pooch.create(
        pooch.os_cache("enamel_lib"),
        base_url="",
        registry={name: item.sha256},
        urls={name: item.url},
        retry_if_failed=1,
        env="ENAMEL_CACHE",
    )
    try:
        return Path(cache.fetch(name, downloader=pooch.HTTPDownloader(timeout=TIMEOUT)))
    except Exception as error:  # no network, no such page, wrong hash, full disk: the mending is the same
        raise InputError(
            f"{name}: could not be had from {item.url} ({type(error).__name__}); "
            f"without a network, download it elsewhere and put it at {Path(cache.path) / name}"
        ) from error


def real_map() -> np.ndarray:
    """Give the real PIC map of human enamel (Lew 2023, Fig. 4).

    Returns
    -------
    numpy.ndarray
        `(342, 490, 3)` uint8; about 0.2-0.3 um per pixel if rods are 5-6 um apart (no scale was published).

    Raises
    ------
    InputError
        As `fetch`.
    """
    return images.read_image(fetch(REAL_MAP))


def real_map_if_there() -> np.ndarray | None:
    """Give the real PIC map, as `real_map`; or else say in one line that its part is left out, and give None."""
    try:
        return real_map()
    except InputError:  # its message names the machine's folders, which a notebook should not show
        print(
            "The real map is not here (get it with `enamel fetch`). Its part is left out; its figures stay as they are."
        )
        return None


def published_map() -> PublishedMap:
    """Give the authors' hardness map of the real map, digitised from a figure of `HardnessDesign-Indenter.ipynb`."""
    data = structured.read_npz(fetch(PUBLISHED_MAP))
    return PublishedMap(data["hardness"], data["row"], data["col"])


def titanium() -> Titanium:
    """Give hardness measured on titanium, with crystal orientations (Magazzeni 2021); raises InputError as `fetch`."""
    orientation = np.loadtxt(fetch(ORIENTATION))  # x and y in um, phase, Bunge angles in degrees
    row, col = np.rint(orientation[:, [1, 0]] / TITANIUM_UM).astype(int).T
    euler = np.empty((row.max() + 1, col.max() + 1, 3))
    euler[row, col] = np.radians(orientation[:, 3:])
    indents = io.loadmat(fetch(INDENTS), variable_names=["X", "Y", "H"])
    place = tuple(np.rint(indents[axis] / TITANIUM_UM).astype(int) for axis in "YX")
    hardness = np.empty(indents["H"].shape)
    hardness[place] = indents["H"]
    turn, tilt = euler[..., 0], euler[..., 1]
    axes = np.stack([np.sin(turn) * np.sin(tilt), -np.cos(turn) * np.sin(tilt), np.cos(tilt)], axis=-1)
    axes = np.where(axes[..., 2:] < 0, -axes, axes)
    down, across = (np.arange(side) // TITANIUM_BATCH for side in axes.shape[:2])
    batch = down[:, None] * (across[-1] + 1) + across
    return Titanium(axes, euler, hardness[: len(axes)], microstructure.grains(axes), batch)


def titanium_if_there() -> Titanium | None:
    """Give the indents on titanium, as `titanium`; or else say in one line that their part is left out: None."""
    try:
        return titanium()
    except InputError:
        print("The titanium data are not here (get them with `enamel fetch`). What needs them stays as it is.")
        return None


def _verified(file: Path, sha256: str) -> Path:
    if hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
        raise InputError(
            f"{file}: is not the published file (its SHA-256 differs); remove it or put the original there"
        )
    return file
