"""Search for pictures of a wanted hardness, judge what was found, and take properties away from it.

Searches, the protocols of the genetic algorithm, judges, contests and the controls of Fig. 6 live here; a search sees
codes and numbers. Networks and generators do not: they come in as functions. A new search or protocol is one class and
one entry (`benchmark.METHODS`, `protocols.PROTOCOLS`).
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    submodules=["benchmark", "controls", "designs", "fronts", "genetic", "judges", "operators", "protocols", "search"],
    submod_attrs={
        "benchmark": ["METHODS"],
        "designs": ["design"],
        "genetic": ["GeneticAlgorithm", "History", "evolve"],
        "protocols": ["PROTOCOLS"],
        "search": ["SearchResult"],
    },
)
