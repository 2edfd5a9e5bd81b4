"""True sensitivity of the synthetic hardness law: how the hardness of a tile changes as one crystal rotates.

It is what a saliency map of a perfect network would show, and only a simulator knows it. A network's gradient with
respect to colours becomes comparable with it by `per_degree`.
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from enamel_lib import pic
from enamel_lib.errors import InputError
from enamel_lib.simulate import law
from enamel_lib.simulate.simulator import Section

NORMAL = pic.to_polarization_frame(np.array([0.0, 0.0, 1.0]))  # surface normal, polarization frame


def hardness_gradient(section: Section, weights: np.ndarray | None = None) -> np.ndarray:
    """Gradient of a mean hardness of a section with respect to the director of each pixel, by the law's chain rule.

    A director counts in two ways: by its angle to the indent (A), and by its misorientation with its neighbours (M),
    which reaches as far as the Gaussian means of the law.

    Parameters
    ----------
    section
        Simulated in a world whose hardness follows its own depth and crystals ("confounded"), at its native scale.
    weights
        `(H, W)`, of each pixel's hardness in the mean: 1 / n over a tile, or 1 at an indent; all equal if None. At the
        edge of a section the law repeats the outermost crystals, so a tile wants a margin of 45 px around it: three
        standard deviations of both Gaussian means.

    Returns
    -------
    numpy.ndarray
        `(H, W, 3)` float64, tangent to the directors, polarization frame; GPa per degree of rotation.

    Raises
    ------
    InputError
        If the section was shrunk (0.09 um per pixel or more) or the weights do not fit it.
    """
    if section.pixel_size_um >= 0.09:
        raise InputError(f"a section of {section.pixel_size_um} um per pixel was shrunk; simulate it at 0.06")
    if weights is None:
        weights = np.full(section.hardness.shape, 1 / section.hardness.size)
    if weights.shape != section.hardness.shape:
        raise InputError(f"weights of shape {weights.shape} do not fit a section of {section.hardness.shape}")
    director = section.director.astype(np.float64)
    pixel = section.pixel_size_um
    weight = _gaussian_adjoint(weights, law.SUPPORT_UM / pixel)
    weight = weight * law.size_effect() * law.depth_factor(section.depth) * law.REGION_FACTORS[section.region]
    cos_psi, misorientation = director @ NORMAL, section.misorientation.astype(np.float64)

    by_direction = weight * law.misorientation_factor(misorientation) * _derivative(law.direction_factor, cos_psi)
    by_mean = weight * law.direction_factor(cos_psi) * _derivative(law.misorientation_factor, misorientation)
    gradient = by_direction[..., None] * NORMAL + _through_misorientation(director, by_mean, pixel)
    gradient -= (gradient * director).sum(axis=-1, keepdims=True) * director
    return np.radians(gradient)  # per radian to per degree


def _derivative(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, step: float = 1e-4) -> np.ndarray:
    return (function(x + step) - function(x - step)) / (2 * step)


def _gaussian_adjoint(field: np.ndarray, sigma: float) -> np.ndarray:
    """Transpose of the law's Gaussian filter, whose edges repeat the outermost pixel."""
    rows, cols = (
        ndimage.gaussian_filter1d(np.eye(side), sigma, axis=0, truncate=3, mode="nearest") for side in field.shape
    )
    return rows.T @ field @ cols


def _through_misorientation(director: np.ndarray, by_mean: np.ndarray, pixel: float) -> np.ndarray:
    """Gradient `(H, W, 3)` per radian, given that with respect to the local mean misorientation in degrees."""
    lag = max(1, round(law.MISORIENTATION_LAG_UM / pixel))
    pairs = ((np.s_[lag:, :], np.s_[:-lag, :]), (np.s_[:, lag:], np.s_[:, :-lag]))
    neighbours = np.zeros(by_mean.shape)
    for _, behind in pairs:
        neighbours[behind] += 1
    by_angle = _gaussian_adjoint(by_mean, law.MISORIENTATION_MEAN_UM / pixel) / np.maximum(neighbours, 1)
    gradient = np.zeros(director.shape)
    for ahead, behind in pairs:
        a, b, share = director[ahead], director[behind], by_angle[behind][..., None]
        dot = (a * b).sum(axis=-1, keepdims=True)
        sine = np.linalg.norm(np.cross(a, b), axis=-1, keepdims=True)
        toward = -np.degrees(np.sign(dot) / np.maximum(sine, 1e-9)) * share  # degrees of angle per radian
        gradient[ahead] += toward * (b - dot * a)
        gradient[behind] += toward * (a - dot * b)
    return gradient


def per_degree(gradient: np.ndarray, tiles: np.ndarray) -> np.ndarray:
    """Turn a gradient with respect to colours into one with respect to the c-axis: GPa per degree of rotation.

    Brightness falls with gamma and the middle channel moves with phi; a degree of phi rotates the director by cos gamma
    degrees. Near black, where phi rotates nothing, cos gamma is held at 0.1.

    Parameters
    ----------
    gradient
        `(..., 3)`, GPa per unit of colour.
    tiles
        `(..., 3)`, uint8 or float in [0, 1]: the colours at which it was taken.

    Returns
    -------
    numpy.ndarray
        `(...)`, 0 or more: slope along the steepest rotation that the picture shows.
    """
    colour = tiles / np.float32(255 if tiles.dtype == np.uint8 else 1)
    order = np.argsort(colour, axis=-1)
    middle = np.take_along_axis(gradient, order[..., 1:2], axis=-1)[..., 0]
    value = colour.max(axis=-1)
    along_phi = middle * (value - colour.min(axis=-1)) / 30  # 30 degrees of phi are one sixth of the hue circle
    along_gamma = (gradient * colour).sum(axis=-1) / np.maximum(value, 1 / 255) / 90
    cos_gamma = np.cos(np.radians(90 * (1 - value)))
    return np.hypot(along_gamma, along_phi / np.maximum(cos_gamma, 0.1))
