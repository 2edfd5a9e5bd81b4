"""What the authors made public: the one real PIC map of human enamel, and the hardness map that they drew of it."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pooch

from enamel_lib import images, paths
from enamel_lib.errors import InputError

COMMIT = "ef58771aba46468c0dbd39eb5bf12aebf77aec9b"
URL = f"https://raw.githubusercontent.com/lamm-mit/HardnessMapDesign/{COMMIT}/"
REGISTRY = {"Human_Test_Map.png": "eb97eeeda13e0b034b8a65aac8c40aaddead32cf42a56181a09a24917ed8f822"}  # SHA-256, MIT
PUBLISHED_MAP = ("published_hardness_map.npz", "41ad4331527159a0ec7c45881dfef1d3cc971fb78b18d49b2c0ae13826b35ccd")
PUBLISHED_SCALE = 2  # the authors enlarge the real map twofold before they raster it
TIMEOUT = 30  # s


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


def real_map(*, base_url: str = URL, cache: Path | None = None) -> np.ndarray:
    """Give the real PIC map of human enamel (Lew 2023, Fig. 4), from the shared folder or else from the authors.

    Parameters
    ----------
    base_url
        Folder to download from.
    cache
        Where the download is kept; by default the user's cache folder, or `$ENAMEL_CACHE`.

    Returns
    -------
    numpy.ndarray
        `(342, 490, 3)` uint8; about 0.2-0.3 um per pixel if rods are 5-6 um apart (no scale was published).

    Raises
    ------
    InputError
        If it is not there and cannot be downloaded, or is not the file that the authors published.
    """
    name = "Human_Test_Map.png"
    shared = paths.SHARED / name.lower()
    if shared.is_file():
        return images.read_image(_verified(shared, REGISTRY[name]))
    logging.getLogger("pooch").setLevel(logging.WARNING)  # a notebook should not show where its cache lies
    fetcher = pooch.create(
        cache or pooch.os_cache("enamel_lib"),
        base_url,
        registry=REGISTRY,
        retry_if_failed=1,
        env=None if cache else "ENAMEL_CACHE",
    )
    try:
        file = fetcher.fetch(name, downloader=pooch.HTTPDownloader(timeout=TIMEOUT))
    except Exception as error:  # no network, no such page, wrong hash, full disk: the mending is the same
        raise InputError(
            f"{name}: could not be had from {base_url} ({type(error).__name__}); "
            f"download it from the authors' repository and put it at {shared}"
        ) from error
    return images.read_image(file)


def published_map() -> PublishedMap:
    """Give the authors' hardness map of the real map.

    It was digitised for this project from the output picture of `HardnessDesign-Indenter.ipynb`, so it is found
    only in the shared data folder.

    Raises
    ------
    InputError
        If the file is not there, or not the one that was digitised.
    """
    name, sha256 = PUBLISHED_MAP
    file = paths.SHARED / name
    if not file.is_file():
        raise InputError(f"{name}: is not in {paths.SHARED}, and nobody offers it for download; put a copy there")
    with np.load(_verified(file, sha256), allow_pickle=False) as data:
        return PublishedMap(data["hardness"], data["row"], data["col"])


def _verified(file: Path, sha256: str) -> Path:
    if hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
        raise InputError(
            f"{file}: is not the published file (its SHA-256 differs); remove it or put the original there"
        )
    return file
