"""Resolution of a dense map, measured: how it reads a straight boundary in enamel, in the manner of ISO 12233.

Two sections of one seed differ in one trait of their texture only, and a picture is put together of both along a
slanted line. How far its map has gone over from that of the one to that of the other, by the distance to the line, is
the edge-spread function; what rods do is in all three maps, and cancels.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
from scipy.signal import windows

from enamel_lib.dense import indenter
from enamel_lib.dense.code import CELL_UM
from enamel_lib.pic import PIXEL_UM
from enamel_lib.simulate import simulator, texture

KINDS = {  # of boundaries: what differs across them, and values of it, from little to much contrast
    "misorientation": ("scatter", ((3.0, 4.0), (2.0, 5.0))),  # degrees
    "tilt": ("crystal_tilt", ((-20.0, -35.0), (-10.0, -45.0))),  # degrees
}
SHAPE, COUNT, FIRST_SEED = (448, 448), 6, 9_000_000
SLOPE_DEG = 5.0  # of the line, so that cells sample it at all distances
BIN_UM, REACH_UM = 0.12, 8.0
PLATEAU_UM = 4.0  # from the line on, where an edge of any use is over
RISE = (0.1, 0.9)


def edge_spread(model: keras.Model, *, count: int = COUNT) -> pd.DataFrame:
    """Measure the edge-spread functions of a model.

    Parameters
    ----------
    model
        From `indenter.load`.
    count
        Sections for each boundary.

    Returns
    -------
    spread
        A row for each kind of boundary, contrast and distance: `kind`; `values`, what is on either side; `contrast`,
        root mean square of the difference that is read, GPa; `distance`, um; and `share`, of the step between what is
        read 4 to 8 um away on either side. (What surroundings share goes over within 30 um, and is no part of it.)
    """
    rows = []
    for kind, (name, pairs) in KINDS.items():
        for pair in pairs:
            distance, share, contrast = _across(model, name, pair, count)
            about = {"kind": kind, "values": f"{pair[0]:g} to {pair[1]:g}°", "contrast": contrast}
            rows.append(pd.DataFrame(about | {"distance": distance, "share": share}))
    return pd.concat(rows, ignore_index=True)


def measures(spread: pd.DataFrame) -> pd.DataFrame:
    """Measures of edge-spread functions, a row for each boundary.

    `rise` from 10 to 90 % of the step, um, NaN if it does not begin below and end above; `overshoot`, beyond either
    end, as a share of the step; `mtf50`, the frequency at which the modulation-transfer function has fallen to a half,
    cycles per um.
    """
    found = []
    for (kind, values), rows in spread.groupby(["kind", "values"], sort=False):
        distance, share = rows["distance"].to_numpy(), rows["share"].to_numpy()
        after = [int(np.argmax(share > level)) for level in RISE]
        met = [
            np.interp(level, share[at - 1 : at + 1], distance[at - 1 : at + 1]) if at else np.nan
            for level, at in zip(RISE, after, strict=True)
        ]
        frequency, transfer = modulation_transfer(share)
        found.append(
            {
                "kind": kind,
                "values": values,
                "contrast": rows["contrast"].iloc[0],
                "rise": met[1] - met[0],
                "overshoot": max(share.max() - 1, -share.min()),
                "mtf50": frequency[np.argmax(transfer < 0.5)],
            }
        )
    return pd.DataFrame(found)


def modulation_transfer(share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Modulation-transfer function of an edge-spread function: frequencies, cycles per um, and transfer, 1 at 0."""
    line = np.diff(share) * windows.tukey(len(share) - 1)
    transfer = np.abs(np.fft.rfft(line, 8 * len(line)))
    return np.fft.rfftfreq(8 * len(line), BIN_UM), transfer / transfer[0]


def noise_power(pairs: Iterable[tuple[np.ndarray, np.ndarray]], *, bins: int = 24) -> pd.DataFrame:
    """Noise-power spectrum of dense maps, beside the power of what they should show.

    Parameters
    ----------
    pairs
        What was read, and the truth, `(R, C)` GPa in cells of 0.24 um, 16 cells or more a side; NaN counts as no error.
        The mean of either is left out: it is the level, not noise.

    Returns
    -------
    spectrum
        By `frequency` (cycles per um, to half a cycle per cell): power of the `truth` and of the `noise`, which is what
        is read less that; GPa^2 um^2, means over directions and maps.
    """
    found = []
    for read, true in pairs:
        window = np.outer(*(windows.hann(side) for side in true.shape))
        radius = np.hypot(*np.meshgrid(*(np.fft.fftfreq(side, CELL_UM) for side in true.shape), indexing="ij"))
        which = np.digitize(radius, np.linspace(0, 0.5 / CELL_UM, bins + 1)[1:])
        row = []
        for field in (true, np.where(np.isfinite(read), read - true, np.nan)):
            centred = np.nan_to_num(field - np.nanmean(field)) * window
            power = np.abs(np.fft.fft2(centred)) ** 2 * CELL_UM**2 / (window**2).sum()
            row.append([power[which == each].mean() for each in range(bins)])
        found.append(row)
    frequency = (np.arange(bins) + 0.5) * 0.5 / CELL_UM / bins
    truth, noise = np.mean(found, axis=0)
    return pd.DataFrame({"frequency": frequency, "truth": truth, "noise": noise})


def _across(model: keras.Model, name: str, pair: Sequence[float], count: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Distances, shares and contrast of one boundary: least squares over all cells at a distance."""
    edges = np.arange(-REACH_UM, REACH_UM + BIN_UM, BIN_UM)
    sums = np.zeros((2, len(edges) - 1))
    squares = []
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        drawn = texture.with_phase(texture.preset(texture.REAL_MAP), np.random.default_rng(seed))
        looks = [replace(drawn, **{name: value}) for value in pair]
        one, other = (simulator.section(SHAPE, seed=seed, depth=0.5, texture=look).rgb for look in looks)
        joined = np.where((_distance(SHAPE, PIXEL_UM) > 0)[..., None], other, one)
        reads = [np.log(indenter.hardness_map(model, rgb).hardness) for rgb in (one, other, joined)]
        step, moved = reads[1] - reads[0], reads[2] - reads[0]
        seen = np.isfinite(step) & np.isfinite(moved)
        bins = np.digitize(_distance(step.shape, CELL_UM)[seen], edges) - 1
        inside = (bins >= 0) & (bins < len(edges) - 1)
        for total, values in zip(sums, (moved * step, step * step), strict=True):
            np.add.at(total, bins[inside], values[seen][inside])
        squares.append(np.nanmean((np.exp(reads[1]) - np.exp(reads[0])) ** 2))
    distance, share = (edges[:-1] + edges[1:]) / 2, sums[0] / sums[1]
    low, high = share[distance < -PLATEAU_UM].mean(), share[distance > PLATEAU_UM].mean()
    return distance, (share - low) / (high - low), float(np.sqrt(np.mean(squares)))


def _distance(shape: tuple[int, int], size_um: float) -> np.ndarray:
    """Distance to the line through the middle, um, of the middle of pixels or cells."""
    y, x = (np.arange(side) - (side - 1) / 2 for side in shape)
    angle = np.radians(SLOPE_DEG)
    return size_um * (x * np.cos(angle) + y[:, None] * np.sin(angle))
