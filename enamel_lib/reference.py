"""Reference data that others made public: the one real PIC map of human enamel, and the hardness map drawn of it.

`REGISTRY` says of every file what it is, its licence, size and hash. Small ones ship in `data/reference/`; the others
are looked for in `../shared/data`, then in the cache (`$ENAMEL_CACHE`), then downloaded; `enamel fetch` does so ahead
of time. Where the real map may be missing, a notebook asks once, `real = reference.real_map_if_there()`, does its part
about the real map only `if real is not None`, and ends with `facts.write(out, keep=real is None)`; a figure of which
the real map is only a part is saved with `keep=real is None`, too.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pooch

from enamel_lib import images, paths
from enamel_lib.errors import InputError

COMMIT = "ef58771aba46468c0dbd39eb5bf12aebf77aec9b"
URL = f"https://raw.githubusercontent.com/lamm-mit/HardnessMapDesign/{COMMIT}/"
REAL_MAP, PUBLISHED_MAP = "Human_Test_Map.png", "published_hardness_map.npz"
REAL_MAP_UM = 0.24  # per pixel; nobody states it, it is that of rods 5 to 6 um apart (DOMAIN.md A)
PUBLISHED_SCALE = 2  # the authors enlarge the real map twofold before they raster it
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
    with np.load(fetch(PUBLISHED_MAP), allow_pickle=False) as data:
        return PublishedMap(data["hardness"], data["row"], data["col"])


def _verified(file: Path, sha256: str) -> Path:
    if hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
        raise InputError(
            f"{file}: is not the published file (its SHA-256 differs); remove it or put the original there"
        )
    return file
