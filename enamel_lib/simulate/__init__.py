"""Matter with known truth: sections of enamel, the law of their hardness, and its derivative.

Physics lives here, in micrometres, GPa and directors. Labels, noise of measurement and networks do not.
A law of hardness of one's own replaces `law`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submodules=[
        "law",
        "rods",
        "sensitivity",
        "simulator",
        "tiles",
    ],
    submod_attrs={
        "simulator": ["WORLDS", "Section", "local_misorientation", "section", "sections"],
        "tiles": ["write_tiles"],
    },
)
