"""The three sources of labelled tiles, simulated or the user's own, in the layout of the authors' files.

accurate: indents located one by one in one map; estimated: tiles labelled from a published hardness map of a tooth;
noisy: crops of whole maps of which only mean and standard deviation are known (Lew 2023, Fig. 1 and Data curation).
The layout, column by column, is described in data/README.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd
from PIL import Image

from enamel_lib import paths
from enamel_lib.dataset.simulated import (
    ACCURATE_CSV,
    ESTIMATED_CSV,
    MANIFEST,
    NOISY_CSV,
    NOISY_IMAGES,
    TRUTH_CSV,
    simulate_sources,
)
from enamel_lib.errors import DataError
from enamel_lib.images import TILE

POSITIONS_CSV = "positions.csv"  # optional, the user's: where each tile lies in its map
SIMULATED = paths.PROCESSED / "simulated"
LABEL_LIMITS_GPA = (0.1, 10.0)  # beyond these a label is not in GPa: no mineralised tissue is as soft or as hard
COLUMNS = ["image", "source", "map_id", "row", "col", "label", "label_sd", "truth", "truth_centre"]
PLACE_AND_TRUTH = ["row", "col", "truth", "truth_centre"]


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
        What had to be assumed about the maps, or nothing.
    """

    name: str
    table: pd.DataFrame
    folder: Path
    note: str = ""


def default_root(*, progress: Callable[[int, int], None] | None = None) -> Path:
    """Folder of the default data: `data/raw` if any of the authors' tables is there, else simulated sources.

    The simulated sources are made if they are not there yet, which takes about a minute; `progress(done, total)`
    hears of every map.
    """
    if any((paths.RAW / name).exists() for name in (ACCURATE_CSV, ESTIMATED_CSV, NOISY_CSV)):
        return paths.RAW
    if not (SIMULATED / MANIFEST).exists():
        try:
            simulate_sources(SIMULATED, progress=progress)
        except OSError:
            if not (SIMULATED / MANIFEST).exists():  # or else another notebook, begun meanwhile, was done first
                raise
    return SIMULATED


def load_sources(root: Path | str) -> dict[str, Source]:
    """Read and check the three sources under `root`: `{"accurate": ..., "estimated": ..., "noisy": ...}`.

    Every image is opened and its checksums are verified, but its pixels are not kept: see `curation.load_tiles`. Raises
    DataError at the first table, line or image that does not fit the layout of data/README.md.
    """
    root = Path(root)
    tables = {
        "accurate": _labelled_images(root / ACCURATE_CSV, "accurate"),
        "estimated": _labelled_images(root / ESTIMATED_CSV, "estimated"),
        "noisy": _numbered_crops(root / NOISY_CSV, root / NOISY_IMAGES),
    }
    both = pd.concat(tables.values(), ignore_index=True)
    repeated = both[both.image.duplicated()]
    if len(repeated):
        raise DataError(f"{repeated.image.iloc[0]}: labelled by two sources; keep it in one of them")
    for image, where in zip(both.image, both["where"], strict=True):
        _check_tile(root / image, where)
    beside = _beside(root, set(both.image))
    return {name: _placed(name, table, beside, root) for name, table in tables.items()}


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


def _read_csv(path: Path, required: tuple[str, ...]) -> pd.DataFrame:
    """Rows of a table as text, by line number; blank lines are passed over."""
    if not path.is_file():
        raise DataError(f"{path}: no such table; the expected files are listed in data/README.md")
    as_written = {"dtype": str, "na_filter": False, "skip_blank_lines": False, "skipinitialspace": True}
    try:
        lines = pd.read_csv(path, header=None, encoding="utf-8-sig", **as_written).fillna("")
    except pd.errors.EmptyDataError:
        raise DataError(f"{path}: empty; the first line names the columns {', '.join(required)}") from None
    except ValueError as error:  # of pandas, or no UTF-8
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: not a table ({reason}); save it as CSV in UTF-8, decimals with a point") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    lines.index += 1
    header = lines.loc[1].str.strip().tolist()
    missing = [name for name in required if name not in header]
    if missing:
        raise DataError(f"{path}: column {missing[0]!r} is missing from {header}; the first line names the columns")
    if len(set(header)) < len(header):
        raise DataError(f"{path}: a column name is there twice in {header}; rename or remove one")
    rows = lines.set_axis(header, axis=1).iloc[1:]
    rows = rows[rows.apply(lambda column: column.str.strip() != "").any(axis=1)]
    if rows.empty:
        raise DataError(f"{path}: no rows; one row for each label is expected")
    return rows


def _numbers(rows: pd.DataFrame, column: str, path: Path, low: float, high: float, unit: str) -> pd.Series:
    numbers = pd.to_numeric(rows[column], errors="coerce").astype(float)
    wrong = ~numbers.between(low, high)
    if wrong.any():
        line = wrong.idxmax()
        raise DataError(
            f"{path}, line {line}, {column!r}: {rows.at[line, column]!r} is not a number from {low:g} to {high:g} "
            f"{unit}; check the value and its unit, and write it like 4.2"
        )
    return numbers


