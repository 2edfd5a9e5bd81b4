"""Arrays in, `Figure` out: how everything looks.

One style and one vocabulary of colours and marks for all figures live here. Nothing here measures, loads or decides.
Every function takes arrays and words; what they mean is the caller's.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submodules=[
        "axes",
        "dataset",
        "dense",
        "designs",
        "filters",
        "generator",
        "large",
        "likeness",
        "maps",
        "own_map",
        "saliency",
        "sanity_checks",
        "style",
        "training",
        "verdicts",
    ],
    submod_attrs={"style": ["gallery"]},
)
