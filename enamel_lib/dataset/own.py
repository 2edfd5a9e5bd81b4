"""Maps and indents of one's own in their natural form (data/README.md), and the tiles that the network needs of them.

`maps.csv` names pictures and the size of their pixels; `indents.csv` says where in them which hardness was measured. A
map with indents is an accurate source; one with a mean hardness alone an estimated, with a standard deviation a noisy.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from pydantic import BaseModel

from enamel_lib import paths
from enamel_lib.dataset import tables
from enamel_lib.dataset.simulated import LABELS_GPA
from enamel_lib.dataset.tables import Column
from enamel_lib.errors import DataError, InputError
from enamel_lib.images import MIN_SIGNAL, TILE
from enamel_lib.inference import scaling
from enamel_lib.pic import PIXEL_UM
from enamel_lib.pictures import PIXEL_LIMITS_UM, Picture, read_picture

MAPS_CSV, INDENTS_CSV, PICTURES, TILES_CSV, ABOUT = "maps.csv", "indents.csv", "maps", "tiles.csv", "own.json"
MOST_TILES = 120  # of a map whose hardness is known as a whole; the paper cut 2,000 from 17
GPA = (0.1, 10.0)
MAPS = (
    Column("map"),
    Column("image"),
    Column("pixel_size_um", "um", limits=PIXEL_LIMITS_UM, needed=False),
    Column("mean_gpa", "GPa", limits=GPA, needed=False, usual=LABELS_GPA),
    Column("sd_gpa", "GPa", limits=(0, GPA[1]), needed=False),
    Column("n_indents", "px", ("n",), limits=(1, 1e6), needed=False),
)
INDENTS = (
    Column("map", needed=False),
    Column("x_um", "um", ("x position (um)",), needed=False),
    Column("y_um", "um", ("y position (um)",), needed=False),
    Column("col", "px", ("column", "x (px)"), needed=False),
    Column("row", "px", ("y (px)",), needed=False),
    Column("hardness_gpa", "GPa", ("hardness", "H"), limits=GPA, usual=LABELS_GPA, skip=True),
    Column("hardness_sd_gpa", "GPa", ("hardness_sd", "H error", "H sd"), limits=(0, GPA[1]), needed=False),
    Column("batch", needed=False),
)


class About(BaseModel):
    """What tiles were cut with."""

    said: list[str]


@dataclass(frozen=True)
class Indents:
    """Indents of one map.

    Attributes
    ----------
    table
        `row` and `col` (float, px of the map's picture as given, its top left pixel at 0, 0), `hardness` and `sd` (GPa;
        sd NaN where not stated), and `batch` (text) where the file has it; the index is the line in the file.
    path
        Of the file.
    said
        What was recognised in it.
    """

    table: pd.DataFrame
    path: Path
    said: str = ""

    def places(self, shape: tuple[int, ...], scale: float = 1.0) -> np.ndarray:
        """Places `(N, 2)` of the indents in a picture `(H, W)` that was enlarged by `scale`: down and across, px.

        The upper left corner of the picture is 0, 0. Raises DataError if an indent lies outside.
        """
        place = (self.table[["row", "col"]].to_numpy() + 0.5) * scale
        outside = ((place < 0) | (place > np.array(shape[:2]))).any(axis=1)
        if outside.any():
            line, (row, col) = self.table.index[outside.argmax()], place[outside.argmax()] / scale
            raise DataError(
                f"{self.path}, line {line}: column {col:.0f}, row {row:.0f} lies outside the picture of "
                f"{shape[1] / scale:.0f} x {shape[0] / scale:.0f} px; check unit and pixel size, or bring the frames "
                "together with `enamel register`"
            )
        return place

    def windows(self, shape: tuple[int, ...], scale: float = 1.0, *, signal: np.ndarray | None = None) -> pd.DataFrame:
        """The indents around which a whole window lies in a picture `(H, W)` that was enlarged by `scale`.

        `top` and `left` (int, px of that picture) are added, the corner of the window. Windows with too little
        `signal`, `(H, W)` bool, are left out. Raises DataError if none is left, or an indent lies outside the picture.
        """
        corner = np.rint(self.places(shape, scale) - TILE / 2).astype(int)
        inside = ((corner >= 0) & (corner + TILE <= np.array(shape[:2]))).all(axis=1)
        if not inside.any():
            raise DataError(f"{self.path}: no indent lies {TILE // 2} px or more within the map, as a window needs")
        inside[inside] = _with_signal(signal, corner[inside])
        if not inside.any():
            raise DataError(
                f"{self.path}: every indent lies where the map carries no signal; check unit and pixel size"
            )
        return self.table.assign(top=corner[:, 0], left=corner[:, 1])[inside]


def _with_signal(signal: np.ndarray | None, corners: np.ndarray) -> np.ndarray:
    """Which windows with corners `(N, 2)` have enough signal to be read, `(N,)` bool."""
    if signal is None:
        return np.ones(len(corners), bool)
    shares = [signal[top : top + TILE, left : left + TILE].mean() for top, left in corners]
    return np.array(shares) >= MIN_SIGNAL


def read_indents(path: Path, pixel_size_um: float | None, *, named: str | None = None) -> dict[str, Indents]:
    """Read a table of indents; by map, "" where the table names none.

    Raises DataError where places or hardnesses are not sure; `pixel_size_um` is needed for places in micrometres.
    Where a map is `named`, those of others are left out.
    """
    read = tables.read(path, INDENTS)
    rows = read.rows
    if {"col", "row"} <= set(rows) and rows[["col", "row"]].notna().all(axis=None):
        place = rows[["row", "col"]]
    elif {"x_um", "y_um"} <= set(rows) and rows[["x_um", "y_um"]].notna().all(axis=None):
        if pixel_size_um is None:
            raise InputError(
                f"{path}: places are in um; give the size of the map's pixels (--pixel-size), or col and row"
            )
        place = rows[["y_um", "x_um"]] / pixel_size_um - 0.5
    else:
        raise DataError(f"{path}: says not where every indent is; give x_um and y_um, or col and row")
    table = pd.DataFrame({"row": place.iloc[:, 0], "col": place.iloc[:, 1], "hardness": rows["hardness_gpa"]})
    table["sd"] = rows.get("hardness_sd_gpa", np.nan)
    if "batch" in rows:
        table["batch"] = rows["batch"]
    names = rows["map"] if "map" in rows else pd.Series("", rows.index)
    if named is not None:
        table, names = table[names.isin([named, ""])], names[names.isin([named, ""])]
    said, again = read.said, pd.concat([names, table[["row", "col"]]], axis=1).duplicated().sum()
    if again:
        said = f"{said or path.name}{'; ' if said else ': '}{again} rows repeat a place already named"
    if named is not None:
        return {named: Indents(table, path, said)} if len(table) else {}
    return {name: Indents(part, path, said) for name, part in table.groupby(names, sort=False)}


def is_own(root: Path) -> bool:
    """Whether a folder holds maps in their natural form."""
    return tables.find(root, MAPS_CSV) is not None


def read_maps(root: Path) -> tuple[pd.DataFrame, list[str]]:
    """Read `maps.csv`: its columns for each map, with `file` and `where`; and what to say."""
    read = tables.read(tables.find(root, MAPS_CSV) or root / MAPS_CSV, MAPS)
    maps = read.rows.reindex(columns=[column.name for column in MAPS])
    twice = maps["map"][maps["map"].str.casefold().duplicated()]
    if len(twice):
        raise DataError(f"{read.where(twice.index[0])}: map {twice.iloc[0]!r} is there twice; give each its own name")
    files = []
    for line, name in maps["image"].items():
        if Path(name).is_absolute() or ".." in Path(name.replace("\\", "/")).parts or "\0" in name:
            raise DataError(f"{read.where(line)}: {name!r} leaves the data folder; put the picture into {PICTURES}/")
        tried = [tables.find_file(root / folder / name.replace("\\", "/")) for folder in (PICTURES, ".")]
        file = next((path for path in tried if path.is_file()), None)
        if file is None:
            raise DataError(f"{read.where(line)}: no picture {tried[0]}; add it or correct its name")
        files.append(file)
    lonely = maps["mean_gpa"].isna() & maps["sd_gpa"].notna()
    if lonely.any():
        raise DataError(f"{read.where(lonely.idxmax())}: a standard deviation without a mean; give mean_gpa, too")
    maps, said = maps.assign(file=files, where=[read.where(line) for line in maps.index]), [read.said]
    for one in maps[maps["pixel_size_um"].isna()].itertuples():
        size = _read(one).pixel_size_um
        if size is None:
            raise DataError(
                f"{one.where}: neither it nor {one.image} states the size of a pixel; fill in pixel_size_um"
            )
        maps.loc[one.Index, "pixel_size_um"] = size
    return maps, list(filter(None, said))


def cut_tiles(root: Path, out: Path | None = None) -> Path:
    """Check maps and indents under `root` and cut the tiles of the three sources, all at the training scale.

    They go to `out`, by default a folder of `data/processed/` that is named after all that went into it, and is used
    again as long as nothing changed. Its `own.json` says what was recognised and resampled. Raises DataError, with file
    and line, at the first thing that does not fit.
    """
    maps, said = read_maps(root)
    indents_csv = tables.find(root, INDENTS_CSV)
    inputs = [path for path in (tables.find(root, MAPS_CSV), indents_csv, *maps["file"]) if path]
    digest = hashlib.sha256(b"2")  # of this way to cut
    for path in inputs:
        digest.update(path.relative_to(root).as_posix().encode() + hashlib.sha256(path.read_bytes()).digest())
    out = out or paths.PROCESSED / f"own-{digest.hexdigest()[:12]}"
    if (out / ABOUT).is_file():
        return out
    with paths.atomic_folder(out) as folder:
        rows = []
        known = indents_by_map(maps, indents_csv)
        said += [one.said for one in known.values() if one.said][:1]  # of one table
        for one in maps.itertuples():
            rows += _tiles_of(one, known.get(one.map), folder, said)
        if not rows:
            raise DataError(f"{root}: no map has indents or a mean hardness; nothing can be learned from it")
        pd.DataFrame(rows).to_csv(folder / TILES_CSV, index=False)
        about = {"said": said, "inputs": [path.relative_to(root).as_posix() for path in inputs], "pixel_um": PIXEL_UM}
        (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return out


def indents_by_map(maps: pd.DataFrame, path: Path | None) -> dict[str, Indents]:
    """Indents of each map of `read_maps` that has some, by its name, read from one table, if there is one.

    Raises DataError if a line names no map where there are several, or one that is not there.
    """
    if path is None:
        return {}
    known, pixel = {}, dict(zip(maps["map"], maps["pixel_size_um"], strict=True))
    names = {name: part.path for name, part in read_indents(path, 1.0).items()}
    if "" in names and len(maps) > 1:
        raise DataError(f"{path}: some indents name no map, and there are {len(maps)}; fill in the column 'map'")
    strange = [name for name in names if name and name not in pixel]
    if strange:
        raise DataError(f"{path}: map {strange[0]!r} is not in {MAPS_CSV}; there are {', '.join(pixel)}")
    for name in pixel:
        known |= read_indents(path, pixel[name], named=name)
    return known


def _tiles_of(one, indents: Indents | None, folder: Path, said: list[str]) -> list[dict]:
    """Cut the tiles of one map; their rows."""
    if indents is None and np.isnan(one.mean_gpa):
        said.append(f"{one.map}: neither indents nor a mean hardness; it teaches nothing and is left out")
        return []
    picture = _read(one)
    try:
        scaled = scaling.to_scale(picture, pixel_size_um=one.pixel_size_um)
    except InputError as error:
        raise DataError(f"{one.where}: {one.file}: {error}") from error
    picture, signal = scaled.rgb, scaled.signal
    said += [f"{one.map}: {note}" for note in scaled.notes]
    if indents is not None:
        cut = indents.windows(picture.shape, scaled.scale, signal=signal)
        if len(cut) < len(indents.table):
            left_out = len(indents.table) - len(cut)
            said.append(f"{one.map}: {left_out} indents too near the edge or to places without signal left out")
        source, corners = "accurate", cut[["top", "left"]].to_numpy()
        labels, sds = cut["hardness"].to_numpy(), cut["sd"].to_numpy()
        if one.mean_gpa == one.mean_gpa and abs(one.mean_gpa - labels.mean()) > 0.5:
            said.append(f"{one.map}: its indents' mean is {labels.mean():.2f} GPa, but {one.mean_gpa:.2f} is stated")
    else:
        source, corners = "estimated" if np.isnan(one.sd_gpa) else "noisy", _corners(picture.shape)
        corners = corners[_with_signal(signal, corners)]
        if len(corners) == 0:
            raise DataError(f"{one.where}: {one.file} has no window with enough signal; remove the line or its mean")
        labels, sds = (np.full(len(corners), value) for value in (one.mean_gpa, one.sd_gpa))
    rows = []
    name = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in one.map)
    (folder / name).mkdir(exist_ok=True)
    for number, ((top, left), label, sd) in enumerate(zip(corners, labels, sds, strict=True)):
        image = f"{name}/{one.Index:03d}-{number:04d}.png"
        Image.fromarray(picture[top : top + TILE, left : left + TILE]).save(folder / image)
        rows.append({"image": image, "source": source, "map_id": one.map, "row": top, "col": left})
        rows[-1] |= {"label": label, "label_sd": sd}
    return rows


def _read(one) -> Picture:
    """Read the picture of one map."""
    try:
        return read_picture(one.file)
    except InputError as error:
        raise DataError(f"{one.where}: {error}") from error


def _corners(shape: tuple[int, ...]) -> np.ndarray:
    """Corners of tiles spread over a picture, overlapping by half at most and `MOST_TILES` at most."""
    counts = np.array([2 * side // TILE - 1 for side in shape[:2]])
    counts = np.maximum(1, (counts * min(1, (MOST_TILES / counts.prod()) ** 0.5)).astype(int))
    along = [np.linspace(0, side - TILE, count).astype(int) for side, count in zip(shape[:2], counts, strict=True)]
    return np.stack(np.meshgrid(*along, indexing="ij"), -1).reshape(-1, 2)
