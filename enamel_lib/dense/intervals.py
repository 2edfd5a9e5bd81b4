"""Intervals of readings, calibrated by whole groups: maps, blocks of a map, batches of indents; never by neighbours.

Neighbouring pixels share most of their errors, so that thousands of them may say less than ten maps. What is promised
here is therefore promised of a *group* that is new and exchangeable with the others: that a random place in it lies
within the interval (Lee, Barber & Willett 2023, "Distribution-free inference with hierarchical data", arXiv
2306.06342).
MAPIE has no such interval: its folds may keep groups together, but every pixel of theirs counts as one of many draws.

>>> errors = predicted - measured  # each predicted by a fit that knew nothing of its group
>>> half = intervals.half_width(errors, maps)  # predicted +- half holds 90 % of a new map
>>> intervals.left_out(errors, maps)  # and so it did for each map, calibrated by the others
"""

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from enamel_lib.errors import InputError


def half_width(errors: ArrayLike, groups: ArrayLike, *, coverage: float = 0.9, promised: bool = True) -> float:
    """Half width of the interval around a reading.

    Parameters
    ----------
    errors
        `(N,)`: of readings whose group was left out of the fit. Relative ones (of log H, or divided by a scale of each
        reading) give a relative width.
    groups
        `(N,)`: the group of each. All groups weigh the same, however many readings they have.
    coverage
        Share of a new group that shall lie within, between 0 and 1.
    promised
        Whether the level is raised for the new group, as if its errors were infinite, so that the coverage is a
        promise, on average over groups. Else it is the share of the groups that are known, which a new one may well
        miss (Dunn, Wasserman & Ramdas 2022, "CDF pooling", arXiv 1809.07441).

    Returns
    -------
    half_width
        In the unit of the errors; infinite where so few groups promise nothing: that takes 9 at least for 90 %, and 19
        for 95 %.

    Raises
    ------
    InputError
        If there is nothing to calibrate by, an error is not finite, or the coverage is no share.
    """
    sizes, member = _checked(errors, groups, coverage)
    size = np.abs(sizes)
    _, group, counts = np.unique(member, return_inverse=True, return_counts=True)
    count = len(counts) + promised
    order = np.argsort(size)
    reached = np.cumsum(1 / (count * counts[group[order]]))
    enough = reached >= coverage - 1e-9
    return float(size[order][enough.argmax()]) if enough.any() else math.inf


def left_out(errors: ArrayLike, groups: ArrayLike, *, coverage: float = 0.9, promised: bool = True) -> pd.DataFrame:
    """Calibrate by all groups but one, and try the interval on it: a row for each group.

    Arguments are as of `half_width`. Columns are `half_width`, of the others' errors; `inside`, the share of the group
    that lies within; `n`, its readings. The mean of `inside` over groups estimates the coverage, its spread says how
    much a single group may miss it by.
    """
    errors, member = _checked(errors, groups, coverage)
    names = np.unique(member)
    if len(names) < 2:
        raise InputError("one group: none is left to calibrate by when it is left out; give two groups or more")
    rows = {}
    for name in names:
        own = member == name
        half = half_width(errors[~own], member[~own], coverage=coverage, promised=promised)
        rows[name] = {"half_width": half, "inside": float((np.abs(errors[own]) <= half).mean()), "n": int(own.sum())}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("group")


def _checked(errors: ArrayLike, groups: ArrayLike, coverage: float) -> tuple[np.ndarray, np.ndarray]:
    errors, groups = np.asarray(errors, float).ravel(), np.asarray(groups).ravel()
    if not 0 < coverage < 1:
        raise InputError(f"coverage {coverage} is no share; give one between 0 and 1, such as 0.9")
    if errors.shape != groups.shape or not errors.size:
        raise InputError(
            f"{errors.size} errors and {groups.size} groups; give the group of every error, and some of both"
        )
    if not np.isfinite(errors).all():
        raise InputError("an error is not finite; leave out places without a reading")
    return errors, groups
