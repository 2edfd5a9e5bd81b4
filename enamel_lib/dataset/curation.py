"""The united dataset: repeated as published or weighted, split two ways, checked for leakage, and loaded.

As published (Lew 2023, Data curation; released notebook DatasetCreation), rows are repeated 100, 10 and 5 times
*before* they are split at random, so that nearly every held-out image is also in train. The audited protocol splits
whole maps, or blocks with a gap between them within a map, and lets weights stand for the repeats.
"""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from enamel_lib.dataset.simulated import LABELS_GPA
from enamel_lib.dataset.sources import Source, tiles_root
from enamel_lib.errors import InputError, check_choice
from enamel_lib.images import TILE, read_image

REPEATS = {"accurate": 100, "estimated": 10, "noisy": 5}
SHARES = {"train": 0.7, "val": 0.2, "test": 0.1}
PROTOCOLS = ("paper", "audited")
CUTS = 24  # tried along each axis of a map that is split into blocks


def united_table(sources: dict[str, Source], *, seed: int = 0) -> pd.DataFrame:
    """The three sources (of `sources.load_sources`) as one table of rows, repeated as published.

    Every repeat of a noisy tile draws its label anew from its map's mean and standard deviation, until it lies in 2 to
    7 GPa (or in the range of the maps' means, should that be wider).

    Columns are those of `Source.table`, and `tile_id` (0, 1, ... in the order of sources and tiles; equal for repeats
    of one tile) and `label_stated` (GPa: the label before any draw). There are 22,730 rows for the published counts.
    """
    tiles = pd.concat([sources[name].table for name in REPEATS if name in sources], ignore_index=True)
    tiles["tile_id"] = np.arange(len(tiles))
    tiles["label_stated"] = tiles["label"]
    table = tiles.loc[tiles.index.repeat(tiles["source"].map(REPEATS))].reset_index(drop=True)
    drawn = (table["source"] == "noisy").to_numpy()
    mean, sd = table.loc[drawn, "label"].to_numpy(), table.loc[drawn, "label_sd"].to_numpy()
    if drawn.any():
        table.loc[drawn, "label"] = _draw_within(mean, sd, np.random.default_rng(seed))
    return table


def label_noise(table: pd.DataFrame) -> pd.DataFrame:
    """Error of the labels by source, GPa: `bias` and `sd` about the true mean of each tile; NaN where none is known."""
    error = table["label"] - table["truth"]
    return error.groupby(table["source"]).agg(bias="mean", sd="std")


