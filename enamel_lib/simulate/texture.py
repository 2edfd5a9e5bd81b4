"""What the enamel of one map has in common (`Texture`), the prior over kinds of enamel, and presets that were fitted.

A preset is a file in `textures/`, written by `enamel fit-texture` (`fitting`). The prior is centred on the one that
was fitted to the real map, and varies with depth as enamel does. Numbers and sources: DOMAIN.md A.
"""

from dataclasses import asdict, dataclass, replace
from functools import cache
from math import pi
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from enamel_lib import paths, structured
from enamel_lib.errors import InputError

FOLDER = Path(__file__).parent / "textures"
REAL_MAP = "real-map"
ANGLES = (-360.0, 360.0)  # of all that has no other range
RANGES = {  # within which sections can be drawn; um and pitches
    "pitch": (1.0, 50.0),
    "band": (1.0, 10_000.0),
    "exposure": (1.0, 10.0),
    "warp": (0.0, 50.0),
    "ragged": (0.0, 5.0),
    "interrod": (0.0, 0.5),
    "follow": (-3.0, 3.0),
    "interrod_follow": (-3.0, 3.0),
    **dict.fromkeys(("fullness", "roundness", "seam", "taper", "tail", "jitter"), (0.0, 1.0)),
}


@dataclass(frozen=True)
class Texture:
    """Lengths in um, angles in degrees, standard deviations where a name says how much something varies.

    The rod axis leans by `tilt` from the surface normal towards `azimuth` in the picture, from x; `decussation` is the
    amplitude of the swing of its tilt, of wavelength `band` along `band_angle` from the azimuth (bands of Hunter and
    Schreger). Rods stand `pitch` apart; their heads look towards `head_angle` in the plane across the rods, from the
    azimuth. In pitches: `fullness` is the radius of a rod where no neighbour limits it, `interrod` the half width of
    the wall between neighbours, `roundness` of their corners, `seam` the width over which a tail goes over into
    interrod. A keyhole is wider at the head by `taper` and longer at the tail by `tail`, relatively.

    The c-axis at the middle of a rod leans by `crystal_tilt` towards `crystal_azimuth`, and follows `follow` of the
    swing (between the rods `interrod_follow`). It turns by `bend` from head to tail; interrod crystals stand at
    `interrod_bend` from it on the tail's side, and `rim` more where they touch a head. Rods differ from each other by
    `lean`, `twist` and `extra` in tilt, azimuth and bend, groups of rods by `group`; within a rod c-axes waver by
    `waves`, and single crystals by `scatter`. The picture is `exposure` times as bright, and saturates.
    """

    pitch: float
    azimuth: float
    tilt: float
    decussation: float
    band: float
    band_angle: float
    head_angle: float
    fullness: float
    interrod: float
    roundness: float
    seam: float
    taper: float
    tail: float
    jitter: float  # of rods about their lattice, at most so many pitches
    warp: float  # of the rods' course, um
    ragged: float  # outlines at the scale of crystals, um
    crystal_tilt: float
    crystal_azimuth: float
    follow: float
    interrod_follow: float
    bend: float
    interrod_bend: float
    rim: float
    lean: float
    twist: float
    extra: float
    group: float
    waves: float
    scatter: float
    exposure: float
    phase: float = 0.0  # of the swing, radians

    def write(self, file: Path, **record) -> None:
        """Write the texture, and how it came about, as YAML."""
        values = {name: float(f"{value:.4g}") for name, value in asdict(self).items() if name != "phase"}
        with paths.atomic(file) as temporary:
            temporary.write_text(yaml.safe_dump({"texture": values, "record": record}, sort_keys=False))


class _File(structured.Strict):
    """What `Texture.write` writes."""

    texture: dict[str, float]
    record: dict[str, Any]  # how it came about


def read(file: Path | str) -> Texture:
    """Read a texture that `enamel fit-texture` wrote.

    Raises
    ------
    InputError
        If it is no such file, or a value is beyond its range.
    """
    try:
        found = Texture(**structured.read_yaml(Path(file), _File).texture)
        for name, value in asdict(found).items():
            low, high = RANGES.get(name, ANGLES)
            if not low <= value <= high:
                raise InputError(f"{name} {value:g} is not from {low:g} to {high:g}")
        return found
    except (InputError, TypeError) as error:
        raise InputError(f"{file}: is no texture ({error}); `enamel fit-texture` writes one") from error


def presets() -> list[str]:
    """Names of the fitted textures that ship."""
    return sorted(file.stem for file in FOLDER.glob("*.yml"))


def preset(name: str) -> Texture:
    """Give a texture by the name of a preset, or of a file that `enamel fit-texture` wrote."""
    return _shipped(name) if name in presets() else read(name)


@cache
def _shipped(name: str) -> Texture:
    """Read once: the prior asks for every section."""
    return read(FOLDER / f"{name}.yml")


def draw(rng: np.random.Generator, depth: float) -> Texture:
    """Draw the texture of a map from the prior: kinds of enamel like the real map's, as they change with depth.

    From the junction (`depth` 0) to the surface (1) rods grow, walls between them thin, arcades close to keyholes,
    decussation fades and the c-axis bends less inside a rod (DOMAIN.md A and B, world *confounded*). Scatter of
    crystals does not depend on depth.
    """
    typical = preset(REAL_MAP)
    away = depth - 0.5
    spread = {name: rng.lognormal(0, 0.15) for name in ("lean", "twist", "extra", "group", "waves", "warp", "band")}
    turned = {name: rng.normal(0, 6) for name in ("tilt", "crystal_tilt", "crystal_azimuth", "interrod_bend")}
    drawn = {name: getattr(typical, name) * factor for name, factor in spread.items()}
    drawn |= {name: getattr(typical, name) + angle for name, angle in turned.items()}
    return replace(
        typical,
        **drawn,
        phase=rng.uniform(0, 2 * pi),
        azimuth=typical.azimuth + rng.normal(0, 10),
        band_angle=typical.band_angle + rng.normal(0, 15),
        head_angle=typical.head_angle + rng.normal(0, 15),
        pitch=typical.pitch * (1 + 0.35 * away) + rng.normal(0, 0.2),
        decussation=typical.decussation * (1 - 0.7 * away) * rng.uniform(0.85, 1.15),
        bend=typical.bend * (1 - 0.4 * away) + rng.normal(0, 3),
        interrod=typical.interrod * (1 - 0.6 * away) * rng.uniform(0.85, 1.15),
        seam=typical.seam * (1 - away),
        taper=typical.taper - 0.1 * away,
        scatter=typical.scatter * rng.uniform(0.5, 1.6),
        exposure=rng.uniform(1, 2 * typical.exposure - 1),
    )


def resolve(texture: str | Texture, depth: float, rng: np.random.Generator) -> Texture:
    """Give the texture of a section: drawn from the prior (`prior`), of a preset or file, or as it is."""
    if texture == "prior":
        return draw(rng, depth)
    if isinstance(texture, str):
        return with_phase(preset(texture), rng)
    return texture


def with_phase(texture: Texture, rng: np.random.Generator) -> Texture:
    """Draw where in the bands of Hunter and Schreger a map of this texture lies."""
    return replace(texture, phase=rng.uniform(0, 2 * pi))
