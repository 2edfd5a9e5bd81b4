"""The command `enamel`: thin over the library, so that notebooks and shell do the same things.

Options, progress bars and one-line complaints live here. Whatever computes does not.
Importing it loads neither Keras nor matplotlib, so that `--help` is quick.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submodules=["app", "console", "data", "doctor", "evolve", "generator", "maps", "own"],
    submod_attrs={"app": ["main"]},
)
