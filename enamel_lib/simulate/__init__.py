"""Matter with known truth: sections of enamel, the law of their hardness, and its derivative.

Physics lives here, in micrometres, GPa and directors, and what fits it to a real map. Labels, noise of measurement and
networks do not. A law of hardness of one's own replaces `law`, another kind of enamel is a file in `textures/`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submodules=[
        "fields",
        "fitting",
        "law",
        "likeness",
        "mosaics",
        "rods",
        "sensitivity",
        "simulator",
        "texture",
        "tiles",
        "two_sample",
    ],
    submod_attrs={
        "likeness": ["measured_maps"],
        "mosaics": ["mosaic"],
        "simulator": ["WORLDS", "Section", "local_misorientation", "section", "sections"],
        "texture": ["Texture", "preset", "presets"],
        "tiles": ["write_tiles"],
        "two_sample": ["two_sample_test"],
    },
)
