"""Figures of the data: where labels come from, what leaks, what the simulator draws."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from skimage.util import montage

from enamel_lib.images import TILE
from enamel_lib.pic import PIXEL_UM
from enamel_lib.plots.style import COLOURS, draw_image, draw_small_key, letter, new_figure, scale_bar
from enamel_lib.simulate import law
from enamel_lib.simulate.simulator import ENAMEL_THICKNESS_UM, Section

SOURCES = ("accurate", "estimated", "noisy")
HATCHES = ("", "////", "....")  # go with the colours of the sources
WHOLE_MAPS = 5  # shown of the noisy source
BLOCK_UM = 75  # side of a map's block of tiles on the depth map; about twice its true size, to be seen


def origins(
    table: pd.DataFrame,
    tiles: np.ndarray,
    *,
    kind: str,
    indented: np.ndarray | None = None,
    truth: pd.DataFrame | None = None,
) -> Figure:
    """Fig. 1: where the labels come from, and all labels of the united dataset.

    A, the indented map with its places coloured by hardness; B, the depth map with the estimated tiles on it; C, whole
    maps of which mean and standard deviation are known; D, labels by source. Where places or depths are unknown, tiles
    are shown with their labels.

    Parameters
    ----------
    table
        The united table.
    tiles
        `(N, 200, 200, 3)` uint8, by `tile_id`.
    kind
        Of the data, for the title: simulated or own.
    indented
        `(H, W, 3)` uint8, the whole indented map; where None, what its tiles show of it.
    truth
        Of simulated tiles: `image`, `depth`.
    """
    unique = table.drop_duplicates("tile_id")
    accurate, estimated, noisy = (unique[unique["source"] == name] for name in SOURCES)
    shades = mpl.cm.ScalarMappable(mpl.colors.Normalize(*unique["label_stated"].quantile([0.01, 0.99])), "cividis")
    figure = new_figure(7.0)
    figure.suptitle(f"{kind} data", x=0.01, ha="left", size=8)
    top, middle, bottom = figure.subfigures(3, 1, height_ratios=(3.0, 1.75, 1.9))
    a, b = top.subplots(1, 2, width_ratios=(1.35, 1))
    _indented_map(a, accurate, tiles, indented, shades)
    _depth_map(b, estimated, tiles, truth, shades)
    if truth is not None or accurate["row"].notna().all():
        top.colorbar(shades, ax=b, label="hardness (GPa)", extend="both")
    *maps, key = middle.subplots(1, WHOLE_MAPS + 1, width_ratios=(*[1] * WHOLE_MAPS, 0.9))
    _whole_maps(maps, noisy, tiles)
    middle.suptitle(
        f"noisy: {len(noisy):,} crops of {noisy['map_id'].nunique()} maps, of which mean ± sd are known",
        x=0.03,
        ha="left",
        size=8.5,
    )
    draw_small_key(key, 0.5)
    by_tile, by_row = bottom.subplots(1, 2, sharex=True)
    for ax, rows, what in ((by_tile, unique.assign(label=unique["label_stated"]), "tiles"), (by_row, table, "rows")):
        _stacked(ax, rows)
        ax.set(xlabel="label (GPa)", ylabel=what, title=f"{len(rows):,} {what}")
    by_row.legend(*_source_handles())
    letter([a, b, maps[0], by_tile])
    return figure


def _indented_map(ax: Axes, rows: pd.DataFrame, tiles: np.ndarray, picture: np.ndarray | None, shades) -> None:
    if rows["row"].isna().any():
        _examples(ax, rows, tiles)
        return
    if picture is None:
        picture = _assembled(rows, tiles)
    height, width = picture.shape[:2]
    ax.imshow(picture[::2, ::2], extent=(0, width, height, 0), interpolation="antialiased")
    ax.scatter(rows["col"] + TILE / 2, rows["row"] + TILE / 2, 34, shades.to_rgba(rows["label_stated"]), ec="white")
    ax.set_title(f"accurate: {len(rows)} indents, each the label of one tile")
    ax.set_axis_off()
    scale_bar(ax, width, PIXEL_UM)


def _depth_map(ax: Axes, rows: pd.DataFrame, tiles: np.ndarray, truth: pd.DataFrame | None, shades) -> None:
    if truth is None:
        _examples(ax, rows, tiles)
        return
    placed = rows.merge(truth[["image", "depth"]], on="image")
    blocks = placed.groupby("map_id")["depth"].mean()
    side = ENAMEL_THICKNESS_UM
    by_depth = shades.to_rgba(law.depth_only(np.linspace(1, 0, 256)))[:, None]
    ax.imshow(by_depth, extent=(0, side, 0, side), interpolation="bilinear")
    # where in the tooth a map lies makes no difference
    across = np.random.default_rng(0).permutation(len(blocks)) + 0.5
    for (name, depth), place in zip(blocks.items(), across * (side - BLOCK_UM) / len(blocks), strict=True):
        block = placed[placed["map_id"] == name]
        step = BLOCK_UM / (np.ptp(block["row"]) / TILE + 1)
        top = np.clip(depth * side + BLOCK_UM / 2, BLOCK_UM, side)
        for row, col, label in zip(block["row"] / TILE, block["col"] / TILE, block["label_stated"], strict=True):
            corner = place + col * step, top - (row + 1) * step
            ax.add_patch(Rectangle(corner, step, step, fc=shades.to_rgba(label), ec="black", lw=0.15))
        ax.add_patch(Rectangle((place, top - BLOCK_UM), BLOCK_UM, BLOCK_UM, fc="none", ec="white", lw=0.8))
    ax.set(ylabel="from the junction to the surface (µm)", xticks=[], xlim=(0, side), ylim=(0, side))
    ax.set_title(f"estimated: {len(rows)} tiles on the depth map")


def _whole_maps(axes: list[Axes], rows: pd.DataFrame, tiles: np.ndarray) -> None:
    by_map = rows.groupby("map_id")[["label_stated", "label_sd"]].first().sort_values("label_stated")
    shown = by_map.iloc[np.linspace(0, len(by_map) - 1, min(len(axes), len(by_map))).round().astype(int)]
    for ax, (name, stated) in zip(axes, shown.iterrows(), strict=False):
        crops = rows[rows["map_id"] == name]
        known = crops["row"].notna().all()
        picture = _assembled(crops, tiles) if known else montage(tiles[crops["tile_id"][:4]], channel_axis=-1)
        draw_image(ax, picture[::2, ::2], f"{stated['label_stated']:.2f} ± {stated['label_sd']:.2f} GPa")
        if known:
            scale_bar(ax, picture.shape[1] / 2, 2 * PIXEL_UM)
    for ax in axes[len(shown) :]:
        ax.set_axis_off()


def _assembled(rows: pd.DataFrame, tiles: np.ndarray) -> np.ndarray:
    """What the tiles of a map show of it; light grey where none lies."""
    picture = np.full((*(rows[["row", "col"]].max().astype(int) + TILE), 3), 225, np.uint8)
    for tile, row, col in zip(rows["tile_id"], rows["row"].astype(int), rows["col"].astype(int), strict=True):
        picture[row : row + TILE, col : col + TILE] = tiles[tile]
    return picture


def _examples(ax: Axes, rows: pd.DataFrame, tiles: np.ndarray, side: int = 4) -> None:
    """Tiles with their labels, spread over the labels: what can be shown where places are unknown."""
    chosen = rows.sort_values("label_stated").iloc[np.linspace(0, len(rows) - 1, side * side).round().astype(int)]
    draw_image(ax, montage(tiles[chosen["tile_id"]], channel_axis=-1, grid_shape=(side, side)))
    for place, label in enumerate(chosen["label_stated"]):
        at = (place % side + 0.5) * TILE, (place // side + 0.97) * TILE
        ax.text(*at, f"{label:.2f}", ha="center", va="bottom", size=7, bbox={"fc": "white", "ec": "none", "pad": 1})
    ax.set_title(f"{rows['source'].iloc[0]}: {len(rows)} tiles (places unknown), GPa")


def _stacked(ax: Axes, rows: pd.DataFrame) -> None:
    labels = [rows.loc[rows["source"] == name, "label"] for name in SOURCES]
    ax.hist(labels, 50, stacked=True, color=COLOURS[: len(SOURCES)], hatch=HATCHES, ec="white", lw=0)


def _source_handles() -> tuple[list[Rectangle], tuple[str, ...]]:
    styles = zip(COLOURS, HATCHES, strict=False)
    return [Rectangle((0, 0), 1, 1, fc=colour, hatch=hatch, ec="white", lw=0) for colour, hatch in styles], SOURCES


def leak(splits: Mapping[str, pd.DataFrame], audits: Mapping[str, pd.DataFrame]) -> Figure:
    """What a split shows the network of what it will be asked: held-out rows seen in train, and windows of one map.

    Parameters
    ----------
    splits
        By protocol, the split table.
    audits
        By protocol, its leakage audit.
    """
    figure = new_figure(2.7)
    bars, *maps = figure.subplots(1, 1 + len(splits), width_ratios=(1, *[1.1] * len(splits)))
    seen = pd.concat(audits, names=["split"])["seen_share"].mul(100).rename("seen").reset_index()
    sns.barplot(seen, y="source", x="seen", hue="split", ax=bars, orient="h")
    for container, hatch in zip(bars.containers, HATCHES, strict=False):
        bars.bar_label(container, fmt="%.1f", padding=2, size=7)
        for bar in container:
            bar.set(hatch=hatch, ec="white", lw=0)
    bars.set(xlabel="seen in train (%)", ylabel="", xlim=(0, 119), xticks=(0, 50, 100))
    bars.set_title("held-out rows")
    sns.move_legend(bars, "upper center", bbox_to_anchor=(0.4, -0.25), ncols=2, title=None)
    for ax, (name, table) in zip(maps, splits.items(), strict=True):
        _windows(ax, table[table["source"] == SOURCES[0]], name)
    letter([bars, *maps])
    return figure


def _windows(ax: Axes, rows: pd.DataFrame, name: str) -> None:
    """Windows of the indented map: those in train filled, those held out outlined."""
    train, held = (rows[rows["split"].isin(of)].drop_duplicates("tile_id") for of in (["train"], ["val", "test"]))
    shared = held["tile_id"].isin(train["tile_id"]).sum()
    ax.set_title(f"{name} split: {shared} of {len(held)} held-out\nwindows of this map are in train")
    ax.set(xticks=[], yticks=[], facecolor="0.93")
    if rows["row"].isna().any():
        ax.text(0.5, 0.5, "places unknown", ha="center", transform=ax.transAxes)
        return
    filled, outlined = {"fc": COLOURS[0], "alpha": 0.35}, {"fc": "none", "ec": COLOURS[1], "lw": 1}
    for windows, style in ((train, filled), (held, outlined)):
        for row, col in zip(windows["row"], windows["col"], strict=True):
            ax.add_patch(Rectangle((col, row), TILE, TILE, **style))
    keys = [Rectangle((0, 0), 1, 1, **style) for style in (filled, outlined)]
    ax.legend(keys, ("in train", "held out"), loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2)
    ax.set(xlim=(0, rows["col"].max() + TILE), ylim=(rows["row"].max() + TILE, 0), aspect="equal")
    scale_bar(ax, rows["col"].max() + TILE, PIXEL_UM)


def section(simulated: Section) -> Figure:
    """A simulated section: its picture, region, local misorientation and true hardness."""
    figure = new_figure(2.5)
    pictures, keys = figure.subplots(2, 4, height_ratios=(1, 0.3))
    regions = mpl.colors.ListedColormap(["#c9a66b", "#3b6ea5", "#8fb7d9", "#333333"])
    draw_image(pictures[0], simulated.rgb, "simulated PIC map")
    draw_small_key(keys[0], 0.15)
    fields = (simulated.region, simulated.misorientation, simulated.hardness)
    titles = ("region", "local misorientation (°)", "true hardness (GPa)")
    for ax, key, field, title in zip(pictures[1:], keys[1:], fields, titles, strict=True):
        of_regions = {"cmap": regions, "vmin": -0.5, "vmax": 3.5} if title == "region" else {}
        drawn = ax.imshow(field, **of_regions)
        ax.set_title(title)
        ax.set_axis_off()
        key.set_box_aspect(0.08)
        figure.colorbar(drawn, cax=key, orientation="horizontal")
    patches = [Rectangle((0, 0), 1, 1, fc=regions(code)) for code in range(4)]
    keys[1].clear()
    keys[1].set_axis_off()
    keys[1].legend(patches, law.REGION_NAMES, ncols=2, loc="upper center", handlelength=1, columnspacing=1)
    for ax in pictures:
        scale_bar(ax, simulated.rgb.shape[1], simulated.pixel_size_um)
    letter(pictures)
    return figure
