"""The synthetic hardness law: GPa at every point of a simulated section (DOMAIN.md B, "Proposed ground truth").

    H = G_0.4um * [ H_inf sqrt(1 + h* / h) . D(depth) . A(psi) . M(misorientation) . R(region) ]

Every constant is a stated choice: size effect from two published depths, depth, direction and region factors from
published ranges, and a misorientation factor whose slope is *chosen*, because no published slope could be obtained.
"""

import numpy as np
from scipy import ndimage

H_INFINITE = 3.456  # GPa; Nix-Gao through 5.7 GPa at 100 nm and 3.6 GPa at 2000 nm
H_STAR_NM = 172.0  # nm
INDENT_DEPTH_NM = 100.0  # nm (Lew 2023, Nanoindentation of human enamel)
SUPPORT_UM = 0.4  # um, Gaussian sigma of the material one indent feels
MISORIENTATION_LAG_UM = 0.06  # um: neighbours are one native PIC pixel apart
MISORIENTATION_MEAN_UM = 0.5  # um, Gaussian sigma of their local mean
MISORIENTATION_PEAK_DEG = 12.0

INTERROD, HEAD, TAIL, SHEATH = range(4)
REGION_NAMES = ("interrod", "head", "tail", "sheath")
REGION_FACTORS = np.array([0.91, 1.0, 0.86, 0.75], np.float32)


def size_effect(depth_nm: float = INDENT_DEPTH_NM) -> float:
    """Hardness of unweakened enamel at an indentation depth in nm, GPa (Nix-Gao)."""
    return H_INFINITE * np.sqrt(1 + H_STAR_NM / depth_nm)


def depth_factor(depth: np.ndarray) -> np.ndarray:
    """D: 0.5 at the dentin-enamel junction (`depth` 0) to 1 at the surface (`depth` 1)."""
    return 0.5 + 0.5 * np.asarray(depth) ** 0.7


def direction_factor(cos_psi: np.ndarray) -> np.ndarray:
    """A, from the cosine of the angle between c-axis and indentation direction (the surface normal)."""
    return 1 + 0.15 * (np.asarray(cos_psi) ** 2 - 1 / 3)


def misorientation_factor(mean_deg: np.ndarray) -> np.ndarray:
    """M, from the local mean misorientation of neighbours 60 nm apart, degrees; rises to its peak at 12 degrees."""
    ratio = np.asarray(mean_deg) / MISORIENTATION_PEAK_DEG
    return 1 + 0.6 * (ratio * np.exp(1 - ratio) - 0.65)


def hardness(depth, cos_psi, mean_misorientation_deg, region, *, pixel_size_um: float) -> np.ndarray:
    """Hardness an indent would find at every pixel, GPa.

    Parameters
    ----------
    depth
        `(H, W)` or scalar, 0 at the dentin-enamel junction to 1 at the surface.
    cos_psi
        `(H, W)`, cosine between c-axis and surface normal (sample frame).
    mean_misorientation_deg
        `(H, W)`, local mean misorientation, degrees.
    region
        `(H, W)` integers, an index into `REGION_NAMES`.
    pixel_size_um
        Micrometres per pixel, for the Gaussian support of the indent.

    Returns
    -------
    hardness
        `(H, W)` float32, GPa.
    """
    point = (
        size_effect()
        * depth_factor(depth)
        * direction_factor(cos_psi)
        * misorientation_factor(mean_misorientation_deg)
        * REGION_FACTORS[region]
    )
    return ndimage.gaussian_filter(point.astype(np.float32), SUPPORT_UM / pixel_size_um, truncate=3, mode="nearest")


def depth_only(depth: np.ndarray) -> np.ndarray:
    """Hardness expected from depth alone, GPa: what a published map of a whole tooth tells about one place in it.

    The other factors stand at their means over simulated enamel, `MEAN_OTHER_FACTORS` together.
    """
    return size_effect() * MEAN_OTHER_FACTORS * depth_factor(depth)


MEAN_OTHER_FACTORS = 0.91  # mean of A M R over simulated sections of all depths; tests/simulate/test_law.py