def _draw_within(mean: np.ndarray, sd: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    low, high = min(LABELS_GPA[0], mean.min()), max(LABELS_GPA[1], mean.max())
    label = rng.normal(mean, sd)
    while (outside := (label < low) | (label > high)).any():
        label[outside] = rng.normal(mean[outside], sd[outside])
    return label


def split(table: pd.DataFrame, protocol: str, *, seed: int = 0) -> pd.DataFrame:
    """Assign every row of `united_table` to train, val or test.

    Protocol `paper`: rows, repeats included, are shuffled and cut at 70 and 90 %, as published. `audited`: every tile
    stands once, with its stated label; sources of at least three maps are split by whole map, stratified by label; a
    source of fewer maps is split into blocks with a gap of one window (200 px) of untouched pixels between them, if the
    places of its tiles are known, and goes to train otherwise. InputError for any other.

    Adds `split` (`train`, `val`, `test`, or `gap` for tiles between the audited blocks) and `weight`: 1 for `paper`;
    for `audited`, each source's tiles share the number of rows it has in `table`, and the weights of every split have
    mean 1 (0 in the gap).
    """
    check_choice("split", protocol, PROTOCOLS)
    rng = np.random.default_rng(seed)
    if protocol == "paper":
        order = rng.permutation(len(table))
        names = np.empty(len(table), dtype=object)
        cuts = np.rint(np.cumsum(list(SHARES.values()))[:2] * len(table)).astype(int)
        for name, rows in zip(SHARES, np.split(order, cuts), strict=True):
            names[rows] = name
        return table.assign(split=names, weight=1.0)
    rows_of = table["source"].value_counts()
    tiles = table.drop_duplicates("tile_id").reset_index(drop=True)
    tiles["label"] = tiles["label_stated"]
    tiles["split"] = "train"
    for _, source in tiles.groupby("source", sort=True):
        if source["map_id"].nunique() >= len(SHARES):
            tiles.loc[source.index, "split"] = _by_map(source, rng)
        else:
            for _, one_map in source.groupby("map_id"):
                tiles.loc[one_map.index, "split"] = _by_block(one_map)
    tiles["weight"] = 0.0
    for name in SHARES:
        rows = tiles[tiles["split"] == name]
        weight = rows["source"].map(rows_of) / rows["source"].map(rows["source"].value_counts())
        tiles.loc[rows.index, "weight"] = weight / weight.mean()
    return tiles


def _by_map(tiles: pd.DataFrame, rng: np.random.Generator) -> pd.Series:
    """Split by whole map: one held-out map from each of equal slices of the maps sorted by label, test ones spread."""
    maps = tiles.groupby("map_id")["label"].mean().sort_values(kind="stable").index.to_numpy()
    n_val, n_test = (max(1, round(SHARES[name] * len(maps))) for name in ("val", "test"))
    held_out = [rng.choice(part) for part in np.array_split(maps, n_val + n_test)]
    tested = {str(rng.choice(part)) for part in np.array_split(held_out, n_test)}
    split_of = {name: "test" if name in tested else "val" for name in map(str, held_out)}
    return tiles["map_id"].map(lambda name: split_of.get(name, "train"))


def _by_block(tiles: pd.DataFrame) -> np.ndarray:
    """Split one map: train on one side of a gap; beyond it val and test, with a gap between them as well.

    Of cuts along both axes and both ways (up to `CUTS` each), the one is taken whose smallest split is fullest for its
    share, and among equals the one that keeps most tiles in train.
    """
    best, best_score = np.full(len(tiles), "train", dtype=object), (0.0, 0)
    place = tiles[["row", "col"]].to_numpy(float)
    if np.isnan(place).any():
        return best
    apart = 2 * TILE  # top-left corners this far apart leave one whole window free between two tiles
    sides = [sign * place[:, axis] for sign in (1, -1) for axis in (0, 1)]
    for u, v in itertools.product(sides, repeat=2):
        for cut in _cuts(u):
            train, beyond = u <= cut, u >= cut + apart
            for cross in _cuts(v[beyond]):
                val, test = beyond & (v <= cross), beyond & (v >= cross + apart)
                kept = {"train": train.sum(), "val": val.sum(), "test": test.sum()}
                score = (min(kept[name] / share for name, share in SHARES.items()), kept["train"])
                if score[0] > 0 and score > best_score:
                    best_score = score
                    best = np.select([train, val, test], ["train", "val", "test"], "gap").astype(object)
    return best


def _cuts(place: np.ndarray) -> np.ndarray:
    """Places to cut after: never after the last."""
    if len(place) == 0:
        return place
    return np.unique(np.quantile(place, np.linspace(0, 1, CUTS + 1), method="lower"))[:-1]


def held_out_together(table: pd.DataFrame, protocol: str) -> np.ndarray:
    """Number, `(N,)`, of what each row is held out with: nothing for `paper`, its map for `audited`.

    Where there is but one map, as within a source that is split by blocks, its tiles are held out one by one.
    """
    if protocol == "paper":
        return np.arange(len(table))
    maps = table.groupby(["source", "map_id"]).ngroup().to_numpy()
    return maps if np.ptp(maps) else table["tile_id"].to_numpy()


def leakage_audit(table: pd.DataFrame) -> pd.DataFrame:
    """Count what the held-out rows (val and test) of a table of `split` share with train.

    One row per source and one `overall`: `held_out` rows; `seen` of them whose identical tile is in train, and that
    `seen_share`; `held_out_px`, distinct pixels under the held-out tiles; `seen_px` of them under tiles of train, and
    that `seen_px_share`. Shares of nothing are NaN. A tile of unknown place counts as a map of its own.
    """
    held = table["split"].isin(["val", "test"])
    train = table["split"] == "train"
    seen = held & table["tile_id"].isin(table.loc[train, "tile_id"])
    unplaced = table["row"].isna() | table["col"].isna()
    map_key = table["map_id"].astype(str).where(~unplaced, "tile " + table["tile_id"].astype(str))
    train_of = {name: _places(rows) for name, rows in table[train].groupby(map_key[train])}
    counts = {
        source: np.array([held[rows.index].sum(), seen[rows.index].sum(), 0, 0])
        for source, rows in table.groupby("source", sort=True)
    }
    for (source, name), rows in table[held].groupby(["source", map_key[held]]):
        counts[source][2:] += _covered(_places(rows), train_of.get(name, np.empty((0, 2))))
    audit = pd.DataFrame.from_dict(counts, orient="index", columns=["held_out", "seen", "held_out_px", "seen_px"])
    audit.loc["overall"] = audit.sum()
    audit = audit.astype(np.int64).rename_axis("source")
    audit.insert(2, "seen_share", audit["seen"] / audit["held_out"].replace(0, np.nan))
    audit["seen_px_share"] = audit["seen_px"] / audit["held_out_px"].replace(0, np.nan)
    return audit


def _places(rows: pd.DataFrame) -> np.ndarray:
    return np.unique(rows[["row", "col"]].fillna(0).to_numpy(float), axis=0)


def _covered(held: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Pixels of one map under the held-out tiles, and under tiles of both sides; `(n, 2)` top-left corners."""
    corners = np.concatenate([held, train])
    # the tiles' edges cut the map into cells that are covered whole or not at all
    edges = [np.unique(np.concatenate([corners[:, axis], corners[:, axis] + TILE])) for axis in (0, 1)]
    area = np.outer(*(np.diff(edge) for edge in edges))
    masks = []
    for tiles in (held, train):
        mask = np.zeros(area.shape, dtype=bool)
        for row, col in tiles:
            mask[_cells(edges[0], row), _cells(edges[1], col)] = True
        masks.append(mask)
    return np.rint([area[masks[0]].sum(), area[masks[0] & masks[1]].sum()]).astype(np.int64)


def _cells(edges: np.ndarray, start: float) -> slice:
    return slice(*np.searchsorted(edges, (start, start + TILE)))


def load_tiles(table: pd.DataFrame, root: Path | str) -> np.ndarray:
    """Pictures of all tiles of a table, `(N, 200, 200, 3)` uint8: entry i is the tile with `tile_id` i.

    Raises InputError if the table lacks a tile from 0 on (load before filtering), or an image cannot be read.
    """
    tiles = table.drop_duplicates("tile_id").sort_values("tile_id")
    if not np.array_equal(tiles["tile_id"], np.arange(len(tiles))):
        raise InputError(
            "the table lacks some tiles, so that tile_id would not index the pictures; load before filtering"
        )
    root = tiles_root(root)
    pictures = np.empty((len(tiles), TILE, TILE, 3), dtype=np.uint8)
    for picture, image in zip(pictures, tiles["image"], strict=True):
        picture[:] = read_image(root / image)
    return pictures