def _images(rows: pd.DataFrame, column: str, path: Path) -> list[str]:
    """Image paths of the rows, relative to the root and with forward slashes, none of them twice."""
    lines: dict[str, int] = {}
    for line, text in rows[column].str.strip().items():
        where = f"{path}, line {line}, {column!r}"
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


def _labelled_images(path: Path, name: str) -> pd.DataFrame:
    rows = _read_csv(path, ("hardness", "image_location"))
    images = _images(rows, "image_location", path)
    return pd.DataFrame(
        {
            "image": images,
            # one accurate map, as in the paper; estimated tiles come from many regions, so each stands for itself
            "map_id": name if name == "accurate" else [image.rpartition(".")[0] for image in images],
            "label": _numbers(rows, "hardness", path, *LABEL_LIMITS_GPA, "GPa").to_numpy(),
            "label_sd": np.nan,
            "where": [f"{path}, line {line}" for line in rows.index],
        }
    )


def _numbered_crops(path: Path, folder: Path) -> pd.DataFrame:
    """Crops 0.png, 1.png, ...: crop i shows map i % n, n being the number of rows of the table."""
    rows = _read_csv(path, ("H (GPa)", "H error"))
    names = {file.stem for file in folder.glob("*.png") if not file.name.startswith(".")}
    if not names:
        raise DataError(f"{folder}: no crops; they are named 0.png, 1.png, ...")
    odd = sorted(names - {str(i) for i in range(len(names))})
    if odd:
        raise DataError(f"{folder / odd[0]}.png: {len(names)} crops are numbered 0.png to {len(names) - 1}.png; rename")
    maps = pd.DataFrame(
        {
            "map_id": [f"noisy-{number:02d}" for number in range(len(rows))],
            "label": _numbers(rows, "H (GPa)", path, *LABEL_LIMITS_GPA, "GPa").to_numpy(),
            "label_sd": _numbers(rows, "H error", path, 0.0, LABEL_LIMITS_GPA[1], "GPa").to_numpy(),
            "where": [f"{path}, line {line}" for line in rows.index],
        }
    )
    crops = maps.iloc[np.arange(len(names)) % len(maps)].reset_index(drop=True)
    return crops.assign(image=[f"{folder.name}/{i}.png" for i in range(len(names))])


def _check_tile(path: Path, where: str) -> None:
    if not path.is_file():
        raise DataError(f"{where}: image {path} does not exist; add it or remove the line")
    try:
        with Image.open(path) as image:
            size = image.size
            if size == (TILE, TILE):
                image.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{where}: {path} is not a whole image ({error}); export it again") from error
    if size != (TILE, TILE):
        raise DataError(
            f"{where}: {path} is {size[0]} x {size[1]} px, not {TILE} x {TILE}; crop or resample it so that all tiles "
            "have one scale (12 um wide here)"
        )


def _beside(root: Path, known: set[str]) -> pd.DataFrame:
    """Place and truth of the tiles that the optional table beside the labels knows, by image."""
    path = next((root / name for name in (POSITIONS_CSV, TRUTH_CSV) if (root / name).is_file()), None)
    if path is None:
        return pd.DataFrame(columns=["image", "given_map", *PLACE_AND_TRUTH]).set_index("image")
    rows = _read_csv(path, ("image", "map_id", "row", "col"))
    images, given = _images(rows, "image", path), rows["map_id"].str.strip()
    for line, image in zip(rows.index, images, strict=True):
        if image not in known:
            raise DataError(f"{path}, line {line}: {image} has no label; correct its name or remove the line")
        if not given[line]:
            raise DataError(f"{path}, line {line}: 'map_id' is empty; name the map the tile is cut from")
    columns = {"given_map": given}
    for column, most, unit in zip(PLACE_AND_TRUTH, (1e6, 1e6, 100, 100), ("px", "px", "GPa", "GPa"), strict=True):
        columns[column] = _numbers(rows, column, path, 0, most, unit) if column in rows else np.nan
    return pd.DataFrame(columns).set_axis(pd.Index(images, name="image"))


def _placed(name: str, table: pd.DataFrame, beside: pd.DataFrame, root: Path) -> Source:
    joined = table.join(beside, on="image")
    joined["map_id"] = joined.given_map.fillna(joined.map_id).astype(str)
    joined["source"] = name
    unplaced = int(joined.row.isna().sum())
    note = (
        f"{name}: {unplaced} of {len(joined)} tiles have no place in {POSITIONS_CSV}; taken as "
        f"{joined.map_id.nunique()} maps, and overlap between them cannot be seen"
    )
    return Source(name, joined.astype(dict.fromkeys(PLACE_AND_TRUTH, float))[COLUMNS], root, note if unplaced else "")
