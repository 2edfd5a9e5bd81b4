"""Search for pictures of a wanted hardness, judge what was found, and take properties away from it.

Searches, their judges, contests between them and the controls of Fig. 6 live here; a search sees codes and numbers.
Networks and generators do not: they come in as functions. A new search is one class and one entry.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submodules=[
        "benchmark",
        "controls",
        "genetic",
        "judges",
        "operators",
        "search",
    ],
    submod_attrs={
        "genetic": ["GeneticAlgorithm", "History", "evolve"],
    },
)
