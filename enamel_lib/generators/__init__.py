"""Trained generators, used alike whichever engine draws, and measures of what they draw.

Loading, drawing and judging pictures live here. Training does not: see `stylegan2`.
A new engine is one file with an `ImageGenerator` and one entry in `loading.ENGINES`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submodules=["base", "loading", "metrics", "tf1"],
    submod_attrs={
        "base": ["BATCH_SIZE", "ImageGenerator"],
        "keras": ["load_network", "save_generator"],
        "loading": ["Engine", "load_generator", "make_generator"],
    },
)
