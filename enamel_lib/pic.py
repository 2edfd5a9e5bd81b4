"""Colours of polarization-dependent imaging contrast (PIC) maps, and the crystal c-axes they stand for.

A colour gives two angles against the polarization plane (Lew 2023, Human enamel images): hue is the in-plane angle
phi, -90 to 90 degrees with cyan at 0, and brightness the off-plane angle gamma, full at 0 and black at 90 degrees.
The contrast depends on cos^2 of the angle between c-axis and polarization, so the sign of gamma is not in the
picture: every pixel has two candidate directors, told apart here by `sign` (DOMAIN.md A).

Frames: x is vertical in the image (down) and shared by both planes; y is horizontal; z completes the right hand. The
polarization plane is turned by 60 degrees about x from the image plane. Directors are unit vectors without a head.
"""

import numpy as np

PIXEL_UM = 0.06  # um per pixel of a PIC map as it is recorded, and so of every tile (56 nm; DOMAIN.md A)
PLANE_ANGLE_DEG = 60.0  # polarization plane against sample surface (Lew 2023, Human enamel images)


def decode(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Angles of the c-axis against the polarization plane, read from colours `(..., 3)`, uint8 or float in [0, 1].

    In-plane angle in [-90, 90) and off-plane angle in [0, 90], degrees, `(...)` each. Saturation is ignored; what has
    no hue gets -90. Raises ValueError if the last axis does not have three channels.
    """
    rgb = np.asarray(rgb)
    if rgb.shape[-1:] != (3,):
        raise ValueError(f"colours have shape (..., 3), got {rgb.shape}")
    scale = 255.0 if rgb.dtype == np.uint8 else 1.0
    rgb = rgb.astype(np.result_type(rgb.dtype, np.float32) if rgb.dtype != np.uint8 else np.float64)
    # channel by channel: numpy is slow along a last axis of three
    red, green, blue = np.ascontiguousarray(np.moveaxis(rgb, -1, 0))
    high = np.maximum(np.maximum(red, green), blue)
    chroma = high - np.minimum(np.minimum(red, green), blue)
    safe = np.where(chroma == 0, 1, chroma)
    sixths = np.where(high == green, (blue - red) / safe + 2, (red - green) / safe + 4)
    from_red = (green - blue) / safe
    sixths = np.where(high == red, np.where(from_red < 0, from_red + 6, from_red), sixths)
    phi = 30.0 * np.where(chroma == 0, 0.0, sixths)
    phi = np.where(phi < 180, phi, phi - 180.0) - 90.0
    return phi, 90.0 * (1.0 - high / scale)


def to_director(phi_deg: np.ndarray, gamma_deg: np.ndarray, sign: int = 1) -> np.ndarray:
    """Director in the polarization frame, `(..., 3)`, of in-plane and off-plane angle, degrees, `(...)`.

    `sign` is the branch of the unknown sign of gamma: +1 or -1, or an array of them.
    """
    phi, gamma = np.radians(phi_deg), np.radians(gamma_deg)
    return np.stack([np.cos(gamma) * np.cos(phi), np.cos(gamma) * np.sin(phi), sign * np.sin(gamma)], axis=-1)


def director(rgb: np.ndarray, sign: int = 1) -> np.ndarray:
    """Director in the polarization frame, `(..., 3)`, read from colours `(..., 3)`: `decode`, then `to_director`."""
    return to_director(*decode(rgb), sign)


def brightness(rgb: np.ndarray) -> np.ndarray:
    """Brightness V, 0 to 1, of colours `(..., 3)`, uint8 or float in [0, 1]: V = 1 - gamma / 90."""
    red, green, blue = np.moveaxis(rgb, -1, 0)  # channel by channel: numpy is slow along a last axis of three
    value = np.maximum(np.maximum(red, green), blue)
    return value / 255 if rgb.dtype == np.uint8 else value


def encode(director: np.ndarray) -> np.ndarray:
    """Fully saturated PIC colour, uint8, of directors `(..., 3)` in the polarization frame: the inverse of `decode`."""
    x, y, z = np.moveaxis(np.asarray(director), -1, 0)
    value = 1.0 - np.arctan2(np.abs(z), np.hypot(x, y)) * (2.0 / np.pi)
    # phi = 0 (cyan) lies half way round the hue circle; one turn of hue is half a turn of the director
    sixths = np.arctan2(y, x) * (6.0 / np.pi) + 3.0
    rgb = np.empty((*x.shape, 3), np.uint8)
    for channel, offset in enumerate((5.0, 3.0, 1.0)):
        k = (sixths + offset) % 6.0
        rgb[..., channel] = np.rint(255.0 * value * (1.0 - np.clip(np.minimum(k, 4.0 - k), 0.0, 1.0)))
    return rgb


def _turned(director: np.ndarray, degrees: float) -> np.ndarray:
    x, y, z = np.moveaxis(np.asarray(director), -1, 0)
    cos, sin = float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))
    return np.stack([x, y * cos - z * sin, y * sin + z * cos], axis=-1)


def to_sample_frame(director: np.ndarray) -> np.ndarray:
    """Directors `(..., 3)` turned from the polarization frame to the sample frame, with z (out of the surface) >= 0.

    Source: Lew 2023, Fig. 3; rotation as in the released saliency notebook (DOMAIN.md A).
    """
    turned = _turned(director, PLANE_ANGLE_DEG)
    return np.where(turned[..., 2:] < 0, -turned, turned)


def to_polarization_frame(director: np.ndarray) -> np.ndarray:
    """Directors `(..., 3)` turned from the sample frame to the polarization frame; undoes `to_sample_frame`."""
    return _turned(director, -PLANE_ANGLE_DEG)


def misorientation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle between directors, degrees in [0, 90]; `a` and `b` are `(..., 3)` and broadcast (DOMAIN.md A).

    Taken from cross and dot product, since arccos of a dot product near 1 loses small angles in float32.
    """
    ax, ay, az = np.moveaxis(np.asarray(a), -1, 0)
    bx, by, bz = np.moveaxis(np.asarray(b), -1, 0)
    cross = np.sqrt((ay * bz - az * by) ** 2 + (az * bx - ax * bz) ** 2 + (ax * by - ay * bx) ** 2)
    return np.degrees(np.arctan2(cross, np.abs(ax * bx + ay * by + az * bz)))
