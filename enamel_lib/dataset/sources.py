"""The three sources of labelled tiles, simulated or the user's own, in the layout of the authors' files.

accurate: indents located one by one in one map; estimated: tiles labelled from a published hardness map of a tooth;
noisy: crops of whole maps of which only mean and standard deviation are known (Lew 2023, Fig. 1 and Data curation).
The layout, column by column, is described in data/README.md.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd

from enamel_lib import paths, structured
from enamel_lib.dataset import own, tables
from enamel_lib.dataset.simulated import (
    ACCURATE_CSV,
    ESTIMATED_CSV,
    LABELS_GPA,
    MANIFEST,
    NOISY_CSV,
    NOISY_IMAGES,
    TRUTH_CSV,
    read_manifest,
    simulate_sources,
)
from enamel_lib.dataset.tables import Column
from enamel_lib.errors import DataError, InputError
from enamel_lib.images import TILE, read_image
from enamel_lib.pictures import find_signal
from enamel_lib.simulate import simulator

AUTHORS = (ACCURATE_CSV, ESTIMATED_CSV, NOISY_CSV)
POSITIONS_CSV = "positions.csv"  # optional, the user's: where each tile lies in its map
SIMULATED = paths.PROCESSED / "simulated"
LABEL_LIMITS_GPA = (0.1, 10.0)  # beyond these a label is not in GPa: no mineralised tissue is as soft or as hard
COLUMNS = ["image", "source", "map_id", "row", "col", "label", "label_sd", "truth", "truth_centre"]
PLACE_AND_TRUTH = ["row", "col", "truth", "truth_centre"]
HARDNESS = Column("hardness", "GPa", limits=LABEL_LIMITS_GPA, usual=LABELS_GPA)
IMAGE = Column("image_location")
MEAN = Column("H (GPa)", "GPa", ("H",), limits=LABEL_LIMITS_GPA)
SD = Column("H error", "GPa", limits=(0, LABEL_LIMITS_GPA[1]))
PLACES = (
    Column("image"),
    Column("map_id"),
    Column("row", "px", limits=(0, 1e6)),
    Column("col", "px", limits=(0, 1e6)),
    Column("truth", "GPa", limits=(0, 100), needed=False),
    Column("truth_centre", "GPa", limits=(0, 100), needed=False),
)


@dataclass(frozen=True)
class Source:
    """One source of labelled tiles.

    Attributes
    ----------
    name
        `accurate`, `estimated` or `noisy`.
    table
        One row per tile: `image` (path relative to `folder`), `source`, `map_id`, `row` and `col` (top-left pixel of
        the tile in its map, NaN where unknown), `label` and `label_sd` (GPa; the noisy source states a standard
        deviation, the others NaN), `truth` and `truth_centre` (true hardness over the tile and at its centre, GPa;
        NaN for real data).
    folder
        Root of the data, which `image` is relative to.
    note
        What was recognised in the tables and had to be assumed about the maps, a line each, or nothing.
    """

    name: str
    table: pd.DataFrame
    folder: Path
    note: str = ""


def default_root(*, progress: Callable[[int, int], None] | None = None) -> Path:
    """Folder of the default data: `data/raw` if own maps or the authors' tables are there, else simulated sources.

    The simulated sources are made if they are not there yet, or are of an older simulator, which takes about a minute;
    `progress(done, total)` hears of every map.
    """
    if any(tables.find(paths.RAW, name) for name in (own.MAPS_CSV, *AUTHORS)):
        return paths.RAW
    if not _is_current(SIMULATED):
        shutil.rmtree(SIMULATED, ignore_errors=True)
        try:
            simulate_sources(SIMULATED, progress=progress)
        except OSError:
            if not _is_current(SIMULATED):  # or else another notebook, begun meanwhile, was done first
                raise
    return SIMULATED


def _is_current(root: Path) -> bool:
    """Whether simulated sources are there, and as the simulator would make them today."""
    try:
        return read_manifest(root).simulator == simulator.VERSION
    except DataError:
        return False


def load_sources(root: Path | str) -> dict[str, Source]:
    """Read and check the three sources under `root`: `{"accurate": ..., "estimated": ..., "noisy": ...}`.

    Of maps of one's own (`own.cut_tiles`) those that there are. Every image is read, but its pixels are not kept: see
    `curation.load_tiles`. Raises
    DataError at the first table, line or image that does not fit the layout of data/README.md.
    """
    root = tiles_root(root)
    if (root / own.TILES_CSV).is_file():
        return _own_sources(root)
    said = {name: [] for name in ("accurate", "estimated", "noisy")}
    read = {name: _labelled_images(root, name, said[name]) for name in ("accurate", "estimated")}
    read["noisy"] = _numbered_crops(root, said["noisy"])
    both = pd.concat(read.values(), ignore_index=True)
    repeated = both[both.image.duplicated()]
    if len(repeated):
        raise DataError(f"{repeated.image.iloc[0]}: labelled by two sources; keep it in one of them")
    beside = _beside(root, set(both.image), said["accurate"])
    files = {image: tables.find_file(root / image) for image in both.image}
    for image, where in zip(both.image, both["where"], strict=True):
        _check_tile(files[image], where)
    placed = {name: _placed(name, table, beside, root, said[name]) for name, table in read.items()}
    for source in placed.values():
        source.table["image"] = [files[image].relative_to(root).as_posix() for image in source.table["image"]]
    return placed


def tiles_root(root: Path | str) -> Path:
    """Folder of the tiles of `root`: itself, or that of the tiles cut from maps in their natural form."""
    root = Path(root)
    if not own.is_own(root):
        return root
    if both := [name for name in AUTHORS if tables.find(root, name)]:
        raise DataError(f"{root / both[0]}: lies beside {own.MAPS_CSV}; keep one of the two layouts in a folder")
    return own.cut_tiles(root)


def _own_sources(root: Path) -> dict[str, Source]:
    table = pd.read_csv(root / own.TILES_CSV, dtype={"map_id": str}).reindex(columns=COLUMNS)
    table = table.astype(dict.fromkeys(["label_sd", *PLACE_AND_TRUTH], float))
    note = "\n".join(structured.read_json(root / own.ABOUT, own.About, DataError).said)
    return {name: Source(name, part.reset_index(drop=True), root, note) for name, part in table.groupby("source")}


def is_simulated(root: Path | str) -> bool:
    """Whether the data under `root` were simulated, so that a truth is known; what is drawn from them says so."""
    return (Path(root) / MANIFEST).is_file()


def load_truth(root: Path | str) -> pd.DataFrame:
    """Truth of simulated tiles, one row each: true hardness (GPa), depth, and `hidden_*` summaries of its fields.

    Raises DataError if the data under `root` are not simulated.
    """
    path = Path(root) / TRUTH_CSV
    if not path.is_file():
        raise DataError(f"{path}: not there; only simulated data have a known truth")
    return pd.read_csv(path)


def load_truth_if_there(root: Path | str) -> pd.DataFrame | None:
    """Give the truth, as `load_truth`; or else say in one line that what needs it is left out, and give None."""
    if is_simulated(root):
        return load_truth(root)
    print("The data are your own: no truth is known, and what needs it is left out.")
    return None


def _read(root: Path, name: str, columns: Sequence[Column], said: list[str]) -> tables.Table:
    """Read the table of this name, whatever the case of its letters; note what was recognised."""
    table = tables.read(tables.find(root, name) or root / name, columns)
    said.extend(filter(None, [table.said]))
    return table


def images_of(table: tables.Table, column: str) -> list[str]:
    """Image paths of the rows, relative to the table and with forward slashes, none of them twice."""
    lines: dict[str, int] = {}
    path = table.path
    for line, text in table.rows[column].items():
        where = f"{table.where(line)}, {column!r}"
        parts = [part for part in text.replace("\\", "/").split("/") if part not in ("", ".")]
        if not parts or "\0" in text:
            raise DataError(f"{where}: {text!r} names no image; give its path relative to {path.parent}")
        if text.startswith(("/", "\\")) or PureWindowsPath(text).drive or ".." in parts:
            raise DataError(f"{where}: {text!r} leaves the data folder; give a path relative to {path.parent}")
        image = "/".join(parts)
        if image in lines:
            raise DataError(f"{path}, line {line}: {image} is on line {lines[image]} already; keep one of them")
        lines[image] = line
    return list(lines)


def _labelled_images(root: Path, name: str, said: list[str]) -> pd.DataFrame:
    table = _read(root, {"accurate": ACCURATE_CSV, "estimated": ESTIMATED_CSV}[name], (HARDNESS, IMAGE), said)
    rows, images = table.rows, images_of(table, "image_location")
    return pd.DataFrame(
        {
            "image": images,
            # one accurate map, as in the paper; estimated tiles come from many regions, so each stands for itself
            "map_id": name if name == "accurate" else [image.rpartition(".")[0] for image in images],
            "label": rows["hardness"].to_numpy(),
            "label_sd": np.nan,
            "where": [table.where(line) for line in rows.index],
        }
    )


def _numbered_crops(root: Path, said: list[str]) -> pd.DataFrame:
    """Crops 0.png, 1.png, ...: crop i shows map i % n, n being the number of rows of the table."""
    table, folder = _read(root, NOISY_CSV, (MEAN, SD), said), root / NOISY_IMAGES
    rows = table.rows
    files = folder.iterdir() if folder.is_dir() else ()
    names = {file.stem for file in files if file.suffix.lower() == ".png" and not file.name.startswith(".")}
    if not names:
        raise DataError(f"{folder}: no crops; they are named 0.png, 1.png, ...")
    odd = sorted(names - {str(i) for i in range(len(names))})
    if odd:
        raise DataError(f"{folder / odd[0]}.png: {len(names)} crops are numbered 0.png to {len(names) - 1}.png; rename")
    maps = pd.DataFrame(
        {
            "map_id": [f"noisy-{number:02d}" for number in range(len(rows))],
            "label": rows["H (GPa)"].to_numpy(),
            "label_sd": rows["H error"].to_numpy(),
            "where": [table.where(line) for line in rows.index],
        }
    )
    crops = maps.iloc[np.arange(len(names)) % len(maps)].reset_index(drop=True)
    return crops.assign(image=[f"{folder.name}/{i}.png" for i in range(len(names))])


def _check_tile(path: Path, where: str) -> None:
    if not path.is_file():
        raise DataError(f"{where}: image {path} does not exist; add it or remove the line")
    try:
        pixels = read_image(path)
        height, width = pixels.shape[:2]
        if (width, height) != (TILE, TILE):
            raise InputError(
                f"{path} is {width} x {height} px, not {TILE} x {TILE}; crop or resample it so that all tiles "
                "have one scale (12 um wide here)"
            )
        find_signal(pixels, path)
    except InputError as error:
        raise DataError(f"{where}: {error}") from error


def _beside(root: Path, known: set[str], said: list[str]) -> pd.DataFrame:
    """Place and truth of the tiles that the optional table beside the labels knows, by image."""
    name = next((name for name in (POSITIONS_CSV, TRUTH_CSV) if tables.find(root, name)), None)
    if name is None:
        return pd.DataFrame(columns=["image", "given_map", *PLACE_AND_TRUTH]).set_index("image")
    table = _read(root, name, PLACES, said)
    rows, images = table.rows, images_of(table, "image")
    for line, image in zip(rows.index, images, strict=True):
        if image not in known:
            raise DataError(f"{table.where(line)}: {image} has no label; correct its name or remove the line")
    places = rows.reindex(columns=PLACE_AND_TRUTH).assign(given_map=rows["map_id"])
    return places.set_axis(pd.Index(images, name="image"))


def _placed(name: str, table: pd.DataFrame, beside: pd.DataFrame, root: Path, said: list[str]) -> Source:
    joined = table.join(beside, on="image")
    joined["map_id"] = joined.given_map.fillna(joined.map_id).astype(str)
    joined["source"] = name
    unplaced = int(joined.row.isna().sum())
    if unplaced:
        said.append(
            f"{name}: {unplaced} of {len(joined)} tiles have no place in {POSITIONS_CSV}; taken as "
            f"{joined.map_id.nunique()} maps, and overlap between them cannot be seen"
        )
    return Source(name, joined.astype(dict.fromkeys(PLACE_AND_TRUTH, float))[COLUMNS], root, "\n".join(said))
